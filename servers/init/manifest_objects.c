// The manifest, read: its objects, a table of keys a type.
// SPDX-License-Identifier: MIT
#include "libipc/abi/syscall.h"
#include "libipc/proto/names.h"
#include "servers/init/manifest_reader.h"

#define TYPE(t) (1u << (t))
// A memory object is at most this long: what the kernel allows (kernel/memory.h).
#define PAGES_MAX (UINT64_C(512) * 512 * 512)

enum { BARS = 6 };

// All keys that any type has.
struct raw_object {
    struct json_text name, payer, file, pager, vm, space, monitor, account, device;
    uint32_t type, fill;
    uint64_t bytes, weight, budget_us, period_us, pages, badge, priority, gsi, first, last, bar;
    uint64_t vendor, device_id, index;
    bool optional;
    struct json_node text, names, routes, maps;
};
// Of what is not there.
#define NO_GSI UINT64_MAX
#define NO_BAR UINT64_MAX

struct raw_route {
    uint32_t space;
    uint64_t first, last, badge;
    struct json_text rights, target;
};

#define COMMON                                                                                               \
    READER_NAME(raw_object, name),                                                                           \
        {.key = "type",                                                                                      \
         .offset = offsetof(struct raw_object, type),                                                        \
         .kind = JSON_CHOICE,                                                                                \
         .names = manifest_type_names},                                                                      \
        READER_OPTIONAL(raw_object, payer, JSON_TEXT)

static const struct json_field type_field[] = {{.key = "type",
                                                .offset = offsetof(struct raw_object, type),
                                                .kind = JSON_CHOICE,
                                                .names = manifest_type_names}};
static const struct json_field quota_fields[] = {COMMON, READER_FIELD(raw_object, bytes, JSON_NUMBER)};
static const struct json_field account_fields[] = {COMMON, READER_RANGE(raw_object, weight, 1, 1000),
                                                   READER_OPTIONAL(raw_object, budget_us, JSON_NUMBER),
                                                   READER_OPTIONAL(raw_object, period_us, JSON_NUMBER)};
static const struct json_field plain_fields[] = {COMMON};
static const struct json_field memory_fields[] = {COMMON,
                                                  READER_RANGE(raw_object, pages, 1, PAGES_MAX),
                                                  {.key = "fill",
                                                   .offset = offsetof(struct raw_object, fill),
                                                   .kind = JSON_CHOICE,
                                                   .names = manifest_fill_names},
                                                  READER_OPTIONAL(raw_object, file, JSON_TEXT),
                                                  READER_OPTIONAL(raw_object, text, JSON_OBJECT),
                                                  READER_OPTIONAL(raw_object, device, JSON_TEXT),
                                                  READER_OPTIONAL(raw_object, bar, JSON_NUMBER),
                                                  READER_OPTIONAL(raw_object, names, JSON_ARRAY),
                                                  READER_OPTIONAL(raw_object, pager, JSON_TEXT),
                                                  READER_OPTIONAL(raw_object, badge, JSON_NUMBER)};
static const struct json_field vm_fields[] = {COMMON, READER_OPTIONAL(raw_object, routes, JSON_ARRAY)};
static const struct json_field space_fields[] = {COMMON, READER_NAME(raw_object, vm),
                                                 READER_FIELD(raw_object, maps, JSON_ARRAY)};
static const struct json_field vcpu_fields[] = {COMMON,
                                                READER_NAME(raw_object, vm),
                                                READER_NAME(raw_object, space),
                                                READER_NAME(raw_object, monitor),
                                                READER_OPTIONAL(raw_object, badge, JSON_NUMBER),
                                                READER_NAME(raw_object, account),
                                                READER_RANGE(raw_object, priority, 0, PRIORITY_MAX)};
static const struct json_field irq_fields[] = {COMMON, READER_OPTIONAL(raw_object, gsi, JSON_NUMBER),
                                               READER_OPTIONAL(raw_object, device, JSON_TEXT)};
static const struct json_field device_fields[] = {
    COMMON,
    READER_RANGE(raw_object, vendor, 1, 0xfffe),
    {.key = "device", .offset = offsetof(struct raw_object, device_id), .kind = JSON_NUMBER, .most = 0xffff},
    {.key = "index",
     .offset = offsetof(struct raw_object, index),
     .kind = JSON_NUMBER,
     .optional = true,
     .most = 0xffff},
    READER_OPTIONAL(raw_object, optional, JSON_BOOL)};
static const struct json_field ioports_fields[] = {COMMON, READER_RANGE(raw_object, first, 0, 0xffff),
                                                   READER_RANGE(raw_object, last, 0, 0xffff)};

static const struct json_field name_fields[] = {
    READER_FIELD(manifest_name, entry, JSON_NUMBER),
    READER_NAME(manifest_name, text),
};

static const struct json_field route_fields[] = {
    {.key = "space",
     .offset = offsetof(struct raw_route, space),
     .kind = JSON_CHOICE,
     .names = manifest_space_names},
    READER_FIELD(raw_route, first, JSON_NUMBER),
    READER_FIELD(raw_route, last, JSON_NUMBER),
    READER_FIELD(raw_route, rights, JSON_TEXT),
    READER_NAME(raw_route, target),
    READER_OPTIONAL(raw_route, badge, JSON_NUMBER),
};

static bool keep_nothing(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                         struct manifest_object *o)
{
    (void)r, (void)n, (void)raw, (void)o;
    return true;
}

static bool keep_quota(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                       struct manifest_object *o)
{
    if (o->payer != MANIFEST_NONE)
        return json_fail(&r->json, n, "payer: only the supervisor pays for a quota");
    o->quota = raw->bytes;
    return true;
}

static bool keep_account(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                         struct manifest_object *o)
{
    (void)r, (void)n;
    o->account.weight = raw->weight;
    o->account.budget_us = raw->budget_us;
    o->account.period_us = raw->period_us;
    return true;
}

static bool keep_names(struct manifest_reader *r, struct json_node array, struct manifest_object *o)
{
    uint64_t entries = o->memory.pages * 4096 / sizeof(struct name_entry);
    if (!reader_grow(r, array, (void **)&o->memory.name, 0, MANIFEST_NAMES_MAX, sizeof *o->memory.name,
                     "names"))
        return false;
    for (struct json_node n = {0}; json_next(&r->json, array, &n); o->memory.name_count++) {
        struct manifest_name *to = &o->memory.name[o->memory.name_count];
        if (!json_read(&r->json, n, "a name", JSON_FIELDS(name_fields), to))
            return false;
        if (to->entry >= entries)
            return json_fail(&r->json, n, "entry: %llu, the pages hold %llu", (unsigned long long)to->entry,
                             (unsigned long long)entries);
    }
    return true;
}

static bool keep_memory(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                        struct manifest_object *o)
{
    bool file = raw->fill == FILL_FILE, text = raw->fill == FILL_TEXT;
    bool names = raw->fill == FILL_NAMES, bar = raw->fill == FILL_BAR;
    if (file != (raw->file.length != 0))
        return json_fail(&r->json, n, "file: expected with the fill \"file\", and only there");
    if (text != (raw->text.token != 0))
        return json_fail(&r->json, n, "text: expected with the fill \"text\", and only there");
    if (bar != (raw->device.length != 0) || bar != (raw->bar != NO_BAR))
        return json_fail(&r->json, n, "device, bar: expected with the fill \"bar\", and only there");
    if (bar && raw->bar >= BARS)
        return json_fail(&r->json, n, "bar: a PCI function has 0 to 5");
    if (names != (raw->names.token != 0))
        return json_fail(&r->json, n, "names: expected with the fill \"names\", and only there");
    o->memory.pages = raw->pages;
    o->memory.badge = raw->badge;
    o->memory.fill = (uint8_t)raw->fill;
    o->memory.pager = MANIFEST_NONE;
    if (file)
        o->memory.content = raw->file;
    if (text)
        o->memory.content = json_raw(&r->json, raw->text);
    o->memory.bar = (uint8_t)raw->bar;
    if (bar && !reader_object(r, n, "device", raw->device, TYPE(MANIFEST_DEVICE), &o->device))
        return false;
    if (names && !keep_names(r, raw->names, o))
        return false;
    return !raw->pager.length ||
           reader_any_object(r, n, "pager", raw->pager, TYPE(MANIFEST_ENDPOINT), &o->memory.pager);
}

static bool keep_route(struct manifest_reader *r, struct json_node n, struct manifest_route *to)
{
    struct raw_route raw = {0};
    if (!json_read(&r->json, n, "a route", JSON_FIELDS(route_fields), &raw) ||
        !reader_object(r, n, "target", raw.target, TYPE(MANIFEST_ENDPOINT) | TYPE(MANIFEST_NOTIFICATION),
                       &to->target) ||
        !reader_rights(r, n, raw.rights, RIGHT_READ | RIGHT_WRITE, &to->rights))
        return false;
    if (raw.first > raw.last)
        return json_fail(&r->json, n, "last: less than first");
    to->space = raw.space;
    to->first = raw.first;
    to->last = raw.last;
    to->badge = raw.badge;
    return true;
}

static bool keep_vm(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                    struct manifest_object *o)
{
    (void)n;
    if (!reader_grow(r, raw->routes, (void **)&o->vm.route, 0, MANIFEST_ROUTES_MAX, sizeof *o->vm.route,
                     "routes"))
        return false;
    for (struct json_node i = {0}; raw->routes.token && json_next(&r->json, raw->routes, &i); o->vm.count++)
        if (!keep_route(r, i, &o->vm.route[o->vm.count]))
            return false;
    return true;
}

static bool keep_space(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                       struct manifest_object *o)
{
    return reader_object(r, n, "vm", raw->vm, TYPE(MANIFEST_VM), &o->space.vm) &&
           reader_maps(r, raw->maps, &o->space.maps);
}

static bool keep_vcpu(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                      struct manifest_object *o)
{
    o->vcpu.badge = raw->badge;
    o->vcpu.priority = (uint16_t)raw->priority;
    return reader_object(r, n, "vm", raw->vm, TYPE(MANIFEST_VM), &o->vcpu.vm) &&
           reader_object(r, n, "space", raw->space, TYPE(MANIFEST_SPACE), &o->vcpu.space) &&
           reader_object(r, n, "monitor", raw->monitor, TYPE(MANIFEST_ENDPOINT), &o->vcpu.monitor) &&
           reader_object(r, n, "account", raw->account, TYPE(MANIFEST_ACCOUNT), &o->vcpu.account);
}

static bool keep_irq(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                     struct manifest_object *o)
{
    if ((raw->gsi == NO_GSI) == (raw->device.length == 0))
        return json_fail(&r->json, n, "an irq has a \"gsi\" or a \"device\"");
    o->gsi = raw->gsi;
    return !raw->device.length ||
           reader_object(r, n, "device", raw->device, TYPE(MANIFEST_DEVICE), &o->device);
}

static bool keep_device(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                        struct manifest_object *o)
{
    (void)r, (void)n;
    o->function.id = (uint32_t)(raw->device_id << 16 | raw->vendor);
    o->function.index = (uint16_t)raw->index;
    o->function.optional = raw->optional;
    return true;
}

static bool keep_ioports(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                         struct manifest_object *o)
{
    o->ioports.first = raw->first;
    o->ioports.last = raw->last;
    return raw->first <= raw->last || json_fail(&r->json, n, "last: less than first");
}

static const struct row {
    const char *what;
    const struct json_field *fields;
    size_t count;
    bool (*keep)(struct manifest_reader *r, struct json_node n, const struct raw_object *raw,
                 struct manifest_object *o);
} rows[] = {
    [MANIFEST_QUOTA] = {"a quota", JSON_FIELDS(quota_fields), keep_quota},
    [MANIFEST_ACCOUNT] = {"an account", JSON_FIELDS(account_fields), keep_account},
    [MANIFEST_ENDPOINT] = {"an endpoint", JSON_FIELDS(plain_fields), keep_nothing},
    [MANIFEST_NOTIFICATION] = {"a notification", JSON_FIELDS(plain_fields), keep_nothing},
    [MANIFEST_DEVICE] = {"a device", JSON_FIELDS(device_fields), keep_device},
    [MANIFEST_MEMORY] = {"a memory object", JSON_FIELDS(memory_fields), keep_memory},
    [MANIFEST_VM] = {"a vm", JSON_FIELDS(vm_fields), keep_vm},
    [MANIFEST_SPACE] = {"a space", JSON_FIELDS(space_fields), keep_space},
    [MANIFEST_VCPU] = {"a vcpu", JSON_FIELDS(vcpu_fields), keep_vcpu},
    [MANIFEST_IRQ] = {"an irq", JSON_FIELDS(irq_fields), keep_irq},
    [MANIFEST_IOPORTS] = {"ioports", JSON_FIELDS(ioports_fields), keep_ioports},
};

static bool read_row(struct manifest_reader *r, struct json_node n, struct raw_object *raw)
{
    *raw = (struct raw_object){.type = UINT32_MAX, .gsi = NO_GSI, .bar = NO_BAR};
    if (!json_read_some(&r->json, n, JSON_FIELDS(type_field), raw))
        return false;
    if (raw->type == UINT32_MAX)
        return json_fail(&r->json, n, "an object lacks \"type\"");
    return json_read(&r->json, n, rows[raw->type].what, rows[raw->type].fields, rows[raw->type].count, raw);
}

static struct manifest_object *new_object(struct manifest *m)
{
    for (uint32_t i = 0; i < m->object_count; i++)
        if (m->object[i].type == MANIFEST_FREE)
            return &m->object[i];
    return m->object_count < MANIFEST_OBJECTS_MAX ? &m->object[m->object_count++] : NULL;
}

bool reader_object_names(struct manifest_reader *r, struct json_node array)
{
    struct manifest *m = r->m;
    if (!reader_list(r, array, (void **)&m->object, MANIFEST_OBJECTS_MAX, sizeof *m->object, "objects"))
        return false;
    for (struct json_node n = {0}; json_next(&r->json, array, &n);) {
        struct raw_object raw;
        if (!read_row(r, n, &raw))
            return false;
        if (reader_find(m, raw.name) != MANIFEST_NONE)
            return json_fail(&r->json, n, "name: a second object \"%.*s\"", (int)raw.name.length,
                             raw.name.at);
        struct manifest_object *o = new_object(m);
        if (!o)
            return json_fail(&r->json, n, "more than %u objects", MANIFEST_OBJECTS_MAX);
        *o = (struct manifest_object){.name = raw.name,
                                      .payer = MANIFEST_NONE,
                                      .device = MANIFEST_NONE,
                                      .type = (uint8_t)raw.type,
                                      .fresh = true};
    }
    return true;
}

bool reader_objects(struct manifest_reader *r, struct json_node array)
{
    for (struct json_node n = {0}; json_next(&r->json, array, &n);) {
        struct raw_object raw;
        if (!read_row(r, n, &raw))
            return false;
        struct manifest_object *o = &r->m->object[reader_find(r->m, raw.name)];
        if (raw.payer.length && !reader_object(r, n, "payer", raw.payer, TYPE(MANIFEST_QUOTA), &o->payer))
            return false;
        if (!rows[raw.type].keep(r, n, &raw, o))
            return false;
    }
    return true;
}
