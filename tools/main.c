// bulkhead: the command on the host.
// SPDX-License-Identifier: MIT
//
// LINK: libipc/json.c
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/command.h"

static const char *own_folder(struct arena *a)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return "build";
    self[n] = 0;
    return arena_format(a, "%s", dirname(self));
}

static enum outcome refuse_use(const struct invocation *v, const char *what)
{
    fprintf(stderr, "bulkhead: %s; try: bulkhead %s%s--help\n", what, v->command ? v->command->name : "",
            v->command ? " " : "");
    return WRONG_USE;
}

static enum outcome no_command(struct invocation *v)
{
    const struct command_line *l = &v->line;
    const char *group = l->count && help_is_group(l->words[0]) ? l->words[0] : NULL;
    if (given(v, OPTION_HELP) && (!l->count || group)) {
        help_all(stdout, group);
        return DONE;
    }
    if (l->count > (group ? 1 : 0))
        return refuse_use(v, arena_format(&v->arena, "there is no command '%s%s%s'", l->words[0],
                                          group ? " " : "", group ? l->words[1] : ""));
    help_all(stderr, group);
    return WRONG_USE;
}

static enum outcome execute(struct invocation *v)
{
    const struct command *c = v->command;
    if (given(v, OPTION_HELP)) {
        help_command(stdout, c);
        return DONE;
    }
    if (!options_within(&v->line, c->options))
        return refuse_use(v, v->line.error);
    if (v->count < c->least || v->count > c->most || (v->line.rest && !c->rest))
        return refuse_use(
            v, arena_format(&v->arena, "expected: %s%s%s", c->name, *c->arguments ? " " : "", c->arguments));
    const char *programs = v->line.options.value[OPTION_PROGRAMS].text;
    v->programs = programs ? programs : arena_format(&v->arena, "%s/user", v->build);
    return c->run(v);
}

int main(int argc, char **argv)
{
    struct invocation v = {.report = {.to = stderr, .file = "bulkhead"}};
    int length;
    v.build = own_folder(&v.arena);
    char **words = arena_alloc(&v.arena, sizeof *words * (size_t)argc);
    bool good = options_parse(&v.line, argv + 1, argc - 1, words);
    v.command = command_find(words, v.line.count, &length);
    if (v.command) {
        v.words = words + length;
        v.count = v.line.count - length;
    }
    enum outcome o = !good ? refuse_use(&v, v.line.error) : v.command ? execute(&v) : no_command(&v);
    if (fflush(stdout) != 0 && o == DONE)
        o = REFUSED;
    arena_free(&v.arena);
    return (int)o;
}
