// What a VM costs: the memory beyond its RAM, of its RAM what it has touched, and its exits.
// SPDX-License-Identifier: MIT
//
// All kernel memory of a VM (its processes, objects, page tables) is charged to its quota, and the supervisor
// knows the pages that it filled for it. Text that several servers share counts in equal shares. The images
// in the boot archive do not count: they are there with or without the VM.
#include <stdio.h>

#include "libipc/exits.h"
#include "libipc/log.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

enum { PAGE = 4096 };

static uint64_t filled_bytes(uint32_t slot)
{
    const struct info_memory *i = info_of(slot);
    return i ? (i->filled - i->borrowed) * PAGE : 0;
}

static bool is_ram(const struct manifest_vm *vm, uint32_t object)
{
    for (uint32_t i = 0; i < vm->memory_count; i++)
        if (vm->memory[i] == object)
            return true;
    return false;
}

// A process's quota is set aside in its payer's as a whole; what it has not used is no cost.
static uint64_t server_bytes(uint32_t n, uint64_t *set_aside)
{
    const struct image *image = &init.image[init.server[n].image];
    uint64_t bytes =
        filled_bytes(server_slot(n, SERVER_DATA)) + image->program.text_pages * PAGE / image->instances;
    const struct info_process *i = info_of(server_slot(n, SERVER_PROCESS));
    if (i)
        *set_aside += i->quota - i->used;
    return bytes;
}

uint64_t overhead_bytes(uint32_t number)
{
    const struct manifest_vm *vm = &init.m.vm[number];
    uint64_t bytes = 0, set_aside = 0;
    for (uint32_t i = 0; i < init.m.object_count; i++)
        if (init.m.object[i].type == MANIFEST_MEMORY && init.m.object[i].payer == vm->quota &&
            init.m.object[i].memory.fill != FILL_DATA && !is_ram(vm, i))
            bytes += filled_bytes(object_slot((uint16_t)i));
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (init.m.server[n].payer == vm->quota)
            bytes += server_bytes(n, &set_aside);
    const struct info_process *quota = info_of(object_slot(vm->quota));
    bytes += quota ? quota->used - set_aside : 0;
    return bytes;
}

void memory_log(uint32_t number)
{
    const struct manifest_vm *vm = &init.m.vm[number];
    uint64_t own = 0, shared = 0;
    for (uint32_t n = 0; n < vm->memory_count; n++) {
        const struct info_memory *i = info_of(object_slot(vm->memory[n]));
        own += i ? i->filled - i->borrowed : 0;
        shared += i ? i->borrowed : 0;
    }
    log_info("vm_memory_kib %.*s: %llu of its own, %llu shared with its images", (int)vm->name.length,
             vm->name.at, (unsigned long long)own * PAGE / 1024, (unsigned long long)shared * PAGE / 1024);
}

void overhead_log(uint32_t number)
{
    struct json_text name = init.m.vm[number].name;
    log_info("vm_overhead_kib %.*s: %llu", (int)name.length, name.at,
             (unsigned long long)(overhead_bytes(number) + 1023) / 1024);
}

void exits_log(uint32_t number)
{
    const struct manifest_vm *vm = &init.m.vm[number];
    for (uint32_t o = 0; o < init.m.object_count; o++) {
        if (init.m.object[o].type != MANIFEST_VCPU || init.m.object[o].payer != vm->quota)
            continue;
        const struct info_vcpu *i = info_of(object_slot((uint16_t)o));
        char text[LOG_LINE_MAX] = "";
        int at = 0;
        for (unsigned kind = 0; i && kind < EXIT_KINDS && at < (int)sizeof text; kind++)
            if (i->exits_by_kind[kind])
                at += snprintf(text + at, sizeof text - (size_t)at, ", %s %llu", exit_names[kind],
                               (unsigned long long)i->exits_by_kind[kind]);
        if (i)
            log_info("vm_exits %.*s: accesses %llu, doorbells %llu%s", (int)vm->name.length, vm->name.at,
                     (unsigned long long)i->accesses, (unsigned long long)i->doorbells, text);
    }
}
