// Starts and stops a server: its process, its windows, its capabilities, its first thread.
// SPDX-License-Identifier: MIT
//
// Whatever outlives a process belongs to the supervisor: all objects of the manifest, and the memory of its
// data, which each incarnation finds as the program's file has it.
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/init.h"
#include "libipc/proto/layout.h"
#include "libipc/start.h"
#include "libipc/state.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

enum { PAGE = 4096, WINDOW_PAGES = PROGRAM_WINDOW / PAGE, STACK_PAGES = PROGRAM_STACK / PAGE };

static const struct manifest_server *manifest_of(uint32_t n)
{
    return &init.m.server[n];
}

static const struct image *image_of(uint32_t n)
{
    return &init.image[init.server[n].image];
}

static const struct manifest_program *program_of(uint32_t n)
{
    return init.server[n].program;
}

static void must(uint32_t n, enum status s, const char *what, uint64_t which)
{
    const struct json_text name = manifest_of(n)->name;
    if (s != STATUS_OK)
        fatal("server %.*s: %s %llx: %s", (int)name.length, name.at, what, (unsigned long long)which,
              status_name(s));
}

static uint32_t payer_of(uint32_t n)
{
    uint16_t payer = manifest_of(n)->payer;
    return payer == MANIFEST_NONE ? ROOT_SLOT_PROCESS : object_slot(payer);
}

static uint64_t heap_pages(uint32_t n)
{
    return (manifest_of(n)->heap + PAGE - 1) / PAGE;
}

static uint64_t used_pages(uint32_t n)
{
    return image_of(n)->program.data_pages + heap_pages(n);
}

// Whichever program runs in it.
static uint64_t most_pages(uint32_t n)
{
    uint64_t own = used_pages(n);
    if (!manifest_of(n)->failed.image.length)
        return own;
    uint64_t other = init.image[init.server[n].failed_image].program.data_pages + heap_pages(n);
    return own > other ? own : other;
}

bool server_lacks(uint32_t n)
{
    const struct manifest_program *p = program_of(n);
    bool lacks = false;
    for (uint32_t i = 0; i < p->cap_count; i++)
        lacks |= p->cap[i].object < BUILTIN_FIRST && init.m.object[p->cap[i].object].missing;
    for (uint32_t i = 0; i < p->maps.count; i++)
        lacks |= p->maps.map[i].memory < BUILTIN_FIRST && init.m.object[p->maps.map[i].memory].missing;
    return lacks;
}

bool server_receives(uint32_t n, uint16_t object)
{
    const struct manifest_program *p = program_of(n);
    for (uint32_t i = 0; i < p->cap_count; i++)
        if (p->cap[i].object == object && (p->cap[i].rights & RIGHT_RECEIVE))
            return true;
    return false;
}

static void note_endpoint(uint32_t n)
{
    for (uint16_t i = 0; i < init.m.object_count; i++)
        if (init.m.object[i].type == MANIFEST_ENDPOINT && server_receives(n, i))
            init.server[n].endpoint = init.m.object[i].number;
}

void server_prepare(uint32_t n)
{
    uint32_t data = server_slot(n, SERVER_DATA);
    struct json_text name = manifest_of(n)->name;
    if (most_pages(n) > WINDOW_PAGES - STACK_PAGES)
        fatal("server %.*s: heap: %llu bytes do not fit behind its data", (int)name.length, name.at,
              (unsigned long long)manifest_of(n)->heap);
    must(n, sys_create(OBJECT_MEMORY, data, payer_of(n), WINDOW_PAGES, SLOT_NONE, SLOT_NONE, 0),
         "its data, pages", WINDOW_PAGES);
    stock_take(data, 0, most_pages(n), name);
    stock_take(data, WINDOW_PAGES - STACK_PAGES, STACK_PAGES, name);
    must(n,
         sys_grant(ROOT_SLOT_PROCESS, server_slot(n, SERVER_ENDPOINT), SLOT_OWN_ENDPOINT, RIGHT_ALL,
                   n + UINT64_C(1)),
         "its badge", n + 1);
    note_endpoint(n);
}

static void reset_data(uint32_t n)
{
    const struct image *image = image_of(n);
    const struct program *p = &image->program;
    char *data = scratch_open(server_slot(n, SERVER_DATA), WINDOW_PAGES);
    memcpy(data, image->file.bytes + p->data_offset, p->data_bytes);
    memset(data + p->data_bytes, 0, used_pages(n) * PAGE - p->data_bytes);
    memset(data + PROGRAM_WINDOW - PROGRAM_STACK, 0, PROGRAM_STACK);
    scratch_close();
}

static void map_ram(uint32_t n, const struct manifest_map *m)
{
    for (uint32_t i = 0; i < init.info.ram_regions; i++) {
        uint64_t address = m->address + i * MANIFEST_RAM_STRIDE;
        must(n, sys_map(server_slot(n, SERVER_PROCESS), address, ROOT_SLOT_RAM + i, m->rights), "window",
             address);
    }
}

static void map_program(uint32_t n)
{
    uint32_t process = server_slot(n, SERVER_PROCESS);
    must(n, sys_map(process, PROGRAM_TEXT, SLOT_TEXT + init.server[n].image, RIGHT_READ | RIGHT_EXECUTE),
         "window", PROGRAM_TEXT);
    must(n, sys_map(process, PROGRAM_DATA, server_slot(n, SERVER_DATA), RIGHT_READ | RIGHT_WRITE), "window",
         PROGRAM_DATA);
}

// Of what the manifest gives it: all, or what is fresh.
static bool is_due(uint16_t object, bool all)
{
    return all || (object < BUILTIN_FIRST && init.m.object[object].fresh);
}

static void map_windows(uint32_t n, bool all)
{
    for (uint32_t i = 0; i < program_of(n)->maps.count; i++) {
        const struct manifest_map *m = &program_of(n)->maps.map[i];
        if (!is_due(m->memory, all))
            continue;
        uint32_t memory = m->memory == BUILTIN_ARCHIVE ? ROOT_SLOT_ARCHIVE : object_slot(m->memory);
        if (m->memory == BUILTIN_RAM)
            map_ram(n, m);
        else
            must(n, sys_map(server_slot(n, SERVER_PROCESS), m->address, memory, m->rights), "window",
                 m->address);
    }
}

// Which slot of the supervisor's holds what a capability is to be made of.
static uint32_t source_of(uint32_t n, uint16_t object)
{
    switch (object) {
    case BUILTIN_SELF_PROCESS: return server_slot(n, SERVER_PROCESS);
    case BUILTIN_SELF_THREAD: return server_slot(n, SERVER_THREAD);
    case BUILTIN_INIT: return server_slot(n, SERVER_ENDPOINT);
    case BUILTIN_ARCHIVE: return ROOT_SLOT_ARCHIVE;
    case BUILTIN_RAM: return ROOT_SLOT_RAM;
    default: return object_slot(object);
    }
}

static void grant_slots(uint32_t n, bool all)
{
    uint32_t process = server_slot(n, SERVER_PROCESS);
    for (uint32_t i = 0; i < program_of(n)->cap_count; i++) {
        const struct manifest_cap *c = &program_of(n)->cap[i];
        uint32_t count = c->object == BUILTIN_RAM ? init.info.ram_regions : 1;
        if (!is_due(c->object, all))
            continue;
        for (uint32_t k = 0; k < count; k++)
            must(n, sys_grant(process, c->slot + k, source_of(n, c->object) + k, c->rights, c->badge), "slot",
                 c->slot + k);
    }
}

static void set_registers(uint32_t n, enum start_kind kind)
{
    uint32_t thread = server_slot(n, SERVER_THREAD);
    struct thread_regs *r = (struct thread_regs *)(void *)utcb()->words;
    must(n, sys_thread_ctl(thread, THREAD_READ, 0), "registers", 0);
    r->gpr[GPR_RSI] = PROGRAM_DATA + used_pages(n) * PAGE;
    r->gpr[GPR_RDX] = kind;
    r->gpr[GPR_RCX] = START_ARGUMENT(n, init.m.log);
    must(n, sys_thread_ctl(thread, THREAD_WRITE, 0), "registers", 1);
}

static void make_thread(uint32_t n, enum start_kind kind)
{
    uint32_t process = server_slot(n, SERVER_PROCESS), thread = server_slot(n, SERVER_THREAD);
    must(n,
         sys_create(OBJECT_THREAD, thread, process, process, CREATE_EXEC(0, manifest_of(n)->priority, 0),
                    image_of(n)->program.entry, PROGRAM_DATA + PROGRAM_WINDOW),
         "thread", 0);
    must(n, sys_thread_ctl(thread, THREAD_SET_ACCOUNT, object_slot(manifest_of(n)->account)), "account", 0);
    set_registers(n, kind);
}

enum status server_start(uint32_t n, enum start_kind kind)
{
    struct server_run *run = &init.server[n];
    const struct manifest_server *m = manifest_of(n);
    enum status s = sys_create(OBJECT_PROCESS, server_slot(n, SERVER_PROCESS), payer_of(n), m->quota,
                               m->slots, server_slot(n, SERVER_ENDPOINT), 0);
    if (s != STATUS_OK)
        return s;
    reset_data(n);
    map_program(n);
    map_windows(n, true);
    make_thread(n, kind);
    grant_slots(n, true);
    run->state = SERVER_RUNS;
    memset(run->watch, 0, sizeof run->watch);
    run->starts++;
    if (m->takes_console && run->starts == 1)
        must(n, sys_machine(ROOT_SLOT_SYSTEM, MACHINE_RELEASE_CONSOLE, 0), "the console", 0);
    server_count_requests(n);
    must(n, sys_thread_ctl(server_slot(n, SERVER_THREAD), THREAD_RESUME, 0), "thread", 1);
    return STATUS_OK;
}

void server_extend(uint32_t n)
{
    grant_slots(n, false);
    map_windows(n, false);
}

bool server_has_state(uint32_t n)
{
    const struct manifest_maps *maps = &program_of(n)->maps;
    for (uint32_t i = 0; i < maps->count; i++) {
        uint16_t object = maps->map[i].memory;
        if (maps->map[i].address != MAP_STATE || object >= BUILTIN_FIRST)
            continue;
        struct state state;
        uint64_t pages = init.m.object[object].memory.pages;
        void *memory = scratch_open(object_slot(object), pages);
        enum state_status s = state_open(&state, memory, pages * PAGE, NULL, START_RESTART);
        scratch_close();
        return s != STATE_EMPTY && s != STATE_FOREIGN && s != STATE_TOO_SMALL;
    }
    return false;
}

// Whoever it had not answered is on the endpoint's queue again, and what it had made is gone.
void server_stop(uint32_t n)
{
    must(n, sys_destroy(server_slot(n, SERVER_PROCESS)), "its end", 0);
    init.server[n].state = SERVER_OFF;
}

void server_renew(uint32_t n)
{
    struct server_run *run = &init.server[n];
    if (run->state == SERVER_RUNS)
        server_stop(n);
    init.image[run->image].instances--;
    run->program = &manifest_of(n)->program;
    run->image = image_find(run->program->image);
    init.image[run->image].instances++;
    run->state = SERVER_OFF;
    run->ready = run->death_told = false;
    run->barren = 0;
}

// One whose device this machine lacks has failed for good before it began.
enum status server_begin(uint32_t n)
{
    const struct json_text name = manifest_of(n)->name;
    if (!server_lacks(n))
        return server_start(n, START_FRESH);
    bool served = server_stand_in(n) && !server_lacks(n);
    log_warning("%.*s is not started, as this machine lacks its device; %s", (int)name.length, name.at,
                served ? "its callers get errors" : "its callers wait");
    init.server[n].state = SERVER_FAILED;
    return served ? server_start(n, START_FAILED) : STATUS_OK;
}

bool server_stand_in(uint32_t n)
{
    struct server_run *run = &init.server[n];
    if (run->program == &manifest_of(n)->failed || !manifest_of(n)->failed.image.length)
        return false;
    init.image[run->image].instances--;
    run->program = &manifest_of(n)->failed;
    run->image = run->failed_image;
    init.image[run->image].instances++;
    run->barren = 0;
    if (manifest_of(n)->takes_console) // the kernel prints again, for whoever asks it to
        must(n, sys_machine(ROOT_SLOT_SYSTEM, MACHINE_SEIZE_CONSOLE, 0), "the console", 1);
    return true;
}
