// What control asks: of servers, of VMs, of crashes.
// SPDX-License-Identifier: MIT
//
// All is counted by the kernel or lies in memory of the supervisor's; nothing here changes anything.
#include <string.h>

#include "libipc/proto/layout.h"
#include "libipc/proto/stats.h"
#include "libipc/proto/terminal.h"
#include "libipc/syscall.h"
#include "libipc/time.h"
#include "libipc/words.h"
#include "servers/init/init.h"

enum { PAGE = 4096, COUNTERS = 30 };

void name_copy(char to[INIT_NAME], struct json_text name)
{
    memset(to, 0, INIT_NAME);
    memcpy(to, name.at, name.length < INIT_NAME ? name.length : INIT_NAME - 1);
}

void answer_put(struct message *m, uint32_t at, const void *from, size_t bytes)
{
    message_put(m, at, from, bytes);
    m->tag = TAG(STATUS_OK, at + WORDS(bytes));
}

static enum status query_status(struct message *m)
{
    struct init_status s = {.unix_ns = unix_now(),
                            .uptime_ns = ns_from_ticks(now() - init.info.boot_tsc),
                            .shutting_down = init.shutting_down,
                            .next_memory = rams_free(),
                            .next_console = names_free(0, TERMINAL_CONSOLES_MAX),
                            .next_log =
                                names_free(TERMINAL_CONSOLES_MAX, TERMINAL_CONSOLES_MAX + TERMINAL_LOGS_MAX)};
    name_copy(s.name, init.m.name);
    for (uint32_t v = 0; v < init.m.vm_count; v++)
        s.vms += vm_exists(v);
    for (uint32_t n = 0; n < init.m.server_count; n++)
        s.servers += server_exists(n);
    answer_put(m, 0, &s, sizeof s);
    return STATUS_OK;
}

// ---- servers ----

static bool is_mapped(uint32_t n, uint16_t object)
{
    const struct manifest_maps *maps = &init.server[n].program->maps;
    for (uint32_t i = 0; i < maps->count; i++)
        if (maps->map[i].memory == object)
            return true;
    return false;
}

// Memory that the supervisor filled for this one alone.
static uint64_t own_bytes(uint32_t n, uint16_t object)
{
    const struct manifest_object *o = &init.m.object[object];
    if (o->type != MANIFEST_MEMORY ||
        (o->memory.fill != FILL_ZERO && o->memory.fill != FILL_DATA && o->memory.fill != FILL_TEXT))
        return 0;
    for (uint32_t other = 0; other < init.m.server_count; other++)
        if (other != n && server_exists(other) && is_mapped(other, object))
            return 0;
    return o->memory.pages * PAGE;
}

static uint64_t memory_of(uint32_t n)
{
    const struct manifest_maps *maps = &init.server[n].program->maps;
    const struct info_memory *data = info_of(server_slot(n, SERVER_DATA));
    uint64_t bytes = data ? data->filled * PAGE : 0;
    const struct info_process *process = info_of(server_slot(n, SERVER_PROCESS));
    bytes += process ? process->used : 0;
    for (uint32_t i = 0; i < maps->count; i++)
        if (maps->map[i].memory < BUILTIN_FIRST)
            bytes += own_bytes(n, maps->map[i].memory);
    return bytes;
}

static uint32_t state_of(uint32_t n)
{
    const struct server_run *run = &init.server[n];
    if (run->program == &init.m.server[n].failed)
        return INIT_SERVER_FAILED;
    static const uint32_t states[] = {[SERVER_OFF] = INIT_SERVER_OFF,
                                      [SERVER_RUNS] = INIT_SERVER_RUNNING,
                                      [SERVER_BACKS_OFF] = INIT_SERVER_RESTARTING,
                                      [SERVER_FAILED] = INIT_SERVER_FAILED};
    return states[run->state];
}

static enum status query_server(struct message *m)
{
    uint64_t n = m->words[0];
    struct init_server s = {0};
    if (n >= init.m.server_count)
        return STATUS_NOT_FOUND;
    if (server_exists((uint32_t)n)) {
        const struct server_run *run = &init.server[n];
        const struct manifest_server *server = &init.m.server[n];
        struct info_thread now = server_info((uint32_t)n);
        s = (struct init_server){.state = state_of((uint32_t)n),
                                 .priority = server->priority,
                                 .restarts = run->starts ? run->starts - 1 : 0,
                                 .cpu_ns = ns_from_ticks(run->past.cpu_time + now.cpu_time),
                                 .memory_bytes = memory_of((uint32_t)n),
                                 .waits = run->past.waits + now.waits,
                                 .system_calls = run->past.syscalls + now.syscalls,
                                 .messages = run->past.messages + now.messages};
        name_copy(s.name, server->name);
        name_copy(s.kind, run->program->image);
        if (server->vm != MANIFEST_NONE)
            name_copy(s.vm, init.m.vm[server->vm].name);
    }
    answer_put(m, 0, &s, sizeof s);
    return STATUS_OK;
}

static uint16_t mapped_at(uint64_t n, uint64_t address)
{
    if (n >= init.m.server_count || !server_exists((uint32_t)n))
        return MANIFEST_NONE;
    const struct manifest_maps *maps = &init.m.server[n].program.maps;
    for (uint32_t i = 0; i < maps->count; i++)
        if (maps->map[i].address == address && maps->map[i].memory < BUILTIN_FIRST)
            return maps->map[i].memory;
    return MANIFEST_NONE;
}

// A piece of a text into the answer.
static enum status put_text(struct message *m, const char *text, uint64_t bytes, uint64_t from)
{
    if (from > bytes)
        return STATUS_NOT_FOUND;
    uint64_t piece = bytes - from < INIT_TEXT_MAX ? bytes - from : INIT_TEXT_MAX;
    m->words[0] = piece;
    answer_put(m, 1, text + from, piece);
    return STATUS_OK;
}

static enum status query_config(struct message *m)
{
    uint16_t object = mapped_at(m->words[0], MAP_CONFIG);
    if (object == MANIFEST_NONE || init.m.object[object].memory.fill != FILL_TEXT)
        return STATUS_NOT_FOUND;
    const struct json_text text = init.m.object[object].memory.content;
    return put_text(m, text.at, text.length, m->words[1]);
}

static enum status query_counters(struct message *m)
{
    uint64_t n = m->words[0], first = m->words[1];
    struct stats_entry some[COUNTERS];
    uint32_t count = 0;
    uint16_t object = mapped_at(n, MAP_STATS);
    if (object == MANIFEST_NONE)
        return STATUS_NOT_FOUND;
    const struct stats_page *page = scratch_open(object_slot(object), 1);
    for (; count < COUNTERS && first < page->count && first < STATS_MAX; count++)
        some[count] = page->entry[first++];
    scratch_close();
    m->words[0] = count;
    answer_put(m, 1, some, count * sizeof *some);
    return STATUS_OK;
}

static enum status query_route(struct message *m)
{
    struct init_route r;
    if (!route_find(m->words[0], m->words[1], &r))
        return STATUS_NOT_FOUND;
    answer_put(m, 0, &r, sizeof r);
    return STATUS_OK;
}

// ---- VMs ----

static void add_vcpu(uint32_t slot, struct init_vm *vm)
{
    const struct info_vcpu *i = info_of(slot);
    vm->vcpus++;
    if (!i)
        return;
    vm->exits += i->exits;
    vm->accesses += i->accesses;
    vm->doorbells += i->doorbells;
    vm->page_faults += i->page_faults;
    vm->interrupts += i->interrupts;
    for (unsigned k = 0; k < sizeof i->exits_by_kind / sizeof i->exits_by_kind[0]; k++)
        vm->exits_by_kind[k] += i->exits_by_kind[k];
}

static void add_memory(uint32_t object, struct init_vm *vm)
{
    const struct info_memory *i = info_of(object_slot((uint16_t)object));
    vm->memory_bytes += init.m.object[object].memory.pages * PAGE;
    vm->resident_bytes += i ? i->filled * PAGE : 0;
}

static enum status query_vm(struct message *m)
{
    uint64_t number = m->words[0];
    struct init_vm vm = {0};
    if (number >= init.m.vm_count)
        return STATUS_NOT_FOUND;
    uint32_t v = (uint32_t)number;
    if (vm_exists(v)) {
        const struct manifest_vm *entry = &init.m.vm[v];
        uint16_t account = MANIFEST_NONE;
        name_copy(vm.name, entry->name);
        vm.state = init.vm[v].state;
        vm.overhead_bytes = overhead_bytes(v);
        for (uint32_t i = 0; i < entry->memory_count; i++)
            add_memory(entry->memory[i], &vm);
        for (uint32_t i = 0; i < init.m.object_count; i++) {
            const struct manifest_object *o = &init.m.object[i];
            if (o->type != MANIFEST_VCPU || o->payer != entry->quota)
                continue;
            add_vcpu(object_slot((uint16_t)i), &vm);
            account = o->vcpu.account;
        }
        const struct info_account *used = account != MANIFEST_NONE ? info_of(object_slot(account)) : NULL;
        vm.cpu_ns = used ? ns_from_ticks(used->used) : 0;
    }
    answer_put(m, 0, &vm, sizeof vm);
    return STATUS_OK;
}

// ---- crashes ----

static enum status query_crash(struct message *m)
{
    const struct crash *c = crash_find(m->words[0]);
    if (!c)
        return STATUS_NOT_FOUND;
    answer_put(m, 0, &c->head, sizeof c->head);
    return STATUS_OK;
}

static enum status query_crash_text(struct message *m)
{
    const struct crash *c = crash_find(m->words[0]);
    return c ? put_text(m, c->text, c->bytes, m->words[1]) : STATUS_NOT_FOUND;
}

void query(uint32_t label, struct message *m)
{
    static enum status (*const of[])(struct message *) = {
        [LABEL_INIT_STATUS - LABEL_INIT] = query_status,
        [LABEL_INIT_SERVER - LABEL_INIT] = query_server,
        [LABEL_INIT_VM - LABEL_INIT] = query_vm,
        [LABEL_INIT_CRASH - LABEL_INIT] = query_crash,
        [LABEL_INIT_CRASH_TEXT - LABEL_INIT] = query_crash_text,
        [LABEL_INIT_CONFIG - LABEL_INIT] = query_config,
        [LABEL_INIT_COUNTERS - LABEL_INIT] = query_counters,
        [LABEL_INIT_ROUTE - LABEL_INIT] = query_route,
    };
    // Words that were not sent are zero.
    for (uint32_t i = TAG_WORDS(m->tag); i < MESSAGE_REGISTERS; i++)
        m->words[i] = 0;
    enum status s = of[label - LABEL_INIT](m);
    if (s != STATUS_OK)
        *m = MESSAGE(s, 0);
}
