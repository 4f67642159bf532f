// bulkhead kill: a server dies, and is started again on its state.
// SPDX-License-Identifier: MIT
#include "tools/control/client.h"

enum outcome command_kill(struct invocation *v)
{
    struct control c;
    enum outcome o = control_open(&c, v);
    if (o != DONE)
        return o;
    for (int i = 0; i < v->count && o == DONE; i++)
        json_decref(control_execute(&c, "kill", json_pack("{s:s}", "server", v->words[i]), &o));
    control_close(&c);
    return o;
}
