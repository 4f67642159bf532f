// From the name of a configuration to its plan.
// SPDX-License-Identifier: MIT
#include "tools/config.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/check.h"
#include "tools/command/command.h"
#include "tools/expand.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct list config_names(struct invocation *v)
{
    struct list names = {0};
    DIR *folder = opendir(arena_format(&v->arena, "%s/../config", v->build));
    for (struct dirent *e; folder && (e = readdir(folder));) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot && dot > e->d_name && strcmp(dot, ".yaml") == 0)
            *(const char **)list_add(&v->arena, &names, sizeof(char *)) =
                arena_text(&v->arena, e->d_name, (size_t)(dot - e->d_name));
    }
    if (folder)
        closedir(folder);
    if (names.count)
        qsort(names.items, names.count, sizeof(char *), by_name);
    return names;
}

const char *config_path(struct invocation *v, const char *config)
{
    if (strpbrk(config, "/."))
        return config;
    const char *path = arena_format(&v->arena, "%s/../config/%s.yaml", v->build, config);
    return access(path, F_OK) == 0 || access(config, F_OK) != 0 ? path : config;
}

bool config_load(struct invocation *v, const char *config, struct config *c)
{
    const char *path = config_path(v, config), *all = "";
    if (path != config && access(path, F_OK) != 0) {
        struct list names = config_names(v);
        PLAN_EACH(const char *, name, &names)
        all = arena_format(&v->arena, "%s%s%s", all, *all ? ", " : "", *name);
        return report_error(&v->report, 0, "there is no configuration %s, only %s, or a file's name", config,
                            all);
    }
    return config_read(&v->arena, &v->report, path, c);
}

bool config_plan(struct invocation *v, const char *config, uint64_t memory, const char *machine,
                 struct plan *plan)
{
    struct config c;
    if (!config_load(v, config, &c))
        return false;
    c.ata = machine && strcmp(machine, "bochs") == 0;
    if ((memory && !check_machine(&v->report, &c, memory << 20)) || !expand(&v->arena, &v->report, &c, plan))
        return false;
    if (given(v, OPTION_RESTART_EVERY))
        expand_restarts(plan, v->line.options.value[OPTION_RESTART_EVERY].number);
    return true;
}
