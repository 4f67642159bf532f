// vCPUs: exits along routes, answers, parking.
// SPDX-License-Identifier: MIT
//
// A vCPU either runs (ready or current), is halted (EXEC_WAITS, until a kick or its deadline), or is in a
// call: an exit to its monitor (PENDING_EXIT), an access to a device server (PENDING_ACCESS), a page fault.
// The call's message is rebuilt from v->exit or v->access whenever it is delivered.
#include "kernel/endpoint.h"
#include "kernel/fpu.h"
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/x86.h"
#include "kernel/sched.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"

static void start(struct vcpu *v, enum vcpu_pending pending, struct endpoint *to, struct ref ref,
                  uint64_t badge, enum call_kind kind)
{
    v->action = (uint8_t)pending;
    call_start(&v->exec, to, ref, badge, kind);
}

void vcpu_exit_to_monitor(struct vcpu *v, enum exit_kind kind)
{
    struct endpoint *to = (struct endpoint *)ref_get(v->monitor.ref);
    v->exit.kind = kind;
    v->exits_by_kind[kind]++;
    if (to) {
        start(v, PENDING_EXIT, to, v->monitor.ref, v->monitor.badge, CALL_EXIT);
        return;
    }
    v->action = PENDING_EXIT;
    v->stopped = true;
    v->exec.state = EXEC_STOPPED;
    if (this_cpu()->current == &v->exec)
        sched_block();
}

void vcpu_message_exit(const struct call *c, struct thread *to)
{
    struct vcpu *v = CONTAINER(c, struct vcpu, exec.call);
    const struct vcpu_exit *x = &v->exit;
    uint32_t groups = v->vm->groups[x->kind];
    struct vcpu_state *state = &to->utcb->vcpu;
    uint64_t info = x->info | (uint64_t)v->number << 32 | (v->offer ? EXIT_OFFER_PENDING : 0) |
                    (virt->interruptible(v) ? EXIT_INTERRUPTIBLE : 0);
    to->frame.rsi = TAG(LABEL_EXIT + x->kind, EXIT_WORDS);
    to->frame.rdx = x->address;
    to->frame.r10 = x->value;
    to->frame.r8 = info;
    to->frame.r9 = x->raw;
    if (groups & GROUP_GPR_ABCD)
        memcpy(state->gpr, v->gpr, GPR_RSP * sizeof *v->gpr);
    if (groups & GROUP_GPR_REST)
        memcpy(state->gpr + GPR_RSP, v->gpr + GPR_RSP, (GPR_COUNT - GPR_RSP) * sizeof *v->gpr);
    if (groups & GROUP_XCR0)
        state->xcr0 = v->exec.xcr0;
    if (groups & ~(uint32_t)(GROUP_GPR | GROUP_XCR0))
        virt->read(v, groups, state);
}

void vcpu_message_access(const struct call *c, struct thread *to)
{
    const struct vcpu *v = CONTAINER(c, struct vcpu, exec.call);
    to->frame.rsi = TAG(LABEL_ACCESS, ACCESS_WORDS);
    to->frame.rdx = v->access_words[ACCESS_OFFSET];
    to->frame.r10 = v->access_words[ACCESS_VALUE];
    to->frame.r8 = v->access_words[ACCESS_INFO];
}

static uint64_t low_bytes(uint64_t value, unsigned size)
{
    return size < 8 ? value & ((1ul << 8 * size) - 1) : value;
}

// What is to happen to an access: a route took it (a call goes out, or a doorbell rang), or none did.
enum routed { ROUTED_CALL, ROUTED_DONE, ROUTED_NOWHERE };

static enum routed route_access(struct vcpu *v, const struct vcpu_access *a)
{
    const struct route *r = route_find(v->vm, a->space, a->write ? ROUTE_WRITES : ROUTE_READS, a->address);
    struct object *target = r ? ref_get(r->target) : NULL;
    if (!target || a->address + a->size - 1 > r->last)
        return ROUTED_NOWHERE;
    if (target->type == OBJECT_NOTIFICATION) {
        v->doorbells++;
        notification_signal((struct notification *)target, r->badge, true);
        return ROUTED_DONE;
    }
    v->accesses++;
    v->access_words[ACCESS_OFFSET] = a->address - r->first;
    v->access_words[ACCESS_VALUE] = a->value;
    v->access_words[ACCESS_INFO] = ACCESS_INFO_MAKE(a->size, a->write, v->number);
    start(v, PENDING_ACCESS, (struct endpoint *)target, r->target, r->badge, CALL_ACCESS);
    return ROUTED_CALL;
}

// Sends v->access; true when it is over already and the guest can go on.
bool vcpu_send_access(struct vcpu *v)
{
    switch (route_access(v, &v->access)) {
    case ROUTED_CALL: return false;
    case ROUTED_DONE: return vcpu_answer_access(v, 0);
    case ROUTED_NOWHERE: break;
    }
    if (v->access_by_monitor)
        return vcpu_answer_access(v, UINT64_MAX);
    vcpu_exit_to_monitor(v, EXIT_PIO);
    return false;
}

static void exit_pio(struct vcpu *v)
{
    const struct vcpu_exit *x = &v->exit;
    if (x->info & EXIT_STRING) {
        vcpu_exit_to_monitor(v, EXIT_PIO);
        return;
    }
    v->access.address = x->address;
    v->access.value = x->value;
    v->access.space = ACCESS_PORT;
    v->access.size = (uint8_t)EXIT_INFO_SIZE(x->info);
    v->access.write = (x->info & EXIT_WRITE) != 0;
    v->access_by_monitor = false;
    vcpu_send_access(v);
}

static void exit_mmio(struct vcpu *v)
{
    const struct vcpu_exit *x = &v->exit;
    const struct mapping *map = aspace_find(&v->space->aspace, x->address);
    uint32_t rights = RIGHT_READ | ((x->info & EXIT_WRITE) ? RIGHT_WRITE : 0) |
                      ((x->info & EXIT_FETCH) ? RIGHT_EXECUTE : 0);
    uint64_t page;
    switch (map ? memory_fault(map, x->address, rights, &page) : FAULT_VIOLATION) {
    case FAULT_RETRY: return;
    case FAULT_PAGER:
        v->page_faults++;
        page_fault_start(&v->exec, map->memory, page, rights);
        return;
    case FAULT_VIOLATION: vcpu_exit_to_monitor(v, EXIT_MMIO); return;
    }
}

static void kick_exit(struct vcpu *v)
{
    v->exit = (struct vcpu_exit){.info = v->deadline_passed ? EXIT_DEADLINE : 0};
    v->kicked = v->deadline_passed = false;
    vcpu_exit_to_monitor(v, EXIT_KICK);
}

void vcpu_enter(struct vcpu *v)
{
    if (v->kicked || v->deadline_passed) {
        kick_exit(v);
        return;
    }
    if (virt->run(v) == VIRT_INTERRUPT)
        return;
    v->exits++;
    if (v->exit.kind == EXIT_PIO)
        exit_pio(v);
    else if (v->exit.kind == EXIT_MMIO)
        exit_mmio(v);
    else
        vcpu_exit_to_monitor(v, v->exit.kind);
}

static void unpark(struct vcpu *v)
{
    if (v->exec.state != EXEC_WAITS)
        return;
    v->action = PENDING_NOTHING;
    sched_ready(&v->exec, false, false);
}

static void deadline_passed(struct timer *t)
{
    struct vcpu *v = CONTAINER(t, struct vcpu, exec.timer);
    v->deadline_passed = true;
    unpark(v);
}

static void set_deadline(struct vcpu *v, uint64_t deadline)
{
    struct timer *t = &v->exec.timer;
    if (timer_runs(t) && t->deadline == deadline)
        return;
    v->deadline_passed = false;
    if (deadline)
        timer_start(t, deadline);
    else
        timer_cancel(t);
}

// Out of line: clearing the structure is worth it for the few answers that inject something.
static __attribute__((noinline)) enum status check_event(uint64_t event)
{
    const struct vcpu_state state = {.event = event};
    return virt_check_state(GROUP_EVENT, &state);
}

enum status vcpu_check_answer(const struct vcpu *v, const struct thread *from)
{
    uint32_t label = TAG_LABEL(from->frame.rsi);
    uint64_t groups = from->frame.rdx;
    if (label > VCPU_ACCESS || (groups & ~(uint64_t)GROUP_ALL) ||
        (from->frame.r9 & ~(OFFER_VALID | OFFER_NMI_WINDOW | 0xff)))
        return STATUS_BAD_ARG;
    const struct vcpu_access *a = &from->utcb->access;
    if (label == VCPU_ACCESS && (a->space > ACCESS_MEMORY || !a->size || (a->size & (a->size - 1)) ||
                                 a->size > 8 || (a->space == ACCESS_PORT && a->address > 0xffff)))
        return STATUS_BAD_ARG;
    enum status s = from->frame.r10 ? check_event(from->frame.r10) : STATUS_OK;
    if (s != STATUS_OK || !(groups & ~(uint64_t)(GROUP_GPR | GROUP_RIP)))
        return s;
    if ((groups & GROUP_XCR0) && !fpu_xcr0_ok(from->utcb->vcpu.xcr0))
        return STATUS_BAD_ARG;
    return virt_check_write(v, (uint32_t)groups, &from->utcb->vcpu);
}

static void write_state(struct vcpu *v, uint32_t groups, const struct vcpu_state *state)
{
    if (groups & GROUP_GPR_ABCD)
        memcpy(v->gpr, state->gpr, GPR_RSP * sizeof *v->gpr);
    if (groups & GROUP_GPR_REST)
        memcpy(v->gpr + GPR_RSP, state->gpr + GPR_RSP, (GPR_COUNT - GPR_RSP) * sizeof *v->gpr);
    if (groups & GROUP_XCR0)
        v->exec.xcr0 = state->xcr0;
    if (groups & ~(uint32_t)(GROUP_GPR | GROUP_XCR0))
        virt->write(v, groups, state);
}

bool vcpu_answer_exit(struct vcpu *v, const struct thread *from)
{
    write_state(v, (uint32_t)from->frame.rdx, &from->utcb->vcpu);
    if (from->frame.r10 || v->exit.kind == EXIT_ERROR)
        virt->inject(v, from->frame.r10);
    if (from->frame.r9 != v->offer)
        virt->offer(v, from->frame.r9);
    set_deadline(v, from->frame.r8);
    v->action = PENDING_NOTHING;
    switch (TAG_LABEL(from->frame.rsi)) {
    case VCPU_ACCESS:
        v->access = from->utcb->access;
        v->access_by_monitor = true;
        return vcpu_send_access(v);
    case VCPU_HALT:
        if (v->kicked || v->deadline_passed)
            return true;
        v->action = PENDING_HALT;
        v->exec.state = EXEC_WAITS;
        return false;
    default: return true;
    }
}

bool vcpu_answer_access(struct vcpu *v, uint64_t value)
{
    v->action = PENDING_NOTHING;
    if (!v->access_by_monitor) {
        virt->skip_pio(v, low_bytes(value, EXIT_INFO_SIZE(v->exit.info)));
        return true;
    }
    if (v->access.write && !(v->access.flags & ACCESS_RETURN))
        return true;
    v->exit = (struct vcpu_exit){.address = v->access.cookie, .value = low_bytes(value, v->access.size)};
    vcpu_exit_to_monitor(v, EXIT_ACCESS_DONE);
    return false;
}

enum status vcpu_create(struct process *payer, struct vm *vm, struct space *space, struct ref monitor,
                        uint64_t badge, uint32_t priority, struct account *account, struct vcpu **out)
{
    if (vm->vcpus == VCPUS_MAX)
        return STATUS_NO_QUOTA;
    struct vcpu *v = (struct vcpu *)object_new(OBJECT_VCPU, sizeof *v, payer);
    if (!v)
        return STATUS_NO_QUOTA;
    v->hw = kmem_alloc(payer, virt->vcpu_bytes);
    v->exec.fpu = v->hw ? fpu_alloc(payer) : NULL;
    if (!v->exec.fpu) {
        if (v->hw)
            kmem_free(payer, v->hw, virt->vcpu_bytes);
        object_free(&v->exec.object);
        return STATUS_NO_QUOTA;
    }
    exec_init(&v->exec, priority, account);
    v->exec.timer.expire = deadline_passed;
    v->exec.xcr0 = 1;
    v->vm = vm;
    v->space = space;
    v->number = vm->vcpus++;
    list_append(&space->vcpus, &v->sibling);
    v->monitor.ref = monitor;
    v->monitor.badge = badge;
    virt->vcpu_init(v);
    *out = v;
    vcpu_exit_to_monitor(v, EXIT_START);
    return STATUS_OK;
}

void vcpu_release(struct vcpu *v)
{
    struct process *payer = v->exec.object.payer;
    exec_release(&v->exec);
    list_remove(&v->sibling);
    virt->vcpu_release(v);
    kmem_free(payer, v->hw, virt->vcpu_bytes);
    object_free(&v->exec.object);
}
