// vCPUs: exits along routes, answers, parking.
// SPDX-License-Identifier: MIT
//
// A vCPU either runs (ready or current), is halted (EXEC_WAITS, until a kick or its deadline), or is in a
// call: an exit to its monitor (PENDING_EXIT), an access to a device server (PENDING_ACCESS), a page fault.
// The call's message is rebuilt from v->exit or v->access whenever it is delivered.
#include "kernel/call.h"
#include "kernel/fpu.h"
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/x86.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"

static inline void copy_gpr(uint64_t *to, const uint64_t *from, uint64_t groups)
{
    if (groups & GROUP_GPR_ABCD)
        memcpy(to, from, GPR_RSP * sizeof *to);
    if (groups & GROUP_GPR_REST)
        memcpy(to + GPR_RSP, from + GPR_RSP, (GPR_COUNT - GPR_RSP) * sizeof *to);
}

static ALWAYS_INLINE void message_exit(const struct call *c, struct thread *to)
{
    struct vcpu *v = CONTAINER(c, struct vcpu, exec.call);
    const struct vcpu_exit *x = &v->exit;
    uint32_t groups = v->vm->groups[x->kind];
    struct vcpu_state *state = &to->utcb->vcpu;
    to->frame.rsi = TAG(LABEL_EXIT + x->kind, EXIT_WORDS);
    to->frame.rdx = x->address;
    to->frame.r10 = x->value;
    to->frame.r8 = x->info | (uint64_t)v->number << 32 | (v->offer ? EXIT_OFFER_PENDING : 0) |
                   (virt->read(v, groups, state) ? EXIT_INTERRUPTIBLE : 0);
    to->frame.r9 = x->raw;
    copy_gpr(state->gpr, v->gpr, groups);
    if (groups & GROUP_XCR0) // while the vCPU is current, the guest's is still in the register
        state->xcr0 = this_cpu()->current == &v->exec ? xgetbv(0) : v->exec.xcr0;
}

void vcpu_message_exit(const struct call *c, struct thread *to)
{
    message_exit(c, to);
}

void vcpu_exit_to_monitor(struct vcpu *v, enum exit_kind kind)
{
    v->exit.kind = kind;
    v->exits_by_kind[kind]++;
    v->action = PENDING_EXIT;
    if (!call_start_as(&v->exec, &v->monitor, CALL_EXIT, message_exit))
        exec_stop(&v->exec);
}

static uint64_t low_bytes(uint64_t value, unsigned size)
{
    return size < 8 ? value & ((1ul << 8 * size) - 1) : value;
}

// True when the guest can go on: a doorbell rang, or no route takes what the monitor decoded.
static ALWAYS_INLINE bool send_access(struct vcpu *v, const struct vcpu_access *a)
{
    struct route *r = route_find(v->vm, a->space, a->write ? ROUTE_WRITES : ROUTE_READS, a->address);
    const struct object *target = r ? ref_get(r->target.ref) : NULL;
    if (target && a->address + a->size - 1 <= r->last) {
        r->count++;
        if (target->type == OBJECT_NOTIFICATION) {
            v->doorbells++;
            notification_signal((struct notification *)target, r->target.badge);
            return vcpu_answer_access(v, 0);
        }
        v->accesses++;
        v->exec.call.tag = TAG(LABEL_ACCESS, ACCESS_WORDS);
        v->exec.call.words[ACCESS_OFFSET] = a->address - r->first;
        v->exec.call.words[ACCESS_VALUE] = a->value;
        v->exec.call.words[ACCESS_INFO] = ACCESS_INFO_MAKE(a->size, a->write, v->number);
        v->action = PENDING_ACCESS;
        return !call_start(&v->exec, &r->target, CALL_ACCESS); // it is there: ref_get() looked
    }
    if (v->access_by_monitor)
        return vcpu_answer_access(v, UINT64_MAX);
    vcpu_exit_to_monitor(v, EXIT_PIO);
    return false;
}

static bool exit_pio(struct vcpu *v)
{
    const struct vcpu_exit *x = &v->exit;
    if (x->info & EXIT_STRING) {
        vcpu_exit_to_monitor(v, EXIT_PIO);
        return false;
    }
    v->access_by_monitor = false;
    return send_access(v, &(struct vcpu_access){.address = x->address,
                                                .value = x->value,
                                                .space = ACCESS_PORT,
                                                .size = (uint8_t)EXIT_INFO_SIZE(x->info),
                                                .write = (x->info & EXIT_WRITE) != 0});
}

bool vcpu_send_access(struct vcpu *v)
{
    return v->access_by_monitor ? send_access(v, &v->access) : exit_pio(v);
}

static NOINLINE void exit_mmio(struct vcpu *v)
{
    const struct vcpu_exit *x = &v->exit;
    uint32_t rights = RIGHT_READ | ((x->info & EXIT_WRITE) ? RIGHT_WRITE : 0) |
                      ((x->info & EXIT_FETCH) ? RIGHT_EXECUTE : 0);
    enum fault_verdict verdict = exec_fault(&v->exec, &v->space->aspace, x->address, rights);
    v->page_faults += verdict == FAULT_PAGER;
    if (verdict == FAULT_VIOLATION)
        vcpu_exit_to_monitor(v, EXIT_MMIO);
}

static NOINLINE void kick_exit(struct vcpu *v)
{
    v->exit = (struct vcpu_exit){.info = v->deadline_passed ? EXIT_DEADLINE : 0};
    v->kicked = v->deadline_passed = false;
    vcpu_exit_to_monitor(v, EXIT_KICK);
}

// Doorbells do not leave the loop.
void vcpu_enter(struct vcpu *v)
{
    const struct cpu *cpu = this_cpu();
    if (v->kicked || v->deadline_passed) {
        kick_exit(v);
        return;
    }
    do {
        if (virt->run(v) == VIRT_INTERRUPT) {
            interrupts_take();
            return;
        }
        v->exits++;
        if (v->exit.kind == EXIT_MMIO)
            exit_mmio(v);
        else if (v->exit.kind != EXIT_PIO)
            vcpu_exit_to_monitor(v, v->exit.kind);
    } while (v->exit.kind == EXIT_PIO && exit_pio(v) && cpu->hazards == HAZARD_GUEST);
}

void vcpu_unpark(struct vcpu *v)
{
    if (v->exec.state != EXEC_WAITS)
        return;
    v->action = PENDING_NOTHING;
    sched_ready(&v->exec, false);
}

static void deadline_passed(struct timer *t)
{
    struct vcpu *v = CONTAINER(t, struct vcpu, exec.timer);
    v->deadline_passed = true;
    vcpu_unpark(v);
}

void vcpu_set_deadline(struct vcpu *v, uint64_t deadline)
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

bool vcpu_access_ok(const struct vcpu_access *a)
{
    return (a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8) &&
           (a->space == ACCESS_MEMORY || (a->space == ACCESS_PORT && a->address <= UINT16_MAX));
}

static NOINLINE enum status check_event(uint64_t event)
{
    struct vcpu_state state;
    state.event = event;
    return virt_check_state(GROUP_EVENT, &state);
}

// What is judged is a copy, as it is in a page that its owner can change at any time.
static NOINLINE enum status accept_whole(struct vcpu *v, const struct vcpu_state *from, uint32_t groups)
{
    struct vcpu_state state = *from;
    if ((groups & GROUP_XCR0) && !fpu_xcr0_ok(state.xcr0))
        return STATUS_BAD_ARG;
    enum status s = virt_check_write(v, groups, &state);
    if (s != STATUS_OK)
        return s;
    if (groups & VIRT_GROUPS)
        virt->write(v, groups, &state);
    if (groups & GROUP_XCR0)
        v->exec.xcr0 = state.xcr0;
    return STATUS_OK;
}

static ALWAYS_INLINE enum status accept_rip(struct vcpu *v, const struct vcpu_state *from)
{
    struct vcpu_state state;
    state.rip = from->rip;
    state.rflags = from->rflags;
    state.blocking = from->blocking;
    enum status s = virt_check_write(v, GROUP_RIP, &state);
    if (s == STATUS_OK)
        virt->write(v, GROUP_RIP, &state);
    return s;
}

// The usual reply moves RIP, and general registers, which nobody judges.
static ALWAYS_INLINE enum status accept_state(struct vcpu *v, const struct vcpu_state *from, uint32_t groups)
{
    enum status s = STATUS_OK;
    if (groups & ~(uint32_t)(GROUP_GPR | GROUP_RIP))
        s = accept_whole(v, from, groups);
    else if (groups & GROUP_RIP)
        s = accept_rip(v, from);
    if (s == STATUS_OK)
        copy_gpr(v->gpr, from->gpr, groups);
    return s;
}

static enum status accept_access(struct vcpu *v, const struct vcpu_access *from)
{
    v->access = *from;
    return vcpu_access_ok(&v->access) ? STATUS_OK : STATUS_BAD_ARG;
}

// Checks all that can be wrong with the answer to an exit, then takes its state over.
static ALWAYS_INLINE enum status accept(struct vcpu *v, const struct thread *from)
{
    uint64_t groups = from->frame.rdx, event = from->frame.r10;
    uint32_t label = TAG_LABEL(from->frame.rsi);
    if (label > VCPU_ACCESS || (groups & ~(uint64_t)GROUP_ALL) || (from->frame.r9 & ~OFFER_BITS))
        return STATUS_BAD_ARG;
    return (event ? check_event(event) : STATUS_OK)
               ?: (label == VCPU_ACCESS ? accept_access(v, &from->utcb->access) : STATUS_OK)
               ?: accept_state(v, &from->utcb->vcpu, (uint32_t)groups);
}

// True when the guest can go on.
static inline bool go_on(struct vcpu *v, enum vcpu_action action)
{
    v->action = PENDING_NOTHING;
    if (action == VCPU_ACCESS) {
        v->access_by_monitor = true;
        return vcpu_send_access(v);
    }
    if (action == VCPU_RUN || v->kicked || v->deadline_passed)
        return true;
    v->action = PENDING_HALT;
    v->exec.state = EXEC_WAITS;
    return false;
}

enum status vcpu_answer_exit(struct vcpu *v, const struct thread *from, struct exec **next)
{
    enum status s = accept(v, from);
    if (s != STATUS_OK)
        return s;
    end_call(&v->exec.call);
    if (from->frame.r10 || v->exit.kind == EXIT_ERROR)
        virt->inject(v, from->frame.r10);
    if (from->frame.r9 != v->offer)
        virt->offer(v, from->frame.r9);
    vcpu_set_deadline(v, from->frame.r8);
    *next = go_on(v, TAG_LABEL(from->frame.rsi)) ? &v->exec : NULL;
    return STATUS_OK;
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

enum status vcpu_make(void *o, const struct request *r)
{
    struct vcpu *v = o;
    v->vm = r->object[2];
    v->space = r->object[3];
    object_put_in(&v->space->object, &v->exec.object);
    enum status s = exec_init(&v->exec, r->a[5]);
    if (s != STATUS_OK)
        return s;
    if (v->space->vm != v->vm)
        return STATUS_BAD_ARG;
    if (v->vm->vcpus < VCPUS_MAX)
        v->hw = kmem_alloc(v->exec.object.payer, virt->vcpu_bytes);
    if (!v->hw)
        return STATUS_NO_QUOTA;
    v->exec.timer.expire = deadline_passed;
    v->exec.xcr0 = 1;
    v->number = v->vm->vcpus++;
    v->monitor = named(r, 4);
    virt->vcpu_init(v);
    vcpu_exit_to_monitor(v, EXIT_START);
    return STATUS_OK;
}

bool vcpu_release(void *o)
{
    struct vcpu *v = o;
    exec_release(&v->exec);
    if (v->hw)
        virt->vcpu_release(v);
    kmem_free(v->exec.object.payer, v->hw, virt->vcpu_bytes);
    return true;
}
