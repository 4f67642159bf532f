// bulkhead manifest: what a configuration, or one VM of it, stands for.
// SPDX-License-Identifier: MIT
#include "tools/manifest.h"

#include "tools/command/command.h"
#include "tools/expand.h"

// Of a machine that nobody asked: numbers that few have in use.
static const struct expand_numbers far = {.memory = 32, .console = 30, .log = 128};

static bool write_part(struct invocation *v)
{
    struct expand_numbers numbers = far;
    struct config config;
    struct plan part;
    numbers.vm = v->words[1];
    if (!config_load(v, v->words[0], &config) ||
        !expand_part(&v->arena, &v->report, &config, &numbers, &part))
        return false;
    manifest_write_part(&part, stdout);
    return true;
}

enum outcome command_manifest(struct invocation *v)
{
    struct plan plan;
    if (v->count > 1)
        return write_part(v) ? DONE : REFUSED;
    if (!config_plan(v, v->words[0], 0, v->line.options.value[OPTION_MACHINE].text, &plan))
        return REFUSED;
    manifest_write(&plan, stdout);
    return DONE;
}
