// bulkhead archive: the boot archive of a configuration, or of a manifest.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "tools/command/command.h"
#include "tools/pack.h"

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

enum outcome command_archive(struct invocation *v)
{
    struct plan plan;
    struct pack pack = {.arena = &v->arena, .programs = v->programs};
    const char *from = v->words[0];
    v->report.file = from;
    if (ends_with(from, ".json")
            ? !pack_manifest(&pack, &v->report, from)
            : !config_plan(v, from, 0, v->line.options.value[OPTION_MACHINE].text, &plan))
        return REFUSED;
    if (!pack.manifest)
        pack_plan(&pack, &plan);
    return pack_write(&pack, &v->report, v->words[1]) ? DONE : REFUSED;
}
