// bulkhead disk: the disks of all VMs.
// SPDX-License-Identifier: MIT
#include "tools/columns.h"
#include "tools/control/client.h"

static const struct column disks[] = {
    {"VM", "vm", COLUMN_TEXT},           {"DISK", "name", COLUMN_TEXT},  {"SERVER", "server", COLUMN_TEXT},
    {"STORE", "store", COLUMN_TEXT},     {"SIZE", "size", COLUMN_BYTES}, {"REQUESTS", "total", COLUMN_NUMBER},
    {"ERRORS", "errors", COLUMN_NUMBER}, {"BASE", "base", COLUMN_TEXT},  {0},
};

static void add_total(json_t *disk)
{
    json_int_t total = 0;
    const char *operation;
    json_t *count;
    json_object_foreach(json_object_get(disk, "requests"), operation, count) total +=
        json_integer_value(count);
    json_object_set_new(disk, "total", json_integer(total));
}

enum outcome command_disk(struct invocation *v)
{
    enum outcome o;
    size_t i;
    json_t *disk, *list = control_ask(v, "query-disks", NULL, &o);
    if (list && given(v, OPTION_JSON)) {
        json_write(list);
    } else if (list) {
        json_array_foreach(list, i, disk) add_total(disk);
        columns_print(stdout, disks, list);
    }
    json_decref(list);
    return o;
}
