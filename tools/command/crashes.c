// bulkhead crashes: the records of the last deaths of servers.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "tools/columns.h"
#include "tools/control/client.h"

static void print(const json_t *crash)
{
    char time[64];
    const char *text = json_string_value(json_object_get(crash, "text"));
    column_text(time, json_object_get(crash, "time_ns"), COLUMN_SECONDS);
    printf("%s after the start:\n%s%s", time, text ? text : "",
           text && *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
}

enum outcome command_crashes(struct invocation *v)
{
    enum outcome o;
    size_t i;
    json_t *crash, *list = control_ask(v, "query-crashes", NULL, &o);
    if (list && given(v, OPTION_JSON)) {
        json_write(list);
    } else {
        json_array_foreach(list, i, crash) print(crash);
    }
    json_decref(list);
    return o;
}
