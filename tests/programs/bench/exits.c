// Exits, measured from inside a tiny guest.
// SPDX-License-Identifier: MIT
//
// Monitor and device server are processes of their own, as small as they can be: what is measured is the way
// there and back. This monitor knows the guest's few instructions by heart; decoding them is the real one's
// cost.
#include "libipc/time.h"
#include "tests/guests/guest.h"
#include "tests/programs/bench/bench.h"
#include "tests/programs/common/machine.h"
#include "tests/programs/common/slate.h"
#include "tests/programs/common/tap.h"

enum {
    CHILD_ENDPOINT = 1,
    CHILD_REPLY = 2,
    CHILD_DONE = 3,
    REPORTS = 7,
    MOV_BYTES = 3,
    TWO_BYTES = 2,
    HLT_BYTES = 1
};

static volatile uint32_t reports[REPORTS];
static volatile unsigned report_count;
static volatile bool done;

static void device(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    uint32_t reply = SLOT_NONE;
    (void)argument;
    while (sys_reply_wait(CHILD_ENDPOINT, 0, reply, CHILD_REPLY, &m, &badge) == STATUS_OK) {
        m.tag = TAG(STATUS_OK, 1);
        m.words[0] = m.words[ACCESS_OFFSET];
        reply = CHILD_REPLY;
    }
}

static void skip(struct message *m, unsigned bytes, uint64_t groups)
{
    utcb()->vcpu.rip += bytes;
    utcb()->vcpu.blocking = 0;
    *m = (struct message){TAG(VCPU_RUN, REPLY_WORDS), {GROUP_RIP | groups}};
}

static void port(struct message *m)
{
    if (m->words[EXIT_ADDRESS] == PORT_REPORT)
        reports[report_count++] = (uint32_t)m->words[EXIT_VALUE];
    done = m->words[EXIT_ADDRESS] == PORT_DONE;
    skip(m, EXIT_INFO_LENGTH(m->words[EXIT_INFO]), 0);
}

// The guest sleeps until EAX: the lower half of a time that is near.
static void halt(struct message *m)
{
    uint64_t start = now(), until = (start & ~UINT64_C(0xffffffff)) | utcb()->vcpu.gpr[GPR_RAX];
    skip(m, HLT_BYTES, 0);
    m->tag = TAG(VCPU_HALT, REPLY_WORDS);
    m->words[REPLY_DEADLINE] = until;
}

static void answer(struct message *m)
{
    struct vcpu_state *s = &utcb()->vcpu;
    switch (TAG_LABEL(m->tag) - LABEL_EXIT) {
    case EXIT_CPUID:
        s->gpr[GPR_RAX] = s->gpr[GPR_RBX] = s->gpr[GPR_RCX] = s->gpr[GPR_RDX] = 1;
        skip(m, TWO_BYTES, GROUP_GPR_ABCD);
        return;
    case EXIT_RDMSR:
        s->gpr[GPR_RAX] = s->gpr[GPR_RDX] = 1;
        skip(m, TWO_BYTES, GROUP_GPR_ABCD);
        return;
    case EXIT_MMIO:
        s->gpr[GPR_RAX] = 1;
        skip(m, MOV_BYTES, GROUP_GPR_ABCD);
        return;
    case EXIT_PIO: port(m); return;
    case EXIT_HLT: halt(m); return;
    default: *m = (struct message){TAG(VCPU_RUN, REPLY_WORDS), {0}};
    }
}

static void monitor(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    uint32_t reply = SLOT_NONE;
    (void)argument;
    while (!done && sys_reply_wait(CHILD_ENDPOINT, 0, reply, CHILD_REPLY, &m, &badge) == STATUS_OK) {
        answer(&m);
        reply = CHILD_REPLY;
    }
    (void)!sys_signal(CHILD_DONE);
}

static void start_server(uint32_t endpoint, uint32_t signal, void (*run)(void *))
{
    struct child c;
    child_make(&c, SLOT_NONE);
    child_give(&c, CHILD_ENDPOINT, endpoint, RIGHT_RECEIVE, 0);
    child_give(&c, CHILD_REPLY, make_reply(), RIGHT_SEND | RIGHT_RECEIVE, 0);
    child_give(&c, CHILD_DONE, signal, RIGHT_SEND, 1);
    child_run(&c, PRIORITY_HIGH, run, NULL);
}

static void route(const struct machine *m, uint32_t devices, uint32_t doorbell)
{
    uint64_t read = (uint64_t)RIGHT_READ << 8, write = (uint64_t)RIGHT_WRITE << 8;
    bool ok =
        sys_route(m->vm, ROUTE_PORT | read, BENCH_PORT, BENCH_PORT + 7, devices, 1) == STATUS_OK &&
        sys_route(m->vm, ROUTE_PORT | write, BENCH_DOORBELL, BENCH_DOORBELL, doorbell, 1) == STATUS_OK &&
        sys_route(m->vm, ROUTE_EXIT, 0, EXIT_KINDS - 1, 0, GROUP_GPR_ABCD | GROUP_RIP) == STATUS_OK;
    if (!ok)
        tap_bail_out("the routes are refused");
}

void bench_exits(void)
{
    static const char *const names[REPORTS] = {
        NULL, "exit_cpuid", "exit_rdmsr", "exit_pio_server", "exit_doorbell", "exit_mmio", "hlt_wake_late"};
    struct machine m;
    uint32_t devices = make_endpoint(), finished = make_notification();
    struct message bits = {0};
    uint64_t badge;
    machine_start(&m, "bench", GUEST_64);
    start_server(devices, finished, device);
    route(&m, devices, make_notification());
    if (machine_answer(&m) != STATUS_OK)
        tap_bail_out("the guest does not start");
    start_server(m.endpoint, finished, monitor);
    if (sys_thread_ctl(SELF_THREAD, THREAD_BIND, finished) != STATUS_OK ||
        sys_reply_wait(SLOT_NONE, 0, SLOT_NONE, SLOT_NONE, &bits, &badge) != STATUS_OK)
        tap_bail_out("the guest does not finish");
    for (unsigned i = 1; i < report_count; i++)
        bench_line(names[i], (reports[i] - (i + 1 < REPORTS ? reports[0] : 0)) / BENCH_LOOPS);
    slate_wipe();
}
