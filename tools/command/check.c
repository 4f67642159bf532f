// bulkhead check: what is wrong with a configuration.
// SPDX-License-Identifier: MIT
#include "tools/command/command.h"

enum outcome command_check(struct invocation *v)
{
    struct plan plan;
    return config_plan(v, v->words[0], v->line.options.value[OPTION_MEMORY].number, NULL, &plan) ? DONE
                                                                                                 : REFUSED;
}
