// The manifest, changed while the machine runs: a VM comes or goes.
// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/proto/names.h"
#include "servers/init/manifest_reader.h"

struct raw_part {
    struct json_node objects, vms, servers, extends, names, drain;
};

static const struct json_field part_fields[] = {
    READER_FIELD(raw_part, objects, JSON_ARRAY),  READER_FIELD(raw_part, vms, JSON_ARRAY),
    READER_FIELD(raw_part, servers, JSON_ARRAY),  READER_OPTIONAL(raw_part, extends, JSON_ARRAY),
    READER_OPTIONAL(raw_part, names, JSON_ARRAY), READER_OPTIONAL(raw_part, drain, JSON_ARRAY),
};

struct raw_extension {
    struct json_text server;
    struct json_node caps, maps;
};

static const struct json_field extension_fields[] = {
    READER_NAME(raw_extension, server),
    READER_OPTIONAL(raw_extension, caps, JSON_ARRAY),
    READER_OPTIONAL(raw_extension, maps, JSON_ARRAY),
};

static bool read_extensions(struct manifest_reader *r, struct json_node array)
{
    for (struct json_node n = {0}; json_next(&r->json, array, &n);) {
        struct raw_extension raw = {0};
        uint16_t server;
        if (!json_read(&r->json, n, "an extension", JSON_FIELDS(extension_fields), &raw) ||
            !reader_find_server(r, n, raw.server, &server))
            return false;
        if (r->m->server[server].vm != MANIFEST_NONE)
            return json_fail(&r->json, n, "server: \"%.*s\" is a VM's", (int)raw.server.length,
                             raw.server.at);
        if (!reader_extend(r, n, raw.caps, raw.maps, &r->m->server[server]))
            return false;
    }
    return true;
}

struct raw_name {
    struct json_text memory, text;
    uint64_t entry;
};

static const struct json_field name_fields[] = {
    READER_NAME(raw_name, memory),
    READER_NAME(raw_name, text),
    READER_FIELD(raw_name, entry, JSON_NUMBER),
};

static bool add_name(struct manifest_reader *r, struct json_node n, struct manifest_object *o,
                     struct manifest_name name)
{
    for (uint32_t i = 0; i < o->memory.name_count; i++)
        if (o->memory.name[i].entry == name.entry)
            return json_fail(&r->json, n, "entry: %llu is taken already", (unsigned long long)name.entry);
    if (name.entry >= o->memory.pages * 4096 / sizeof(struct name_entry))
        return json_fail(&r->json, n, "entry: %llu is beyond the table", (unsigned long long)name.entry);
    struct json_node one = {.token = n.token, .count = 1};
    if (!reader_grow(r, one, (void **)&o->memory.name, o->memory.name_count, MANIFEST_NAMES_MAX,
                     sizeof *o->memory.name, "names"))
        return false;
    o->memory.name[o->memory.name_count++] = name;
    return true;
}

// Entries that stand for what is the VM's: they go with it, and so does the text.
static bool read_names(struct manifest_reader *r, struct json_node array, uint16_t vm)
{
    for (struct json_node n = {0}; json_next(&r->json, array, &n);) {
        struct raw_name raw;
        uint16_t object;
        if (!json_read(&r->json, n, "a name", JSON_FIELDS(name_fields), &raw) ||
            !reader_any_object(r, n, "memory", raw.memory, 1u << MANIFEST_MEMORY, &object))
            return false;
        if (reader_owner(r->m, raw.text) != vm)
            return json_fail(&r->json, n, "text: \"%.*s\" is not the VM's", (int)raw.text.length,
                             raw.text.at);
        if (object >= BUILTIN_FIRST || !manifest_is_table(&r->m->object[object]))
            return json_fail(&r->json, n, "memory: expected a table of names");
        if (!add_name(r, n, &r->m->object[object], (struct manifest_name){raw.entry, raw.text, vm, true}))
            return false;
    }
    return true;
}

// ---- what may come ----

// Of what is there already it may call and signal the system's own servers, and read the date.
static bool may_have(const struct manifest *m, uint16_t object, uint16_t rights)
{
    if (object >= BUILTIN_FIRST)
        return object == BUILTIN_SELF_PROCESS || object == BUILTIN_SELF_THREAD || object == BUILTIN_INIT;
    const struct manifest_object *o = &m->object[object];
    bool calls = o->type == MANIFEST_ENDPOINT || o->type == MANIFEST_NOTIFICATION;
    bool date = o->type == MANIFEST_MEMORY && o->memory.fill == FILL_CLOCK;
    return o->fresh ||
           (o->payer == MANIFEST_NONE && ((calls && rights == RIGHT_SEND) || (date && rights == RIGHT_READ)));
}

// All of it belongs to one VM, and nothing of it is the host's but perhaps a pager.
static bool check_object(struct manifest_reader *r, struct json_node where, uint32_t i, uint16_t vm)
{
    static const uint32_t types = 1u << MANIFEST_QUOTA | 1u << MANIFEST_ACCOUNT | 1u << MANIFEST_ENDPOINT |
                                  1u << MANIFEST_NOTIFICATION | 1u << MANIFEST_MEMORY | 1u << MANIFEST_VM |
                                  1u << MANIFEST_SPACE | 1u << MANIFEST_VCPU;
    static const uint32_t fills =
        1u << FILL_ZERO | 1u << FILL_DATA | 1u << FILL_NONE | 1u << FILL_FILE | 1u << FILL_TEXT;
    const struct manifest_object *o = &r->m->object[i];
    bool memory = o->type == MANIFEST_MEMORY;
    if (!manifest_belongs(r->m, i, vm))
        return json_fail(&r->json, where, "object \"%.*s\" is not paid by the VM's quota",
                         (int)o->name.length, o->name.at);
    if (!(types >> o->type & 1) || (memory && !(fills >> o->memory.fill & 1)))
        return json_fail(&r->json, where, "object \"%.*s\" can be made only when the machine starts",
                         (int)o->name.length, o->name.at);
    if (memory && o->memory.pager != MANIFEST_NONE && !may_have(r->m, o->memory.pager, RIGHT_SEND))
        return json_fail(&r->json, where, "object \"%.*s\" has a pager that is another VM's",
                         (int)o->name.length, o->name.at);
    return true;
}

static bool check_program(const struct manifest *m, const struct manifest_program *p)
{
    for (uint32_t i = 0; i < p->cap_count; i++)
        if (!may_have(m, p->cap[i].object, p->cap[i].rights))
            return false;
    for (uint32_t i = 0; i < p->maps.count; i++)
        if (!may_have(m, p->maps.map[i].memory, p->maps.map[i].rights))
            return false;
    return true;
}

static bool check_server(struct manifest_reader *r, struct json_node where, const struct manifest_server *s,
                         uint16_t vm)
{
    if (s->vm != vm || s->payer != r->m->vm[vm].quota || !r->m->object[s->account].fresh || s->takes_console)
        return json_fail(&r->json, where,
                         "server \"%.*s\" is not the VM's, or not paid by its quota and account",
                         (int)s->name.length, s->name.at);
    if (!check_program(r->m, &s->program) || !check_program(r->m, &s->failed))
        return json_fail(&r->json, where, "server \"%.*s\" wants what is not the VM's", (int)s->name.length,
                         s->name.at);
    return true;
}

uint16_t manifest_fresh_vm(const struct manifest *m)
{
    uint16_t vm = 0;
    while (vm < m->vm_count && !m->vm[vm].fresh)
        vm++;
    return vm;
}

static bool check_part(struct manifest_reader *r, struct json_node root, uint16_t vm)
{
    const struct manifest *m = r->m;
    for (uint32_t i = 0; i < m->object_count; i++)
        if (m->object[i].fresh && !check_object(r, root, i, vm))
            return false;
    for (uint32_t i = 0; i < m->server_count; i++)
        if (m->server[i].fresh && !check_server(r, root, &m->server[i], vm))
            return false;
    return true;
}

static bool read_part(struct manifest_reader *r, struct json_node root)
{
    struct raw_part raw = {0};
    r->own = true;
    if (!json_read(&r->json, root, "a part of a manifest", JSON_FIELDS(part_fields), &raw) ||
        !reader_object_names(r, raw.objects) || !reader_objects(r, raw.objects) || !reader_vms(r, raw.vms))
        return false;
    if (raw.vms.count != 1)
        return json_fail(&r->json, root, "vms: %u of them, expected one", raw.vms.count);
    uint16_t vm = manifest_fresh_vm(r->m);
    r->own = false; // what servers may have of the system's check_part() knows
    if (!reader_servers(r, raw.servers) || !check_part(r, root, vm))
        return false;
    r->own = true;
    return read_extensions(r, raw.extends) && read_names(r, raw.names, vm) && reader_drain(r, raw.drain);
}

bool manifest_add(struct manifest *m, const char *text, size_t bytes, char error[JSON_ERROR_MAX])
{
    struct manifest_reader r = {.m = m};
    struct json_node root;
    uint32_t count = json_count(&r.json, text, bytes);
    void *tokens = count ? malloc(json_token_bytes(count)) : NULL;
    bool good = tokens && json_parse(&r.json, tokens, &root) && read_part(&r, root);
    if (count && !tokens)
        snprintf(r.json.error, sizeof r.json.error, "%zu bytes are too many for the supervisor's memory",
                 bytes);
    free(tokens);
    memcpy(error, r.json.error, JSON_ERROR_MAX);
    if (!good)
        manifest_remove_fresh(m);
    return good;
}

void manifest_settle(struct manifest *m)
{
    for (uint32_t i = 0; i < m->object_count; i++) {
        struct manifest_object *o = &m->object[i];
        o->fresh = false;
        for (uint32_t k = 0; manifest_is_table(o) && k < o->memory.name_count; k++)
            o->memory.name[k].fresh = false;
    }
    for (uint32_t i = 0; i < m->server_count; i++)
        m->server[i].fresh = false;
    for (uint32_t i = 0; i < m->vm_count; i++)
        m->vm[i].fresh = false;
}

// ---- what goes ----

static bool is_gone(const struct manifest *m, uint16_t object)
{
    return object < BUILTIN_FIRST && m->object[object].type == MANIFEST_FREE;
}

static void drop_references(const struct manifest *m, struct manifest_program *p)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->cap_count; i++)
        if (!is_gone(m, p->cap[i].object))
            p->cap[kept++] = p->cap[i];
    p->cap_count = kept;
    kept = 0;
    for (uint32_t i = 0; i < p->maps.count; i++)
        if (!is_gone(m, p->maps.map[i].memory))
            p->maps.map[kept++] = p->maps.map[i];
    p->maps.count = kept;
}

static void drop_names(struct manifest_object *o)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < o->memory.name_count; i++)
        if (!o->memory.name[i].fresh)
            o->memory.name[kept++] = o->memory.name[i];
    o->memory.name_count = kept;
}

static void drop_all_references(struct manifest *m)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->object_count; i++)
        if (manifest_is_table(&m->object[i]))
            drop_names(&m->object[i]);
    for (uint32_t i = 0; i < m->server_count; i++) {
        drop_references(m, &m->server[i].program);
        drop_references(m, &m->server[i].failed);
    }
    for (uint32_t i = 0; i < m->drain_count; i++)
        if (!is_gone(m, m->drain[i]))
            m->drain[kept++] = m->drain[i];
    m->drain_count = kept;
}

void manifest_remove_fresh(struct manifest *m)
{
    for (uint32_t i = 0; i < m->object_count; i++)
        if (m->object[i].fresh)
            manifest_free_object(&m->object[i]);
    for (uint32_t i = 0; i < m->server_count; i++)
        if (m->server[i].fresh)
            manifest_free_server(&m->server[i]);
    for (uint32_t i = 0; i < m->vm_count; i++)
        if (m->vm[i].fresh)
            manifest_free_vm(&m->vm[i]);
    drop_all_references(m);
}

void manifest_remove_vm(struct manifest *m, uint16_t vm)
{
    for (uint32_t i = 0; i < m->object_count; i++) {
        struct manifest_object *o = &m->object[i];
        o->fresh = manifest_belongs(m, i, vm);
        for (uint32_t k = 0; manifest_is_table(o) && k < o->memory.name_count; k++)
            o->memory.name[k].fresh = o->memory.name[k].vm == vm;
    }
    for (uint32_t i = 0; i < m->server_count; i++)
        m->server[i].fresh = m->server[i].name.length && m->server[i].vm == vm;
    m->vm[vm].fresh = true;
    manifest_remove_fresh(m);
}
