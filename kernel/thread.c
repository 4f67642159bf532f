// Threads and thread control.
// SPDX-License-Identifier: MIT
#include "kernel/thread.h"

#include "kernel/endpoint.h"
#include "kernel/fpu.h"
#include "kernel/kmem.h"
#include "kernel/lib/string.h"
#include "kernel/platform/x86.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"
#include "libipc/abi/syscall.h"

_Static_assert(offsetof(struct thread, countdown) == offsetof(struct thread, frame) + sizeof(struct frame),
               "entry.S");

enum { FLAGS_KEPT = 0xcd5 | RFLAGS_AC }; // CF PF AF ZF SF DF OF and AC are the thread's own

static bool canonical(uint64_t address)
{
    return address < USER_ADDRESS_LIMIT;
}

enum status thread_make(void *o, const struct request *r)
{
    struct thread *t = o;
    struct process *p = t->process = r->object[2];
    uint64_t rip = r->a[4], rsp = r->a[5];
    list_init(&t->waiting);
    list_init(&t->received);
    object_put_in(&p->object, &t->exec.object);
    enum status s = exec_init(&t->exec, r->a[3]);
    if (s != STATUS_OK)
        return s;
    t->utcb_index = CREATE_UTCB(r->a[3]);
    if (t->utcb_index >= UTCB_COUNT_MAX || !canonical(rip) || !canonical(rsp))
        return STATUS_BAD_ARG;
    if (p->utcb_table[t->utcb_index])
        return STATUS_EXISTS;
    t->utcb = kmem_alloc(t->exec.object.payer, PAGE_SIZE);
    if (!t->utcb)
        return STATUS_NO_QUOTA;
    t->fs_base = t->utcb->self = UTCB_ADDRESS(t->utcb_index);
    p->utcb_table[t->utcb_index] = entry_leaf(PAGING_X86, phys_of(t->utcb), RIGHT_READ | RIGHT_WRITE, false);
    t->exec.suspended = true;
    t->frame = (struct frame){.rip = rip,
                              .cs = SELECTOR_USER_CODE,
                              .rflags = RFLAGS_IF | RFLAGS_1,
                              .rsp = rsp,
                              .ss = SELECTOR_USER_DATA, // CS and SS stay so: SYSCALL does not store them
                              .rdi = t->fs_base};
    return STATUS_OK;
}

bool thread_release(void *o)
{
    struct thread *t = o;
    while (!list_empty(&t->received))
        call_requeue(CONTAINER(t->received.next, struct call, node));
    if (t->exec.state == EXEC_WAITS)
        thread_wake(t, STATUS_GONE);
    exec_release(&t->exec);
    if (t->utcb) {
        t->process->utcb_table[t->utcb_index] = 0;
        aspace_flush(&t->process->aspace, t->fs_base, 1);
        kmem_free(t->exec.object.payer, t->utcb, PAGE_SIZE);
    }
    return true;
}

void thread_fault(struct thread *t, enum fault_kind kind, uint64_t code, uint64_t address)
{
    const struct fault_message m = {kind, code, address, t->frame.rip, t->frame.rsp, t->frame.rbp};
    t->exec.call.tag = TAG(LABEL_FAULT, FAULT_WORDS);
    memcpy(t->exec.call.words, &m, sizeof m);
    if (!call_start(&t->exec, &t->process->handler, CALL_FAULT))
        exec_stop(&t->exec);
}

// Afterwards it makes the call again.
void thread_stop(void)
{
    enum { SYSCALL_BYTES = 2 };
    struct thread *t = current_thread();
    t->countdown_from--;
    t->frame.rip -= SYSCALL_BYTES;
    thread_fault(t, FAULT_SYSCALL_COUNT, (uint8_t)t->frame.rax, 0);
}

static enum status resume(const struct request *r)
{
    struct thread *t = r->object[0];
    t->exec.suspended = false;
    if (t->exec.state == EXEC_STOPPED)
        sched_ready(&t->exec, false);
    return STATUS_OK;
}

static enum status suspend(const struct request *r)
{
    struct thread *t = r->object[0];
    t->exec.suspended = true;
    if (t->exec.state == EXEC_READY)
        exec_stop(&t->exec);
    return STATUS_OK;
}

// Where in struct frame each of the sixteen general registers is, in hardware order.
#define AT(register) offsetof(struct frame, register)
static const uint8_t gpr_offset[GPR_COUNT] = {AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp),
                                              AT(rsi), AT(rdi), AT(r8),  AT(r9),  AT(r10), AT(r11),
                                              AT(r12), AT(r13), AT(r14), AT(r15)};

static uint64_t *gpr(struct thread *t, unsigned i)
{
    return (uint64_t *)((char *)&t->frame + gpr_offset[i]);
}

static enum status read_regs(const struct request *r)
{
    struct thread *t = r->object[0];
    struct thread_regs *regs = (struct thread_regs *)current_thread()->utcb->words;
    for (unsigned i = 0; i < GPR_COUNT; i++)
        regs->gpr[i] = *gpr(t, i);
    regs->rip = t->frame.rip;
    regs->rflags = t->frame.rflags;
    regs->fs_base = t->fs_base;
    regs->gs_base = 0;
    return STATUS_OK;
}

static enum status write_regs(const struct request *r)
{
    struct thread *t = r->object[0];
    const struct thread_regs *regs = (const struct thread_regs *)current_thread()->utcb->words;
    bool faulted = t->exec.state == EXEC_CALLS && t->exec.call.kind == CALL_FAULT;
    if (t->exec.state != EXEC_STOPPED && !faulted)
        return STATUS_BUSY;
    if (!canonical(regs->rip) || !canonical(regs->gpr[GPR_RSP]))
        return STATUS_BAD_ARG;
    for (unsigned i = 0; i < GPR_COUNT; i++)
        *gpr(t, i) = regs->gpr[i];
    t->frame.rip = regs->rip;
    t->frame.rflags = (regs->rflags & FLAGS_KEPT) | RFLAGS_IF | RFLAGS_1;
    t->frame.vector = 0; // all registers count now: leave by IRET
    return STATUS_OK;
}

// After SYSRET a single step would trap in the kernel's last instruction; IRET traps behind the thread's
// next.
static enum status step(const struct request *r)
{
    struct thread *t = r->object[0];
    t->stepping = true;
    t->frame.rflags |= RFLAGS_TF;
    t->frame.vector = 0;
    return resume(r);
}

static enum status stop_at(const struct request *r)
{
    struct thread *t = r->object[0];
    uint64_t n = r->a[2];
    t->countdown_from += n - t->countdown;
    t->countdown = n;
    return STATUS_OK;
}

static enum status bind(const struct request *r)
{
    struct thread *t = r->object[0];
    struct notification *n = r->object[2];
    if (!n) {
        t->notification = (struct ref){0};
        return STATUS_OK;
    }
    const struct thread *bound = (const struct thread *)ref_get(n->thread);
    if (bound && bound != t && ref_get(bound->notification) == &n->object)
        return STATUS_BUSY;
    n->thread = ref_to(&t->exec.object);
    t->notification = ref_to(&n->object);
    t->signalled = n->bits != 0;
    if (n->bits && t->exec.state == EXEC_WAITS)
        notification_signal(n, 0);
    return STATUS_OK;
}

static enum status set_priority(const struct request *r)
{
    struct thread *t = r->object[0];
    if (r->a[2] > PRIORITY_MAX)
        return STATUS_BAD_ARG;
    t->exec.priority = (uint8_t)r->a[2];
    if (list_empty(&t->received))
        sched_set_effective(&t->exec, t->exec.priority);
    return STATUS_OK;
}

uint32_t sys_thread_ctl(struct request *r)
{
    static const struct operation operations[THREAD_OPS] = {
        [THREAD_RESUME] = {resume, 0},
        [THREAD_SUSPEND] = {suspend, 0},
        [THREAD_READ] = {read_regs, 0},
        [THREAD_WRITE] = {write_regs, 0},
        [THREAD_STEP] = {step, 0},
        [THREAD_STOP_AT] = {stop_at, 0},
        [THREAD_BIND] = {bind, OPTIONAL | NEED(NOTIFICATION, RIGHT_RECEIVE)},
        [THREAD_SET_PRIORITY] = {set_priority, 0},
        [THREAD_SET_ACCOUNT] = {exec_ctl_account, NEED(ACCOUNT, RIGHT_CONTROL)},
    };
    struct thread *self = current_thread();
    if (r->a[1] == THREAD_EXIT) {
        self->frame.rax = STATUS_OK;
        thread_fault(self, FAULT_EXIT, r->a[2], 0);
        return SYSCALL_DONE;
    }
    enum status s = control(r, OBJECT_THREAD, operations, THREAD_OPS);
    if (self->exec.state == EXEC_READY)
        return s;
    self->frame.rax = s; // it suspended itself
    return SYSCALL_DONE;
}
