// The system call table, and the calls that are a line or two.
// SPDX-License-Identifier: MIT
#include "kernel/syscalls.h"

#include "kernel/endpoint.h"
#include "kernel/irq.h"
#include "kernel/lib/print.h"
#include "kernel/vm.h"

enum status look_up(struct request *r, const uint32_t needs[ARGUMENTS])
{
    for (unsigned i = 0; i < ARGUMENTS; i++) {
        struct object *o = NULL;
        struct capability *cap = NULL;
        if (needs[i] && !((needs[i] & OPTIONAL) && r->a[i] == SLOT_NONE)) {
            enum status s = cap_get(r->self, r->a[i], needs[i] >> 16 & 0xff, needs[i] & 0xffff, &o, &cap);
            if (s != STATUS_OK)
                return s;
        }
        r->object[i] = o;
        r->cap[i] = cap;
    }
    return STATUS_OK;
}

enum status control(struct request *r, enum object_type type, const struct operation *operations,
                    uint64_t count)
{
    uint64_t op = r->a[1];
    uint32_t needs[ARGUMENTS] = {GRIP(type, RIGHT_CONTROL), 0, op < count ? operations[op].need : 0};
    enum status s = look_up(r, needs);
    if (s != STATUS_OK)
        return s;
    if (op >= count)
        return STATUS_BAD_ARG;
    return operations[op].act ? operations[op].act(r) : STATUS_UNSUPPORTED;
}

static uint32_t null(void)
{
    return STATUS_OK;
}

static uint32_t unknown(void)
{
    return STATUS_BAD_ARG;
}

// Rights shrink on the way; a badge is given once, by whoever holds the capability without one.
static uint32_t grant(struct request *r)
{
    struct process *target = r->object[0];
    const struct object *o = r->object[2];
    uint64_t rights = r->a[3], own_badge = r->cap[2]->badge, badge = r->a[4] ? r->a[4] : own_badge;
    bool more = (rights & ~(uint64_t)GRIP_RIGHTS(r->cap[2]->grip)) || (own_badge && badge != own_badge);
    enum status s = cap_free(target, r->a[1]) ?: more ? STATUS_NO_RIGHT : STATUS_OK;
    if (s == STATUS_OK && o->type == OBJECT_IOPORTS)
        s = ioports_allow(target, (const struct ioports *)o);
    if (s == STATUS_OK)
        cap_put(target, r->a[1], o, (uint32_t)rights, badge);
    return s;
}

static uint32_t revoke(struct request *r)
{
    struct capability *cap = cap_slot(r->object[0], r->a[1]);
    if (!cap)
        return STATUS_BAD_ARG;
    if (!ref_get(cap->ref))
        return STATUS_NOT_FOUND;
    *cap = (struct capability){0};
    return STATUS_OK;
}

// Of a process or a space; NULL: it is neither.
static struct aspace *aspace_of(void *o)
{
    switch (((struct object *)o)->type) {
    case OBJECT_PROCESS: return &((struct process *)o)->aspace;
    case OBJECT_SPACE: return &((struct space *)o)->aspace;
    default: return NULL;
    }
}

static uint32_t map(struct request *r)
{
    struct aspace *a = aspace_of(r->object[0]);
    struct object *memory;
    uint64_t rights = r->a[3];
    if (!a)
        return STATUS_BAD_CAP;
    if (rights & ~(uint64_t)RIGHTS_RWX)
        return STATUS_BAD_ARG;
    enum status s = cap_get(r->self, r->a[2], OBJECT_MEMORY, (uint32_t)rights, &memory, NULL);
    return s == STATUS_OK ? memory_map(a, r->a[1], (struct memory *)memory, (uint32_t)rights) : s;
}

static uint32_t unmap(struct request *r)
{
    struct aspace *a = aspace_of(r->object[0]);
    return a ? memory_unmap(a, r->a[1]) : STATUS_BAD_CAP;
}

static uint32_t supply(struct request *r)
{
    if (r->a[5] > SUPPLY_LARGE)
        return STATUS_BAD_ARG;
    return memory_supply(r->object[0], r->a[1], r->object[2], r->a[3], r->a[4], (uint32_t)r->a[5]);
}

static uint32_t withdraw(struct request *r)
{
    if (r->a[5] != SUPPLY_MOVE && r->a[5] != SUPPLY_LARGE)
        return STATUS_BAD_ARG;
    return memory_supply(r->object[2], r->a[3], r->object[0], r->a[1], r->a[4],
                         r->a[5] == SUPPLY_MOVE ? SUPPLY_WITHDRAWN : SUPPLY_LARGE);
}

static uint32_t protect(struct request *r)
{
    return memory_protect(r->object[0], r->a[1], r->a[2], (uint32_t)r->a[3]);
}

static uint32_t log(struct request *r)
{
    const struct utcb *utcb = current_thread()->utcb;
    if (r->a[0] > sizeof utcb->words)
        return STATUS_BAD_ARG;
    console_write((const char *)utcb->words, r->a[0]);
    return STATUS_OK;
}

static uint32_t machine(struct request *r)
{
    switch (r->a[1]) {
    case MACHINE_POWEROFF: emulator_exit("exit-port", (uint8_t)r->a[2]); return STATUS_UNSUPPORTED;
    case MACHINE_RELEASE_CONSOLE: console_release(); return STATUS_OK;
    case MACHINE_SEIZE_CONSOLE: console_seize(); return STATUS_OK;
    default: return STATUS_BAD_ARG;
    }
}

static const struct {
    uint32_t (*call)(struct request *);
    uint32_t needs[ARGUMENTS];
} calls[SYSCALL_COUNT] = {
    [SYS_CREATE] = {sys_create, {0, NEED(PROCESS, RIGHT_PAY)}},
    [SYS_DESTROY] = {sys_destroy, {NEED(NONE, RIGHT_DESTROY)}},
    [SYS_GRANT] = {grant, {NEED(PROCESS, RIGHT_GRANT), 0, NEED(NONE, RIGHT_GRANT)}},
    [SYS_REVOKE] = {revoke, {NEED(PROCESS, RIGHT_GRANT)}},
    [SYS_MAP] = {map, {NEED(NONE, RIGHT_CONTROL)}},
    [SYS_UNMAP] = {unmap, {NEED(NONE, RIGHT_CONTROL)}},
    [SYS_SUPPLY] = {supply, {NEED(MEMORY, RIGHT_CONTROL), 0, NEED(MEMORY, RIGHT_CONTROL)}},
    [SYS_WITHDRAW] = {withdraw, {NEED(MEMORY, RIGHT_CONTROL), 0, NEED(MEMORY, RIGHT_CONTROL)}},
    [SYS_PROTECT] = {protect, {NEED(MEMORY, RIGHT_CONTROL)}},
    [SYS_THREAD_CTL] = {sys_thread_ctl, {0}},
    [SYS_VCPU_CTL] = {sys_vcpu_ctl, {0}},
    [SYS_ROUTE] = {sys_route, {NEED(VM, RIGHT_CONTROL)}},
    [SYS_IRQ_CTL] = {sys_irq_ctl, {0}},
    [SYS_INFO] = {sys_info, {0}},
    [SYS_LOG] = {log, {0}},
    [SYS_MACHINE] = {machine, {NEED(SYSTEM, RIGHT_CONTROL)}},
    [SYS_DEVICE_CTL] = {sys_device_ctl, {0}},
};

// Those that are not called so often that they do it alone.
static uint32_t checked(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    const struct thread *t = current_thread();
    uint8_t number = (uint8_t)t->frame.rax;
    struct request r = {.self = t->process, .a = {a, b, c, d, e, f}};
    enum status s = look_up(&r, calls[number].needs);
    return s == STATUS_OK ? calls[number].call(&r) : s;
}

// For all that fits in AL, so that entry.S need not compare.
const void *const syscall_table[UINT8_MAX + 1] = {
    [SYS_NULL] = null,
    [SYS_CALL] = sys_call,
    [SYS_REPLY_WAIT] = sys_reply_wait,
    [SYS_SIGNAL] = sys_signal,
    [SYS_CREATE... SYS_DEVICE_CTL] = checked,
    [SYSCALL_COUNT... UINT8_MAX] = unknown,
};
