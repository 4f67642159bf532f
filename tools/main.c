// bulkhead: the command on the host.
// SPDX-License-Identifier: MIT
//
// LINK: libipc/json.c
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/config.h"
#include "tools/expand.h"
#include "tools/manifest.h"
#include "tools/pack.h"

enum { EXIT_WRONG_INPUT = 1, EXIT_WRONG_USE = 2 };

struct run {
    struct arena arena;
    struct report report;
    const char *programs;
    char **arguments; // behind the subcommand
};

static bool plan_of(struct run *run, struct plan *plan)
{
    struct config config;
    return config_read(&run->arena, &run->report, run->arguments[0], &config) &&
           expand(&run->arena, &run->report, &config, plan);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool do_check(struct run *run)
{
    struct plan plan;
    return plan_of(run, &plan);
}

static bool do_manifest(struct run *run)
{
    struct plan plan;
    if (!plan_of(run, &plan))
        return false;
    manifest_write(&plan, stdout);
    return true;
}

static bool do_archive(struct run *run)
{
    struct plan plan;
    struct pack pack = {.arena = &run->arena, .programs = run->programs};
    const char *from = run->arguments[0];
    run->report.file = from;
    if (ends_with(from, ".json") ? !pack_manifest(&pack, &run->report, from) : !plan_of(run, &plan))
        return false;
    if (!pack.manifest)
        pack_plan(&pack, &plan);
    return pack_write(&pack, &run->report, run->arguments[1]);
}

static const struct command {
    const char *name;
    int arguments;
    bool (*run)(struct run *);
    const char *usage;
} commands[] = {
    {"check", 1, do_check, "check CONFIG               says what is wrong with a configuration"},
    {"manifest", 1, do_manifest,
     "manifest CONFIG            prints all that it stands for: objects, capabilities, windows"},
    {"archive", 2, do_archive,
     "archive CONFIG OUT.cpio    makes its boot archive (also of a manifest, FILE.json)"},
};

static int usage(void)
{
    fputs("usage: bulkhead [--programs DIR] COMMAND\n", stderr);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(stderr, "  %s\n", commands[i].usage);
    fputs("Programs are taken from DIR, or from `user` beside this command.\n", stderr);
    return EXIT_WRONG_USE;
}

static const char *programs_beside(struct arena *a)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return "build/user";
    self[n] = 0;
    return arena_format(a, "%s/user", dirname(self));
}

int main(int argc, char **argv)
{
    struct run run = {.report = {.to = stderr, .file = "bulkhead"}};
    int at = 1;
    if (argc > 2 && strcmp(argv[1], "--programs") == 0) {
        run.programs = argv[2];
        at = 3;
    }
    const struct command *c = commands, *end = commands + sizeof commands / sizeof commands[0];
    while (c < end && at < argc && strcmp(argv[at], c->name) != 0)
        c++;
    if (c == end || at >= argc || argc - at - 1 != c->arguments)
        return usage();
    if (!run.programs)
        run.programs = programs_beside(&run.arena);
    run.arguments = argv + at + 1;
    bool good = c->run(&run);
    arena_free(&run.arena);
    return good ? 0 : EXIT_WRONG_INPUT;
}
