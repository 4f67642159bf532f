// bulkhead vm create: a VM is added to a machine that runs.
// SPDX-License-Identifier: MIT
//
// Files of the boot archive are named by what is in them, so those that it names are found. What the machine
// numbers is asked of it first.
#include <stdlib.h>

#include "tools/control/client.h"
#include "tools/expand.h"
#include "tools/manifest.h"

static uint32_t next(json_t *status, const char *what)
{
    return (uint32_t)json_integer_value(json_object_get(json_object_get(status, "next"), what));
}

static json_t *definition(struct invocation *v, const struct config *config, const struct expand_numbers *n)
{
    struct plan part;
    char *text = NULL;
    size_t bytes;
    if (!expand_part(&v->arena, &v->report, config, n, &part))
        return NULL;
    FILE *to = open_memstream(&text, &bytes);
    if (!to)
        return NULL;
    manifest_write_part(&part, to);
    fclose(to);
    json_t *json = json_loadb(text, bytes, 0, NULL);
    if (!json)
        report_error(&v->report, 0, "the definition of %s is no JSON", n->vm);
    free(text);
    return json;
}

static enum outcome create(struct invocation *v, struct control *c, const struct config *config,
                           const char *vm)
{
    enum outcome o;
    json_t *status = control_execute(c, "query-status", NULL, &o);
    if (!status)
        return o;
    struct expand_numbers n = {vm, next(status, "memory"), next(status, "console"), next(status, "log")};
    json_decref(status);
    json_t *json = definition(v, config, &n);
    if (!json)
        return REFUSED;
    json_decref(control_execute(c, "vm-create", json_pack("{s:o}", "definition", json), &o));
    return o;
}

enum outcome command_vm_create(struct invocation *v)
{
    struct config config;
    struct control c;
    if (!config_load(v, v->words[0], &config))
        return REFUSED;
    enum outcome o = control_open(&c, v);
    if (o != DONE)
        return o;
    for (int i = 1; i < v->count && o == DONE; i++)
        o = create(v, &c, &config, v->words[i]);
    control_close(&c);
    return o;
}
