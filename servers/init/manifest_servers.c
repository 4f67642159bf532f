// The manifest, read: its servers.
// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "libipc/abi/syscall.h"
#include "libipc/proto/layout.h"
#include "servers/init/manifest_reader.h"

#define IMAGE_MAX 64
#define QUOTA_MAX (UINT64_C(1) << 40)
#define HEAP_MAX  (UINT64_C(0x1d0000)) // the data window less a stack and some data
#define SLOTS_MIN 8
#define SLOTS_MAX 4096

struct raw_program {
    struct json_text image;
    struct json_node caps, maps;
};

struct raw_server {
    struct json_text name, payer, vm, account;
    uint64_t priority, quota, slots, heap;
    bool takes_console;
    struct raw_program program;
    struct json_node failed;
};

#define PROGRAM_KEYS(base)                                                                                   \
    {.key = "image",                                                                                         \
     .offset = (base) + offsetof(struct raw_program, image),                                                 \
     .kind = JSON_TEXT,                                                                                      \
     .least = 1,                                                                                             \
     .most = IMAGE_MAX},                                                                                     \
        {.key = "caps", .offset = (base) + offsetof(struct raw_program, caps), .kind = JSON_ARRAY},          \
    {                                                                                                        \
        .key = "maps", .offset = (base) + offsetof(struct raw_program, maps), .kind = JSON_ARRAY             \
    }

static const struct json_field program_fields[] = {PROGRAM_KEYS(0)};

static const struct json_field server_fields[] = {
    READER_NAME(raw_server, name),
    PROGRAM_KEYS(offsetof(struct raw_server, program)),
    READER_OPTIONAL(raw_server, payer, JSON_TEXT),
    READER_OPTIONAL(raw_server, vm, JSON_TEXT),
    READER_NAME(raw_server, account),
    READER_RANGE(raw_server, priority, 0, PRIORITY_MAX),
    READER_RANGE(raw_server, quota, 1, QUOTA_MAX),
    READER_RANGE(raw_server, slots, SLOTS_MIN, SLOTS_MAX),
    READER_RANGE(raw_server, heap, 0, HEAP_MAX),
    READER_OPTIONAL(raw_server, takes_console, JSON_BOOL),
    READER_OPTIONAL(raw_server, failed, JSON_OBJECT),
};

struct raw_cap {
    uint64_t slot, badge;
    struct json_text object, rights;
};

static const struct json_field cap_fields[] = {
    READER_RANGE(raw_cap, slot, 1, SLOTS_MAX - 1),
    READER_NAME(raw_cap, object),
    READER_FIELD(raw_cap, rights, JSON_TEXT),
    READER_OPTIONAL(raw_cap, badge, JSON_NUMBER),
};

static bool read_cap(struct manifest_reader *r, struct json_node n, uint32_t slots,
                     const struct manifest_program *p, struct manifest_cap *to)
{
    struct raw_cap raw = {0};
    if (!json_read(&r->json, n, "a capability", JSON_FIELDS(cap_fields), &raw) ||
        !reader_object(r, n, "object", raw.object, UINT32_MAX, &to->object) ||
        !reader_rights(r, n, raw.rights, RIGHT_ALL, &to->rights))
        return false;
    if (raw.slot >= slots)
        return json_fail(&r->json, n, "slot: %llu, the server has %u", (unsigned long long)raw.slot, slots);
    for (uint32_t i = 0; i < p->cap_count; i++)
        if (p->cap[i].slot == raw.slot)
            return json_fail(&r->json, n, "slot: %llu is taken already", (unsigned long long)raw.slot);
    to->slot = (uint16_t)raw.slot;
    to->badge = raw.badge;
    return true;
}

// What lies at these addresses the supervisor itself reads, too.
static bool check_windows(struct manifest_reader *r, struct json_node where, const struct manifest_maps *maps)
{
    static const struct {
        uint64_t address;
        enum manifest_fill fill;
        uint64_t pages; // 0: any number
    } windows[] = {{MAP_STATE, FILL_ZERO, 0},
                   {MAP_CONFIG, FILL_TEXT, 0},
                   {MAP_LOG, FILL_ZERO, 0},
                   {MAP_STATS, FILL_ZERO, 1}};
    for (uint32_t i = 0; i < maps->count; i++)
        for (size_t k = 0; k < sizeof windows / sizeof windows[0]; k++)
            if (maps->map[i].address == windows[k].address &&
                !reader_filled(r, where, maps->map[i].memory, windows[k].fill, windows[k].pages))
                return false;
    return true;
}

// Of a program, or more of one that is there.
static bool read_rights(struct manifest_reader *r, struct json_node where, struct json_node caps,
                        struct json_node maps, uint32_t slots, struct manifest_program *p)
{
    if (!reader_grow(r, caps, (void **)&p->cap, p->cap_count, MANIFEST_CAPS_MAX, sizeof *p->cap,
                     "capabilities"))
        return false;
    for (struct json_node n = {0}; json_next(&r->json, caps, &n); p->cap_count++)
        if (!read_cap(r, n, slots, p, &p->cap[p->cap_count]))
            return false;
    return reader_maps(r, maps, &p->maps) && check_windows(r, where, &p->maps);
}

static bool read_program(struct manifest_reader *r, struct json_node where, const struct raw_program *raw,
                         uint32_t slots, struct manifest_program *p)
{
    p->image = raw->image;
    return read_rights(r, where, raw->caps, raw->maps, slots, p);
}

static bool read_failed(struct manifest_reader *r, struct json_node n, struct manifest_server *s)
{
    struct raw_program raw = {0};
    return !n.token ||
           (json_read(&r->json, n, "what is there when it failed", JSON_FIELDS(program_fields), &raw) &&
            read_program(r, n, &raw, s->slots, &s->failed));
}

static bool find_vm(struct manifest_reader *r, struct json_node n, struct json_text name, uint16_t *vm)
{
    for (*vm = 0; *vm < r->m->vm_count; ++*vm)
        if (json_same(r->m->vm[*vm].name, name))
            return true;
    return json_fail(&r->json, n, "vm: there is no VM \"%.*s\"", (int)name.length, name.at);
}

static bool read_server(struct manifest_reader *r, struct json_node n, struct manifest_server *s)
{
    struct raw_server raw = {0};
    if (!json_read(&r->json, n, "a server", JSON_FIELDS(server_fields), &raw))
        return false;
    for (uint32_t i = 0; i < r->m->server_count; i++)
        if (json_same(r->m->server[i].name, raw.name))
            return json_fail(&r->json, n, "name: a second server \"%.*s\"", (int)raw.name.length,
                             raw.name.at);
    *s = (struct manifest_server){.name = raw.name,
                                  .fresh = true,
                                  .payer = MANIFEST_NONE,
                                  .vm = MANIFEST_NONE,
                                  .slots = (uint16_t)raw.slots,
                                  .priority = (uint8_t)raw.priority,
                                  .takes_console = raw.takes_console,
                                  .quota = raw.quota,
                                  .heap = raw.heap};
    return (!raw.payer.length || reader_object(r, n, "payer", raw.payer, 1u << MANIFEST_QUOTA, &s->payer)) &&
           (!raw.vm.length || find_vm(r, n, raw.vm, &s->vm)) &&
           reader_object(r, n, "account", raw.account, 1u << MANIFEST_ACCOUNT, &s->account) &&
           read_program(r, n, &raw.program, s->slots, &s->program) && read_failed(r, raw.failed, s);
}

static struct manifest_server *new_server(struct manifest *m)
{
    for (uint32_t i = 0; i < m->server_count; i++)
        if (!m->server[i].name.length)
            return &m->server[i];
    if (m->server_count == MANIFEST_SERVERS_MAX)
        return NULL;
    manifest_free_server(&m->server[m->server_count]); // so it is free until it is read
    return &m->server[m->server_count++];
}

bool reader_servers(struct manifest_reader *r, struct json_node array)
{
    struct manifest *m = r->m;
    if (!reader_list(r, array, (void **)&m->server, MANIFEST_SERVERS_MAX, sizeof *m->server, "servers"))
        return false;
    for (struct json_node n = {0}; json_next(&r->json, array, &n);) {
        struct manifest_server *s = new_server(m);
        if (!s)
            return json_fail(&r->json, n, "more than %u servers", MANIFEST_SERVERS_MAX);
        if (!read_server(r, n, s))
            return false;
    }
    return true;
}

bool reader_extend(struct manifest_reader *r, struct json_node where, struct json_node caps,
                   struct json_node maps, struct manifest_server *s)
{
    return read_rights(r, where, caps, maps, s->slots, &s->program);
}
