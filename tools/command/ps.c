// bulkhead ps: what runs.
// SPDX-License-Identifier: MIT
#include "tools/columns.h"
#include "tools/control/client.h"

static const struct column vms[] = {
    {"VM", "name", COLUMN_TEXT},
    {"STATE", "state", COLUMN_TEXT},
    {"CPUS", "vcpus", COLUMN_NUMBER},
    {"MEMORY", "memory_kib", COLUMN_KIB},
    {"RESIDENT", "resident_kib", COLUMN_KIB},
    {"EXITS", "exits", COLUMN_NUMBER},
    {0},
};

static const struct column servers[] = {
    {"SERVER", "name", COLUMN_TEXT},
    {"KIND", "kind", COLUMN_TEXT},
    {"VM", "vm", COLUMN_TEXT},
    {"STATE", "state", COLUMN_TEXT},
    {"RESTARTS", "restarts", COLUMN_NUMBER},
    {"CPU", "cpu_ns", COLUMN_SECONDS},
    {"MEMORY", "memory_kib", COLUMN_KIB},
    {0},
};

enum outcome command_ps(struct invocation *v)
{
    struct control c;
    enum outcome o = control_open(&c, v);
    if (o != DONE)
        return o;
    json_t *vm_list = control_execute(&c, "query-vms", NULL, &o);
    json_t *server_list = vm_list ? control_execute(&c, "query-servers", NULL, &o) : NULL;
    if (server_list && given(v, OPTION_JSON)) {
        json_t *both = json_pack("{s:O, s:O}", "vms", vm_list, "servers", server_list);
        json_write(both);
        json_decref(both);
    } else if (server_list) {
        columns_print(stdout, vms, vm_list);
        fputc('\n', stdout);
        columns_print(stdout, servers, server_list);
    }
    json_decref(vm_list);
    json_decref(server_list);
    control_close(&c);
    return o;
}
