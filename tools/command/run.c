// bulkhead run: from a configuration to a running machine.
// SPDX-License-Identifier: MIT
//
// What the machine is like, how an emulator is started and how a run ended is known to scripts/machine alone.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/boot_progress.h"
#include "tools/disk_parts.h"
#include "tools/machines.h"
#include "tools/pack.h"
#include "tools/schema.h"

enum { MACHINE_REFUSED = 1, MACHINE_STOPPED = 2 }; // statuses of scripts/machine

struct run {
    struct invocation *v;
    const char *name, *path, *machine; // path: of its folder
    const char *disk;                  // image of its disk; NULL: it has none
    bool rng, net;                     // it is to have random numbers, a network card
    int lock;
    bool headless;
};

static pid_t child;

static void pass_on(int number)
{
    (void)number;
    kill(child, SIGTERM);
}

// Of the machine that is to be started, in MiB; 0: its description cannot be asked.
static uint64_t machine_memory(struct invocation *v)
{
    unsigned long long mib = 0;
    if (given(v, OPTION_MEMORY))
        return v->line.options.value[OPTION_MEMORY].number;
    FILE *from = popen(arena_format(&v->arena, "'%s/../scripts/machine-args' memory", v->build), "re");
    if (!from || fscanf(from, "%llu", &mib) != 1)
        mib = 0;
    if (from)
        pclose(from);
    return mib;
}

static bool make_archive(const struct run *r, const struct plan *plan)
{
    struct invocation *v = r->v;
    struct pack pack = {.arena = &v->arena, .programs = v->programs};
    pack_plan(&pack, plan);
    return pack_write(&pack, &v->report, arena_format(&v->arena, "%s/%s", r->path, MACHINE_ARCHIVE));
}

// Partitions for the disks that are stored there; a configuration without such disks has no image.
static bool make_disk(struct run *r)
{
    struct invocation *v = r->v;
    struct config config;
    struct list parts = {0};
    r->disk = v->line.options.value[OPTION_DISK].text;
    if (!config_load(v, v->words[0], &config) || !disk_parts(&v->arena, &v->report, &config, NULL, 0, &parts))
        return false;
    if (!r->disk && parts.count) {
        const char *folder = arena_format(&v->arena, "%s/disks", v->build);
        (void)mkdir(folder, 0777); // if it is not there then, the image will say so
        r->disk = arena_format(&v->arena, "%s/%s.disk", folder, config.name.text);
    }
    if (!r->disk || (parts.count && !disk_image_make(&v->report, r->disk, &parts, false)))
        return !r->disk;
    char *path = realpath(r->disk, NULL); // scripts/machine works elsewhere
    if (!path)
        return report_error(&v->report, 0, "%s: %s", r->disk, strerror(errno));
    r->disk = arena_text(&v->arena, path, strlen(path));
    free(path);
    return true;
}

static bool write_about(const struct run *r)
{
    char *config = realpath(config_path(r->v, r->v->words[0]), NULL);
    json_t *about = json_pack("{s:s*, s:s, s:i, s:b}", "config", config, "machine", r->machine, "pid",
                              getpid(), "headless", r->headless);
    bool good = json_dump_file(about, arena_format(&r->v->arena, "%s/%s", r->path, MACHINE_ABOUT), 0) == 0;
    json_decref(about);
    free(config);
    return good || report_error(&r->v->report, 0, "%s: %s", r->path, strerror(errno));
}

// Sockets have short names: below the tree that name counts from its root, where scripts/machine works.
static const char *socket_path(const struct run *r, const char *file)
{
    const char *build = r->v->build, *folder = strrchr(build, '/');
    size_t length = strlen(build);
    if (folder && strncmp(r->path, build, length) == 0)
        return arena_format(&r->v->arena, "%s%s/%s", folder + 1, r->path + length, file);
    return arena_format(&r->v->arena, "%s/%s", r->path, file);
}

static char **command_line(const struct run *r)
{
    struct invocation *v = r->v;
    struct arena *a = &v->arena;
    struct list words = {0};
    const struct option_value *options = v->line.options.value;
#define WORD(text) *(const char **)list_add(a, &words, sizeof(char *)) = (text)
    WORD(arena_format(a, "%s/../scripts/machine", v->build));
    WORD("--machine"), WORD(r->machine);
    if (given(v, OPTION_MEMORY))
        WORD("--memory"), WORD(options[OPTION_MEMORY].text);
    if (given(v, OPTION_SMP))
        WORD("--smp"), WORD(options[OPTION_SMP].text);
    WORD("--control"), WORD(socket_path(r, MACHINE_CONTROL));
    if (r->disk)
        WORD("--disk"), WORD(r->disk);
    if (r->rng)
        WORD("--rng");
    if (r->net)
        WORD("--net");
    if (r->headless)
        WORD("--line"), WORD(socket_path(r, MACHINE_LINE));
    WORD("run"), WORD("-kernel"), WORD(arena_format(a, "%s/bulkhead.elf", v->build));
    WORD("-append"), WORD("exit-port exit-on-panic");
    WORD("-initrd"), WORD(arena_format(a, "%s/%s", r->path, MACHINE_ARCHIVE));
    for (int i = 0; i < v->line.rest_count; i++)
        WORD(v->line.rest[i]);
    WORD(NULL);
#undef WORD
    return words.items;
}

_Noreturn static void become_machine(const struct run *r, char **words, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || (r->headless && !freopen("/dev/null", "r", stdin)))
        _exit(MACHINE_REFUSED);
    execv(words[0], words);
    fprintf(stderr, "bulkhead: %s: %s\n", words[0], strerror(errno));
    _exit(MACHINE_REFUSED);
}

// Signals wait until there is somebody to hand them on to.
static bool start(const struct run *r)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    char **words = command_line(r);
    pid_t parent = getpid();
    sigset_t ends, before;
    sigemptyset(&ends);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaddset(&ends, signals[i]);
    sigprocmask(SIG_BLOCK, &ends, &before);
    fflush(NULL);
    child = fork();
    for (size_t i = 0; child > 0 && i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &(struct sigaction){.sa_handler = pass_on}, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (child == 0)
        become_machine(r, words, parent);
    return child > 0 || report_error(&r->v->report, 0, "%s", strerror(errno));
}

static enum outcome wait_for_end(const struct run *r)
{
    struct boot_progress progress = {.name = r->name, .path = r->path, .line = -1};
    int status;
    pid_t ended;
    while ((ended = waitpid(child, &status, r->headless && !progress.done ? WNOHANG : 0)) != child) {
        if (ended < 0 && errno != EINTR)
            return REFUSED;
        if (ended == 0)
            boot_progress_step(&progress);
    }
    boot_progress_end(&progress);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == MACHINE_STOPPED)
        return STOPPED;
    if (WEXITSTATUS(status) == MACHINE_REFUSED)
        return REFUSED;
    return WEXITSTATUS(status) ? ENDED_BADLY : DONE;
}

enum outcome command_run(struct invocation *v)
{
    struct plan plan;
    const struct option_value *options = v->line.options.value;
    const char *machine = getenv("MACHINE");
    struct run r = {.v = v, .headless = given(v, OPTION_HEADLESS)};
    r.machine = options[OPTION_MACHINE].text ? options[OPTION_MACHINE].text
                : machine && *machine        ? machine
                                             : "qemu";
    if (!config_plan(v, v->words[0], machine_memory(v), r.machine, &plan))
        return REFUSED;
    r.rng = plan.rng;
    r.net = plan.uplink;
    v->report.file = "bulkhead";
    r.name = options[OPTION_RUN].text ? options[OPTION_RUN].text : plan.name;
    if (!schema_name_ok(r.name)) {
        report_error(&v->report, 0, "--run %s: expected up to 15 lower-case letters, digits and '-'", r.name);
        return WRONG_USE;
    }
    if (!machine_claim(v, r.name, &r.path, &r.lock))
        return REFUSED;
    enum outcome o = REFUSED;
    if (make_disk(&r) && make_archive(&r, &plan) && write_about(&r)) {
        fprintf(stderr, "%s: %zu VM%s on %s%s\n", r.name, plan.vms.count, plan.vms.count == 1 ? "" : "s",
                r.machine,
                r.headless || !isatty(STDIN_FILENO)
                    ? ""
                    : "; Ctrl-A X stops the machine, every other key is the machine's");
        if (start(&r))
            o = wait_for_end(&r);
    }
    machine_release(r.path, r.lock);
    return o;
}
