// bulkhead stats: what VMs and servers have counted.
// SPDX-License-Identifier: MIT
#include "tools/columns.h"
#include "tools/control/client.h"

static const struct column vms[] = {
    {"VM", "name", COLUMN_TEXT},
    {"CPU", "cpu_ns", COLUMN_SECONDS},
    {"MEMORY", "memory_kib", COLUMN_KIB},
    {"RESIDENT", "resident_kib", COLUMN_KIB},
    {"OVERHEAD", "overhead_kib", COLUMN_KIB},
    {"ACCESSES", "accesses", COLUMN_NUMBER},
    {"DOORBELLS", "doorbells", COLUMN_NUMBER},
    {"FAULTS", "page_faults", COLUMN_NUMBER},
    {"INTERRUPTS", "interrupts", COLUMN_NUMBER},
    {0},
};

static const struct column servers[] = {
    {"SERVER", "name", COLUMN_TEXT},         {"CPU", "cpu_ns", COLUMN_SECONDS},
    {"WAITS", "waits", COLUMN_NUMBER},       {"CALLS", "system_calls", COLUMN_NUMBER},
    {"MESSAGES", "messages", COLUMN_NUMBER}, {0},
};

static const struct column routes[] = {
    {"VM", "of", COLUMN_TEXT},          {"SPACE", "space", COLUMN_TEXT},
    {"FIRST", "first", COLUMN_ADDRESS}, {"LAST", "last", COLUMN_ADDRESS},
    {"USE", "use", COLUMN_TEXT},        {"SERVER", "server", COLUMN_TEXT},
    {"TIMES", "count", COLUMN_NUMBER},  {0},
};

static const struct column counts[] = {
    {"OF", "of", COLUMN_TEXT}, {"COUNTED", "what", COLUMN_TEXT}, {"TIMES", "times", COLUMN_NUMBER}, {0}};

// Adds a row for each member of what is counted under that key.
static void add_counts(json_t *rows, const json_t *list, const char *key, const char *prefix)
{
    size_t i;
    const char *what;
    json_t *item, *times;
    json_array_foreach(list, i, item) json_object_foreach(json_object_get(item, key), what, times)
        json_array_append_new(rows, json_pack("{s:O, s:s+, s:O}", "of", json_object_get(item, "name"), "what",
                                              prefix, what, "times", times));
}

// Adds a row for each route of each VM.
static void add_routes(json_t *rows, const json_t *list)
{
    size_t i, k;
    json_t *vm, *route;
    json_array_foreach(list, i, vm) json_array_foreach(json_object_get(vm, "routes"), k, route)
    {
        json_t *row = json_pack("{s:O}", "of", json_object_get(vm, "name"));
        json_object_update(row, route);
        json_array_append_new(rows, row);
    }
}

static void print(const json_t *stats)
{
    const json_t *vm_list = json_object_get(stats, "vms"), *server_list = json_object_get(stats, "servers");
    json_t *rows = json_array(), *route_rows = json_array();
    add_counts(rows, vm_list, "exits", "exit ");
    add_routes(route_rows, vm_list);
    add_counts(rows, server_list, "counters", "");
    columns_print(stdout, vms, vm_list);
    fputc('\n', stdout);
    columns_print(stdout, routes, route_rows);
    fputc('\n', stdout);
    columns_print(stdout, servers, server_list);
    fputc('\n', stdout);
    columns_print(stdout, counts, rows);
    json_decref(rows);
    json_decref(route_rows);
}

enum outcome command_stats(struct invocation *v)
{
    enum outcome o;
    json_t *stats =
        control_ask(v, "query-stats", v->count ? json_pack("{s:s}", "name", v->words[0]) : NULL, &o);
    if (stats && given(v, OPTION_JSON))
        json_write(stats);
    else if (stats)
        print(stats);
    json_decref(stats);
    return o;
}
