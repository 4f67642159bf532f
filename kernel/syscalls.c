// The system call table, and the calls that are a line or two.
// SPDX-License-Identifier: MIT
#include "kernel/syscalls.h"

#include "kernel/endpoint.h"
#include "kernel/irq.h"
#include "kernel/lib/print.h"
#include "kernel/platform/platform.h"
#include "kernel/thread.h"
#include "kernel/vm.h"

static uint64_t sys_null(void)
{
    return STATUS_OK;
}

static uint64_t sys_unknown(void)
{
    return STATUS_BAD_ARG;
}

// Rights shrink on the way; a badge is given once, by whoever holds the capability without one.
uint64_t sys_grant(uint64_t process, uint64_t slot, uint64_t own, uint64_t rights, uint64_t badge)
{
    struct process *p = current_thread()->process;
    struct object *target, *o;
    struct capability *cap;
    enum status s = cap_get(p, process, OBJECT_PROCESS, RIGHT_GRANT, &target, NULL);
    if (s == STATUS_OK)
        s = cap_get(p, own, OBJECT_NONE, RIGHT_GRANT, &o, &cap);
    if (s == STATUS_OK)
        s = cap_free((struct process *)target, slot);
    if (s != STATUS_OK)
        return s;
    if ((rights & ~(uint64_t)GRIP_RIGHTS(cap->grip)) || (cap->badge && badge && badge != cap->badge))
        return STATUS_NO_RIGHT;
    if (o->type == OBJECT_IOPORTS) {
        s = ioports_allow((struct process *)target, (struct ioports *)o);
        if (s != STATUS_OK)
            return s;
    }
    cap_put((struct process *)target, slot, o, (uint32_t)rights, badge ? badge : cap->badge);
    return STATUS_OK;
}

uint64_t sys_revoke(uint64_t process, uint64_t slot)
{
    struct object *o;
    enum status s = cap_get(current_thread()->process, process, OBJECT_PROCESS, RIGHT_GRANT, &o, NULL);
    if (s != STATUS_OK)
        return s;
    struct capability *cap = cap_slot((struct process *)o, slot);
    if (!cap)
        return STATUS_BAD_ARG;
    if (!ref_get(cap->ref))
        return STATUS_NOT_FOUND;
    *cap = (struct capability){0};
    return STATUS_OK;
}

static enum status aspace_of(uint64_t slot, struct aspace **a)
{
    struct object *o;
    enum status s = cap_get(current_thread()->process, slot, OBJECT_NONE, RIGHT_CONTROL, &o, NULL);
    if (s != STATUS_OK)
        return s;
    if (o->type == OBJECT_PROCESS)
        *a = &((struct process *)o)->aspace;
    else if (o->type == OBJECT_SPACE)
        *a = &((struct space *)o)->aspace;
    else
        return STATUS_BAD_CAP;
    return STATUS_OK;
}

static enum status memory_of(uint64_t slot, uint32_t rights, struct memory **m)
{
    return cap_get(current_thread()->process, slot, OBJECT_MEMORY, rights, (struct object **)m, NULL);
}

uint64_t sys_map(uint64_t where, uint64_t address, uint64_t memory, uint64_t rights)
{
    struct aspace *a;
    struct memory *m;
    enum status s = aspace_of(where, &a);
    if (s != STATUS_OK)
        return s;
    if (rights & ~(uint64_t)(RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE))
        return STATUS_BAD_ARG;
    s = memory_of(memory, (uint32_t)rights, &m);
    return s == STATUS_OK ? memory_map(a, address, m, (uint32_t)rights) : s;
}

uint64_t sys_unmap(uint64_t where, uint64_t address)
{
    struct aspace *a;
    enum status s = aspace_of(where, &a);
    return s == STATUS_OK ? memory_unmap(a, address) : s;
}

uint64_t sys_supply(uint64_t memory, uint64_t page, uint64_t source, uint64_t source_page, uint64_t pages,
                    uint64_t how)
{
    struct memory *m, *from;
    enum status s = memory_of(memory, RIGHT_CONTROL, &m);
    if (s == STATUS_OK)
        s = memory_of(source, RIGHT_CONTROL, &from);
    if (s != STATUS_OK)
        return s;
    return how > SUPPLY_LARGE ? STATUS_BAD_ARG
                              : memory_supply(m, page, from, source_page, pages, (uint32_t)how);
}

uint64_t sys_withdraw(uint64_t memory, uint64_t page, uint64_t to, uint64_t to_page, uint64_t pages,
                      uint64_t how)
{
    struct memory *m, *dest;
    enum status s = memory_of(memory, RIGHT_CONTROL, &m);
    if (s == STATUS_OK)
        s = memory_of(to, RIGHT_CONTROL, &dest);
    if (s != STATUS_OK)
        return s;
    if (how == SUPPLY_LARGE)
        return memory_supply(dest, to_page, m, page, pages, SUPPLY_LARGE);
    return how == SUPPLY_MOVE ? memory_withdraw(m, page, dest, to_page, pages) : STATUS_BAD_ARG;
}

uint64_t sys_protect(uint64_t memory, uint64_t page, uint64_t pages, uint64_t rights)
{
    struct memory *m;
    enum status s = memory_of(memory, RIGHT_CONTROL, &m);
    return s == STATUS_OK ? memory_protect(m, page, pages, (uint32_t)rights) : s;
}

uint64_t sys_log(uint64_t bytes)
{
    const struct thread *t = current_thread();
    if (bytes > sizeof t->utcb->words)
        return STATUS_BAD_ARG;
    console_write((const char *)t->utcb->words, bytes);
    return STATUS_OK;
}

uint64_t sys_machine(uint64_t system, uint64_t op, uint64_t argument)
{
    struct object *o;
    enum status s = cap_get(current_thread()->process, system, OBJECT_SYSTEM, RIGHT_CONTROL, &o, NULL);
    if (s != STATUS_OK)
        return s;
    switch (op) {
    case MACHINE_POWEROFF: platform_poweroff((uint8_t)argument);
    case MACHINE_RESET: platform_reset();
    case MACHINE_RELEASE_CONSOLE: console_release(); return STATUS_OK;
    case MACHINE_SEIZE_CONSOLE: console_seize(); return STATUS_OK;
    default: return STATUS_BAD_ARG;
    }
}

// For all that fits in AL, so that entry.S need not compare.
const void *const syscall_table[UINT8_MAX + 1] = {
    [SYS_NULL] = sys_null,
    [SYS_CALL] = sys_call,
    [SYS_REPLY_WAIT] = sys_reply_wait,
    [SYS_SIGNAL] = sys_signal,
    [SYS_CREATE] = sys_create,
    [SYS_DESTROY] = sys_destroy,
    [SYS_GRANT] = sys_grant,
    [SYS_REVOKE] = sys_revoke,
    [SYS_MAP] = sys_map,
    [SYS_UNMAP] = sys_unmap,
    [SYS_SUPPLY] = sys_supply,
    [SYS_WITHDRAW] = sys_withdraw,
    [SYS_PROTECT] = sys_protect,
    [SYS_THREAD_CTL] = sys_thread_ctl,
    [SYS_VCPU_CTL] = sys_vcpu_ctl,
    [SYS_ROUTE] = sys_route,
    [SYS_IRQ_CTL] = sys_irq_ctl,
    [SYS_INFO] = sys_info,
    [SYS_LOG] = sys_log,
    [SYS_MACHINE] = sys_machine,
    [SYSCALL_COUNT... UINT8_MAX] = sys_unknown,
};
