// A child that touches memory.
// SPDX-License-Identifier: MIT
#include "tests/programs/kernel/prober.h"

#include "tests/programs/common/tap.h"

static volatile uint64_t target;
static volatile enum right access_kind;
static volatile bool done;

static void touch(void)
{
    volatile uint8_t *byte = (volatile uint8_t *)target;
    if (access_kind == RIGHT_WRITE)
        *byte = 0xc3; // RET
    else if (access_kind == RIGHT_EXECUTE)
        ((void (*)(void))target)();
    else
        (void)*byte;
}

static void run(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    (void)argument;
    while (sys_reply_wait(SLOT_NONE, 0, SLOT_NONE, SLOT_NONE, &m, &badge) == STATUS_OK) {
        touch();
        done = true;
    }
}

void prober_make(struct prober *p)
{
    uint32_t n = make_notification();
    p->handler = make_endpoint();
    p->reply = make_reply();
    p->go = make_copy(n, RIGHT_SEND, 1);
    child_make(&p->child, p->handler);
    child_run(&p->child, PRIORITY_HIGH, run, NULL);
    if (sys_thread_ctl(p->child.thread, THREAD_BIND, n) != STATUS_OK)
        tap_bail_out("the prober cannot be bound");
}

// Skips the access: lets it return from touch(). The fault came before the stack changed but for a call's.
static void restart(struct prober *p)
{
    struct thread_regs *r = (struct thread_regs *)(void *)utcb()->words;
    if (sys_thread_ctl(p->child.thread, THREAD_READ, 0) != STATUS_OK)
        tap_bail_out("the prober cannot be read");
    r->rip = (uintptr_t)run;
    r->gpr[GPR_RSP] = (r->gpr[GPR_RSP] & ~UINT64_C(15)) - 8;
    if (sys_thread_ctl(p->child.thread, THREAD_WRITE, 0) != STATUS_OK ||
        answer_call(p->reply, 0) != STATUS_OK)
        tap_bail_out("the prober cannot be restarted");
}

bool probe_done(const struct prober *p)
{
    return done && child_state(&p->child) == THREAD_WAITS;
}

bool probe(struct prober *p, uint64_t address, enum right how)
{
    struct message m = {0};
    uint64_t badge;
    target = address;
    access_kind = how;
    done = false;
    if (sys_signal(p->go) != STATUS_OK)
        tap_bail_out("the prober cannot be signalled");
    if (done)
        return true;
    p->fault = (struct fault_message){0};
    if (receive_call(p->handler, p->reply, &m, &badge) != STATUS_OK)
        return false;
    p->fault = (struct fault_message){m.words[0], m.words[1],       m.words[2],
                                      m.words[3], utcb()->words[4], utcb()->words[5]};
    if (m.tag != TAG(LABEL_FAULT, 6) || p->fault.address != address || (uint32_t)p->fault.code != 14)
        tap_note("probe of %llx: unexpected fault %llx at %llx", (unsigned long long)address,
                 (unsigned long long)p->fault.code, (unsigned long long)p->fault.address);
    restart(p);
    return false;
}

void prober_map(const struct prober *p, uint64_t address, uint32_t memory, uint64_t rights)
{
    if (sys_map(p->child.process, address, memory, rights) != STATUS_OK)
        tap_bail_out("the prober's memory cannot be mapped");
}
