// The manifest, read: the top level, VMs, faults, and what the other parts use.
// SPDX-License-Identifier: MIT
#include "servers/init/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/init/manifest_reader.h"

#define QUOTA_TYPES (1u << MANIFEST_QUOTA)

struct raw_manifest {
    uint64_t version, log_badge;
    struct json_text name, log_signal;
    uint32_t log;
    bool keep;
    struct json_node hang, init_maps, drain, control, rams, objects, vms, servers, faults;
};

static const struct json_field manifest_fields[] = {
    READER_FIELD(raw_manifest, version, JSON_NUMBER),
    READER_NAME(raw_manifest, name),
    {.key = "log",
     .offset = offsetof(struct raw_manifest, log),
     .kind = JSON_CHOICE,
     .names = log_level_names},
    READER_FIELD(raw_manifest, hang, JSON_OBJECT),
    READER_OPTIONAL(raw_manifest, init_maps, JSON_ARRAY),
    READER_OPTIONAL(raw_manifest, log_signal, JSON_TEXT),
    READER_OPTIONAL(raw_manifest, log_badge, JSON_NUMBER),
    READER_OPTIONAL(raw_manifest, keep, JSON_BOOL),
    READER_OPTIONAL(raw_manifest, control, JSON_OBJECT),
    READER_OPTIONAL(raw_manifest, rams, JSON_OBJECT),
    READER_OPTIONAL(raw_manifest, drain, JSON_ARRAY),
    READER_FIELD(raw_manifest, objects, JSON_ARRAY),
    READER_OPTIONAL(raw_manifest, vms, JSON_ARRAY),
    READER_FIELD(raw_manifest, servers, JSON_ARRAY),
    READER_OPTIONAL(raw_manifest, faults, JSON_ARRAY),
};

static const struct json_field hang_fields[] = {
    READER_RANGE(manifest, poll_us, 1, UINT64_C(60000000)),
    READER_RANGE(manifest, cpu_us, 1, UINT64_C(3600000000)),
};

struct raw_map {
    uint64_t address;
    struct json_text memory, rights;
};

static const struct json_field map_fields[] = {
    READER_FIELD(raw_map, address, JSON_NUMBER),
    READER_NAME(raw_map, memory),
    READER_FIELD(raw_map, rights, JSON_TEXT),
};

struct raw_control {
    struct json_text server, events, definition, signal;
    uint64_t badge;
};

static const struct json_field control_fields[] = {
    READER_NAME(raw_control, server),
    READER_NAME(raw_control, events),
    READER_NAME(raw_control, definition),
    READER_NAME(raw_control, signal),
    READER_FIELD(raw_control, badge, JSON_NUMBER),
};

struct raw_rams {
    struct json_text memory, signal;
    uint64_t badge;
};

static const struct json_field rams_fields[] = {
    READER_NAME(raw_rams, memory),
    READER_NAME(raw_rams, signal),
    READER_FIELD(raw_rams, badge, JSON_NUMBER),
};

struct raw_vm {
    struct json_text name, quota, panel, signal;
    struct json_node memory, images;
    uint64_t badge;
    bool autostart;
};

static const struct json_field vm_fields[] = {
    READER_NAME(raw_vm, name),
    READER_NAME(raw_vm, quota),
    READER_FIELD(raw_vm, memory, JSON_ARRAY),
    READER_OPTIONAL(raw_vm, images, JSON_ARRAY),
    READER_OPTIONAL(raw_vm, panel, JSON_TEXT),
    READER_OPTIONAL(raw_vm, signal, JSON_TEXT),
    READER_OPTIONAL(raw_vm, badge, JSON_NUMBER),
    READER_OPTIONAL(raw_vm, autostart, JSON_BOOL),
};

struct raw_fault {
    struct json_text server;
    uint32_t kind;
    uint64_t every_us, requests, count;
};

static const struct json_field fault_fields[] = {
    READER_NAME(raw_fault, server),
    {.key = "kind",
     .offset = offsetof(struct raw_fault, kind),
     .kind = JSON_CHOICE,
     .names = manifest_fault_names},
    {JSON_FIELD(struct raw_fault, every_us), .kind = JSON_NUMBER, .optional = true, .least = 1,
     .most = UINT64_C(3600000000)},
    {JSON_FIELD(struct raw_fault, requests), .kind = JSON_NUMBER, .optional = true, .least = 1,
     .most = UINT64_C(1000000)},
    READER_RANGE(raw_fault, count, 1, FAULT_COUNT_MAX),
};

bool reader_grow(struct manifest_reader *r, struct json_node node, void **items, uint32_t count,
                 uint32_t most, size_t bytes, const char *what)
{
    if (node.count > most - count)
        return json_fail(&r->json, node, "%u %s, expected at most %u", count + node.count, what, most);
    char *more = realloc(*items, (count + node.count + 1) * bytes); // also of nothing: NULL means failure
    if (!more)
        return json_fail(&r->json, node, "%u %s are too many for the supervisor's memory", node.count, what);
    memset(more + count * bytes, 0, (node.count + 1) * bytes);
    *items = more;
    return true;
}

bool reader_list(struct manifest_reader *r, struct json_node node, void **items, uint32_t most, size_t bytes,
                 const char *what)
{
    if (node.count > most)
        return json_fail(&r->json, node, "%u %s, expected at most %u", node.count, what, most);
    if (!*items)
        *items = calloc(most, bytes);
    return *items || json_fail(&r->json, node, "%s are too many for the supervisor's memory", what);
}

uint16_t reader_find(const struct manifest *m, struct json_text name)
{
    static const char *const builtin[] = {OBJECT_SELF_PROCESS, OBJECT_SELF_THREAD, OBJECT_INIT,
                                          OBJECT_ARCHIVE, OBJECT_RAM};
    for (uint32_t i = 0; i < m->object_count; i++)
        if (json_same(m->object[i].name, name))
            return (uint16_t)i;
    for (uint16_t i = 0; i < BUILTIN_END - BUILTIN_FIRST; i++)
        if (json_is(name, builtin[i]))
            return (uint16_t)(BUILTIN_FIRST + i);
    return MANIFEST_NONE;
}

static uint32_t type_bit(const struct manifest *m, uint16_t object)
{
    static const uint32_t builtin[] = {0, 0, 1u << MANIFEST_ENDPOINT, 1u << MANIFEST_MEMORY,
                                       1u << MANIFEST_MEMORY};
    return object < BUILTIN_FIRST ? 1u << m->object[object].type : builtin[object - BUILTIN_FIRST];
}

bool reader_any_object(struct manifest_reader *r, struct json_node where, const char *key,
                       struct json_text name, uint32_t types, uint16_t *object)
{
    *object = reader_find(r->m, name);
    if (*object == MANIFEST_NONE)
        return json_fail(&r->json, where, "%s: there is no object \"%.*s\"", key, (int)name.length, name.at);
    uint32_t type = 0;
    while (!(types >> type & 1))
        type++;
    if (types != UINT32_MAX && !(type_bit(r->m, *object) & types))
        return json_fail(&r->json, where, "%s: \"%.*s\" is of another type, expected %s", key,
                         (int)name.length, name.at, manifest_type_names[type]);
    return true;
}

bool reader_object(struct manifest_reader *r, struct json_node where, const char *key, struct json_text name,
                   uint32_t types, uint16_t *object)
{
    if (!reader_any_object(r, where, key, name, types, object))
        return false;
    bool fresh = *object < BUILTIN_FIRST && r->m->object[*object].fresh;
    return !r->own || fresh ||
           json_fail(&r->json, where, "%s: \"%.*s\" is not the VM's", key, (int)name.length, name.at);
}

bool reader_filled(struct manifest_reader *r, struct json_node where, uint16_t object,
                   enum manifest_fill fill, uint64_t pages)
{
    if (object >= BUILTIN_FIRST)
        return json_fail(&r->json, where, "expected a memory object of the list \"objects\"");
    const struct manifest_object *o = &r->m->object[object];
    bool good = o->memory.fill == fill && (!pages || o->memory.pages == pages);
    return good || json_fail(&r->json, where, "object \"%.*s\": for this it must be filled \"%s\"%s",
                             (int)o->name.length, o->name.at, manifest_fill_names[fill],
                             pages == 1 ? " and have one page" : "");
}

bool reader_rights(struct manifest_reader *r, struct json_node where, struct json_text letters,
                   uint32_t allowed, uint16_t *rights)
{
    static const char known[] = MANIFEST_RIGHTS;
    *rights = 0;
    for (uint32_t i = 0; i < letters.length; i++) {
        const char *at = letters.at[i] ? strchr(known, letters.at[i]) : NULL;
        if (!at || !(allowed >> (at - known) & 1))
            return json_fail(&r->json, where, "rights: '%c' is no right that fits here, expected some of %s",
                             letters.at[i], allowed == RIGHT_ALL ? known : "rwx");
        *rights |= (uint16_t)(1u << (at - known));
    }
    return true;
}

static bool read_map(struct manifest_reader *r, struct json_node n, struct manifest_map *to)
{
    static const uint32_t rwx = RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE;
    struct raw_map raw;
    if (!json_read(&r->json, n, "a map", JSON_FIELDS(map_fields), &raw) ||
        !reader_object(r, n, "memory", raw.memory, 1u << MANIFEST_MEMORY, &to->memory) ||
        !reader_rights(r, n, raw.rights, rwx, &to->rights))
        return false;
    to->address = raw.address;
    return true;
}

static bool is_taken(const struct manifest_maps *maps, uint64_t address)
{
    for (uint32_t i = 0; i < maps->count; i++)
        if (maps->map[i].address == address)
            return true;
    return false;
}

bool reader_maps(struct manifest_reader *r, struct json_node array, struct manifest_maps *maps)
{
    if (!reader_grow(r, array, (void **)&maps->map, maps->count, MANIFEST_MAPS_MAX, sizeof *maps->map,
                     "maps"))
        return false;
    for (struct json_node n = {0}; json_next(&r->json, array, &n); maps->count++) {
        struct manifest_map *map = &maps->map[maps->count];
        if (!read_map(r, n, map))
            return false;
        if (is_taken(maps, map->address))
            return json_fail(&r->json, n, "address: %llx is taken already", (unsigned long long)map->address);
    }
    return true;
}

// Names of memory objects that have an entry.
bool reader_memory_list(struct manifest_reader *r, struct json_node array, uint16_t **list, uint32_t *count)
{
    if (!reader_grow(r, array, (void **)list, *count, MANIFEST_MAPS_MAX, sizeof **list, "memory objects"))
        return false;
    for (struct json_node n = {0}; json_next(&r->json, array, &n); ++*count) {
        uint16_t *object = &(*list)[*count];
        if (!reader_object(r, n, "memory", json_raw(&r->json, n), 1u << MANIFEST_MEMORY, object))
            return false;
        if (*object >= BUILTIN_FIRST)
            return json_fail(&r->json, n, "expected a memory object of the list \"objects\"");
    }
    return true;
}

static bool read_panel(struct manifest_reader *r, struct json_node n, const struct raw_vm *raw,
                       struct manifest_vm *vm)
{
    vm->panel = vm->signal = MANIFEST_NONE;
    vm->badge = raw->badge;
    if (!raw->panel.length)
        return true;
    return reader_object(r, n, "panel", raw->panel, 1u << MANIFEST_MEMORY, &vm->panel) &&
           reader_object(r, n, "signal", raw->signal, 1u << MANIFEST_NOTIFICATION, &vm->signal) &&
           reader_filled(r, n, vm->panel, FILL_ZERO, 1);
}

static struct manifest_vm *new_vm(struct manifest *m)
{
    for (uint32_t i = 0; i < m->vm_count; i++)
        if (!m->vm[i].name.length)
            return &m->vm[i];
    if (m->vm_count == MANIFEST_VMS_MAX)
        return NULL;
    manifest_free_vm(&m->vm[m->vm_count]);
    return &m->vm[m->vm_count++];
}

static bool read_vm(struct manifest_reader *r, struct json_node n, struct manifest_vm *vm)
{
    struct raw_vm raw = {.autostart = true};
    vm->fresh = true; // so all of it is free again when it is refused
    if (!json_read(&r->json, n, "a VM", JSON_FIELDS(vm_fields), &raw) ||
        !reader_object(r, n, "quota", raw.quota, QUOTA_TYPES, &vm->quota) || !read_panel(r, n, &raw, vm))
        return false;
    for (uint32_t i = 0; i < r->m->vm_count; i++)
        if (json_same(r->m->vm[i].name, raw.name))
            return json_fail(&r->json, n, "name: a second VM \"%.*s\"", (int)raw.name.length, raw.name.at);
    if (memchr(raw.name.at, '.', raw.name.length)) // "a.b" is something of the VM a's
        return json_fail(&r->json, n, "name: \"%.*s\", expected one without a point", (int)raw.name.length,
                         raw.name.at);
    vm->name = raw.name;
    vm->autostart = raw.autostart;
    return reader_memory_list(r, raw.memory, &vm->memory, &vm->memory_count) &&
           reader_memory_list(r, raw.images, &vm->images, &vm->image_count);
}

bool reader_vms(struct manifest_reader *r, struct json_node array)
{
    struct manifest *m = r->m;
    if (!reader_list(r, array, (void **)&m->vm, MANIFEST_VMS_MAX, sizeof *m->vm, "VMs"))
        return false;
    for (struct json_node n = {0}; json_next(&r->json, array, &n);) {
        struct manifest_vm *vm = new_vm(m);
        if (!vm)
            return json_fail(&r->json, n, "more than %u VMs", MANIFEST_VMS_MAX);
        if (!read_vm(r, n, vm))
            return false;
    }
    return true;
}

bool reader_find_server(struct manifest_reader *r, struct json_node n, struct json_text name,
                        uint16_t *server)
{
    for (*server = 0; *server < r->m->server_count; ++*server)
        if (json_same(r->m->server[*server].name, name))
            return true;
    return json_fail(&r->json, n, "server: there is no server \"%.*s\"", (int)name.length, name.at);
}

uint16_t reader_owner(const struct manifest *m, struct json_text name)
{
    for (uint32_t i = 0; i < m->server_count; i++)
        if (json_same(m->server[i].name, name))
            return m->server[i].vm; // whatever it begins with
    const char *point = memchr(name.at, '.', name.length);
    struct json_text first = {name.at, point ? (uint32_t)(point - name.at) : name.length};
    for (uint16_t v = 0; v < m->vm_count; v++)
        if (json_same(m->vm[v].name, first))
            return v;
    return MANIFEST_NONE;
}

// When all servers and VMs are known.
static void own_names(struct manifest *m)
{
    for (uint32_t i = 0; i < m->object_count; i++)
        for (uint32_t k = 0; manifest_is_table(&m->object[i]) && k < m->object[i].memory.name_count; k++)
            m->object[i].memory.name[k].vm = reader_owner(m, m->object[i].memory.name[k].text);
}

static bool read_control(struct manifest_reader *r, struct json_node n)
{
    static const uint32_t memory = 1u << MANIFEST_MEMORY;
    struct manifest_control *c = &r->m->control;
    struct raw_control raw;
    c->server = MANIFEST_NONE;
    if (!n.token)
        return true;
    if (!json_read(&r->json, n, "control", JSON_FIELDS(control_fields), &raw) ||
        !reader_object(r, n, "events", raw.events, memory, &c->events) ||
        !reader_object(r, n, "definition", raw.definition, memory, &c->definition) ||
        !reader_object(r, n, "signal", raw.signal, 1u << MANIFEST_NOTIFICATION, &c->signal))
        return false;
    c->badge = raw.badge;
    return reader_filled(r, n, c->events, FILL_ZERO, 0) && reader_filled(r, n, c->definition, FILL_ZERO, 0) &&
           reader_find_server(r, n, raw.server, &c->server);
}

static bool read_rams(struct manifest_reader *r, struct json_node n)
{
    struct manifest_rams *rams = &r->m->rams;
    struct raw_rams raw;
    rams->memory = MANIFEST_NONE;
    if (!n.token)
        return true;
    if (!json_read(&r->json, n, "rams", JSON_FIELDS(rams_fields), &raw) ||
        !reader_object(r, n, "memory", raw.memory, 1u << MANIFEST_MEMORY, &rams->memory) ||
        !reader_object(r, n, "signal", raw.signal, 1u << MANIFEST_NOTIFICATION, &rams->signal))
        return false;
    rams->badge = raw.badge;
    return reader_filled(r, n, rams->memory, FILL_ZERO, 0);
}

static bool read_faults(struct manifest_reader *r, struct json_node array)
{
    struct manifest *m = r->m;
    if (!reader_grow(r, array, (void **)&m->injection, 0, MANIFEST_FAULTS_MAX, sizeof *m->injection,
                     "faults"))
        return false;
    for (struct json_node n = {0}; json_next(&r->json, array, &n); m->injection_count++) {
        struct raw_fault raw = {0};
        uint16_t s = 0;
        if (!json_read(&r->json, n, "a fault", JSON_FIELDS(fault_fields), &raw))
            return false;
        if (!reader_find_server(r, n, raw.server, &s))
            return false;
        if (!raw.every_us == !raw.requests || (raw.requests && raw.kind != INJECT_KILL))
            return json_fail(&r->json, n, "a fault: expected either \"every_us\" or, to kill, \"requests\"");
        m->injection[m->injection_count] =
            (struct manifest_injection){raw.every_us, raw.requests, raw.count, s, (uint8_t)raw.kind};
    }
    return true;
}

bool reader_drain(struct manifest_reader *r, struct json_node array)
{
    struct manifest *m = r->m;
    uint32_t i = m->drain_count;
    if (!reader_memory_list(r, array, &m->drain, &m->drain_count))
        return false;
    for (; i < m->drain_count; i++)
        if (!reader_filled(r, array, m->drain[i], FILL_ZERO, 0))
            return false;
    return true;
}

static bool read_log(struct manifest_reader *r, struct json_node root, const struct raw_manifest *raw)
{
    r->m->log_signal = MANIFEST_NONE;
    return (!raw->log_signal.length || reader_object(r, root, "log_signal", raw->log_signal,
                                                     1u << MANIFEST_NOTIFICATION, &r->m->log_signal)) &&
           reader_drain(r, raw->drain);
}

static bool read_all(struct manifest_reader *r, struct json_node root)
{
    struct raw_manifest raw = {0};
    if (!json_read(&r->json, root, "the manifest", JSON_FIELDS(manifest_fields), &raw))
        return false;
    if (raw.version != MANIFEST_VERSION)
        return json_fail(&r->json, root, "version: %llu, expected %u", (unsigned long long)raw.version,
                         MANIFEST_VERSION);
    r->m->name = raw.name;
    r->m->log = raw.log;
    r->m->log_badge = raw.log_badge;
    r->m->keep = raw.keep;
    if (!json_read(&r->json, raw.hang, "the hang limits", JSON_FIELDS(hang_fields), r->m) ||
        !reader_object_names(r, raw.objects) || !reader_objects(r, raw.objects) ||
        !reader_maps(r, raw.init_maps, &r->m->init_maps) || !read_log(r, root, &raw) ||
        !reader_vms(r, raw.vms) || !reader_servers(r, raw.servers) || !read_control(r, raw.control) ||
        !read_rams(r, raw.rams) || !read_faults(r, raw.faults))
        return false;
    own_names(r->m);
    return true;
}

bool manifest_read(struct manifest *m, const char *text, size_t bytes, char error[JSON_ERROR_MAX])
{
    struct manifest_reader r = {.m = m};
    struct json_node root;
    *m = (struct manifest){0};
    uint32_t count = json_count(&r.json, text, bytes);
    void *tokens = count ? malloc(json_token_bytes(count)) : NULL;
    bool good = tokens && json_parse(&r.json, tokens, &root) && read_all(&r, root);
    if (count && !tokens)
        snprintf(r.json.error, sizeof r.json.error, "%zu bytes are too many for the supervisor's memory",
                 bytes);
    free(tokens);
    memcpy(error, r.json.error, JSON_ERROR_MAX);
    return good;
}

static void free_program(struct manifest_program *p)
{
    free(p->cap);
    free(p->maps.map);
}

void manifest_free_object(struct manifest_object *o)
{
    if (o->type == MANIFEST_MEMORY)
        free(o->memory.name);
    if (o->type == MANIFEST_VM)
        free(o->vm.route);
    if (o->type == MANIFEST_SPACE)
        free(o->space.maps.map);
    *o = (struct manifest_object){.payer = MANIFEST_NONE, .type = MANIFEST_FREE};
}

void manifest_free_server(struct manifest_server *s)
{
    free_program(&s->program);
    free_program(&s->failed);
    *s = (struct manifest_server){.payer = MANIFEST_NONE, .vm = MANIFEST_NONE};
}

void manifest_free_vm(struct manifest_vm *vm)
{
    free(vm->memory);
    free(vm->images);
    *vm = (struct manifest_vm){.quota = MANIFEST_NONE};
}

void manifest_free(struct manifest *m)
{
    for (uint32_t i = 0; i < m->object_count; i++)
        manifest_free_object(&m->object[i]);
    for (uint32_t i = 0; i < m->server_count; i++)
        manifest_free_server(&m->server[i]);
    for (uint32_t i = 0; i < m->vm_count; i++)
        manifest_free_vm(&m->vm[i]);
    free(m->object);
    free(m->vm);
    free(m->server);
    free(m->injection);
    free(m->init_maps.map);
    free(m->drain);
    *m = (struct manifest){0};
}
