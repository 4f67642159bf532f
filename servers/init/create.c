// A VM that is added while the machine runs.
// SPDX-License-Identifier: MIT
//
// Its definition is text in memory that control may write, so it is copied before it is read. Whatever goes
// wrong, what was made until then is destroyed again.
#include <stdlib.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/memory.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

enum { PAGE = 4096 };

static uint64_t pages_of(uint32_t v)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < init.m.vm[v].memory_count; i++)
        pages += init.m.object[init.m.vm[v].memory[i]].memory.pages;
    return pages;
}

// Nothing is overcommitted.
static bool check_room(uint32_t v, struct init_answer *a)
{
    uint64_t pages = 0;
    for (uint32_t other = 0; other < init.m.vm_count; other++)
        pages += vm_exists(other) ? pages_of(other) : 0;
    if (pages <= init.ram_pages)
        return true;
    uint64_t own = pages_of(v), left = init.ram_pages - (pages - own);
    return refuse(a, INIT_NO_MEMORY, "the VM has %llu MiB, %llu MiB are free",
                  (unsigned long long)own * PAGE >> 20, (unsigned long long)left * PAGE >> 20);
}

static bool has_ram(uint32_t v, uint32_t number)
{
    for (uint32_t i = 0; i < init.m.vm[v].memory_count; i++)
        if (ram_number(init.m.vm[v].memory[i]) == number)
            return true;
    return false;
}

// Each memory is its pager's under a number of its own.
static bool check_numbers(uint32_t v, struct init_answer *a)
{
    const struct manifest_vm *vm = &init.m.vm[v];
    for (uint32_t i = 0; i < vm->memory_count; i++) {
        uint32_t number = ram_number(vm->memory[i]);
        if (number == MEMORY_RAMS_MAX)
            return refuse(a, INIT_BAD_ARGUMENTS,
                          "the VM's memory has no pager, or a badge that none can have");
        for (uint32_t other = 0; other < init.m.vm_count; other++)
            if (other != v && vm_exists(other) && has_ram(other, number))
                return refuse(a, INIT_BAD_ARGUMENTS, "memory number %u is that of another VM", number);
    }
    return true;
}

// ---- making it ----

static void make(uint32_t v)
{
    objects_create();
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (init.m.server[n].fresh)
            image_use(n);
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (init.m.server[n].fresh)
            server_prepare(n);
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (server_exists(n) && !init.m.server[n].fresh && init.server[n].state == SERVER_RUNS &&
            init.server[n].program == &init.m.server[n].program)
            server_extend(n);
    rams_write(v);
    rams_tell();
    names_begin();
}

static bool add(char *text, uint32_t bytes, struct init_answer *a)
{
    char error[JSON_ERROR_MAX];
    if (!manifest_add(&init.m, text, bytes, error))
        return refuse(a, INIT_BAD_ARGUMENTS, "definition, %s", error);
    uint32_t v = manifest_fresh_vm(&init.m);
    if (!check_room(v, a) || !check_numbers(v, a)) {
        manifest_remove_fresh(&init.m);
        return false;
    }
    bool made = attempt(make, v, a->text, sizeof a->text);
    manifest_settle(&init.m);
    if (!made) {
        vm_undo(v);
        a->outcome = INIT_NO_MEMORY;
        return false;
    }
    init.vm[v] = (struct vm_run){.state = INIT_VM_CREATED, .text = text};
    event_send(EVENT_VM_CREATED, init.m.vm[v].name, 0, "");
    return true;
}

void vm_create(const struct init_command *c, struct init_answer *a)
{
    const struct manifest_object *o = &init.m.object[init.m.control.definition];
    uint64_t pages = o->memory.pages;
    char *text = c->argument <= pages * PAGE ? malloc(c->argument + 1) : NULL;
    if (!text) {
        refuse(a, INIT_NO_MEMORY, "%u bytes are too many for the supervisor's memory", c->argument);
        return;
    }
    memcpy(text, scratch_open(object_slot(init.m.control.definition), pages), c->argument);
    scratch_close();
    text[c->argument] = 0;
    if (!add(text, c->argument, a))
        free(text);
}
