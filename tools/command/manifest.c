// bulkhead manifest
// SPDX-License-Identifier: MIT
#include "tools/manifest.h"

#include "tools/command/command.h"

enum outcome command_manifest(struct invocation *v)
{
    struct plan plan;
    if (!config_plan(v, v->words[0], 0, v->line.options.value[OPTION_MACHINE].text, &plan))
        return REFUSED;
    manifest_write(&plan, stdout);
    return DONE;
}
