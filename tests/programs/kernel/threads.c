// Threads: creation, registers, steps, stops.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/thread.h"
#include "libipc/time.h"
#include "tests/programs/kernel/topics.h"

#define FLAG_TRAP      (1u << 8)
#define FLAG_INTERRUPT (1u << 9)
#define FLAG_IOPL      (3u << 12)

static enum status create(uint64_t process, uint64_t exec, uint64_t rip, uint64_t rsp)
{
    return sys_create(OBJECT_THREAD, slot_new(), SELF, process, exec, rip, rsp);
}

static void creation(void)
{
    struct child c;
    child_make(&c, SLOT_NONE);
    uint32_t closed = make_copy(c.process, RIGHT_READ, 0);
    EXPECT(create(EMPTY_SLOT, 1, 0, 0), STATUS_BAD_CAP, "create thread: in nothing");
    EXPECT(create(SELF_THREAD, 1, 0, 0), STATUS_BAD_CAP, "create thread: in something that is no process");
    EXPECT(create(closed, 1, 0, 0), STATUS_NO_RIGHT, "create thread: without CONTROL");
    EXPECT(create(c.process, CREATE_EXEC(512, 1, 0), 0, 0), STATUS_BAD_ARG,
           "create thread: a UTCB that is not there");
    EXPECT(create(c.process, CREATE_EXEC(1, 64, 0), 0, 0), STATUS_BAD_ARG,
           "create thread: too high a priority");
    EXPECT(create(c.process, 1, USER_ADDRESS_LIMIT, 0), STATUS_BAD_ARG,
           "create thread: starts in the kernel's half");
    EXPECT(create(c.process, 1, 0, UINT64_MAX), STATUS_BAD_ARG,
           "create thread: a stack in the kernel's half");
    EXPECT(create(c.process, CREATE_EXEC(1, 1, 200), 0, 0), STATUS_UNSUPPORTED,
           "create thread: on a CPU that runs none");
    EXPECT(create(c.process, CREATE_EXEC(511, 63, 0), 0, 0), STATUS_OK,
           "create thread: the last UTCB, top priority");
    EXPECT(create(c.process, CREATE_EXEC(511, 1, 0), 0, 0), STATUS_EXISTS,
           "create thread: a UTCB that is taken");
}

static void wrong_control(void)
{
    struct child c;
    child_make(&c, SLOT_NONE);
    child_thread(&c, PRIORITY_LOW, NULL, NULL);
    uint32_t closed = make_copy(c.thread, RIGHT_READ, 0), n = make_notification();
    EXPECT(sys_thread_ctl(EMPTY_SLOT, THREAD_RESUME, 0), STATUS_BAD_CAP, "control: an empty slot");
    EXPECT(sys_thread_ctl(n, THREAD_RESUME, 0), STATUS_BAD_CAP, "control: something that is no thread");
    EXPECT(sys_thread_ctl(closed, THREAD_RESUME, 0), STATUS_NO_RIGHT, "control: without CONTROL");
    EXPECT(sys_thread_ctl(c.thread, THREAD_OPS, 0), STATUS_BAD_ARG, "control: an unknown operation");
    EXPECT(sys_thread_ctl(c.thread, (enum thread_op) - 1, 0), STATUS_BAD_ARG,
           "control: an operation far off");
    EXPECT(sys_thread_ctl(c.thread, THREAD_SET_PRIORITY, 64), STATUS_BAD_ARG, "control: too high a priority");
    EXPECT(sys_thread_ctl(c.thread, THREAD_SET_ACCOUNT, EMPTY_SLOT), STATUS_BAD_CAP, "control: no account");
    EXPECT(sys_thread_ctl(c.thread, THREAD_SET_ACCOUNT, n), STATUS_BAD_CAP, "control: what is no account");
    uint32_t weak = make_copy(ROOT_SLOT_ACCOUNT, RIGHT_READ, 0);
    EXPECT(sys_thread_ctl(c.thread, THREAD_SET_ACCOUNT, weak), STATUS_NO_RIGHT,
           "control: an account without CONTROL");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_WRITE, 0), STATUS_BUSY,
           "control: the registers of a thread that runs");
}

static volatile uint64_t count;
static uint64_t dumped[17];

static void counter(void *argument)
{
    (void)argument;
    for (;;)
        count++;
}

// Stores all registers and stops for good.
__attribute__((naked)) static void dump(void)
{
    asm("mov %rax, dumped; mov %rcx, dumped+8; mov %rdx, dumped+16; mov %rbx, dumped+24; mov %rsp, "
        "dumped+32\n"
        "mov %rbp, dumped+40; mov %rsi, dumped+48; mov %rdi, dumped+56; mov %r8, dumped+64; mov %r9, "
        "dumped+72\n"
        "mov %r10, dumped+80; mov %r11, dumped+88; mov %r12, dumped+96; mov %r13, dumped+104; mov %r14, "
        "dumped+112\n"
        "mov %r15, dumped+120; lea dumped+136, %rsp; pushf; 0: jmp 0b");
}

static void registers(void)
{
    struct child c;
    struct thread_regs *r = (struct thread_regs *)(void *)utcb()->words;
    child_make(&c, SLOT_NONE);
    child_thread(&c, PRIORITY_HIGH, NULL, NULL);
    EXPECT(sys_thread_ctl(c.thread, THREAD_READ, 0), STATUS_OK, "read: a thread that was not started");
    CHECK(r->gpr[GPR_RDI] == UTCB_ADDRESS(0) && r->fs_base == UTCB_ADDRESS(0),
          "read: rdi and FS base are its UTCB");
    r->rip = USER_ADDRESS_LIMIT;
    EXPECT(sys_thread_ctl(c.thread, THREAD_WRITE, 0), STATUS_BAD_ARG, "write: rip in the kernel's half");
    for (unsigned i = 0; i < 16; i++)
        r->gpr[i] = 0x1000 + i;
    r->gpr[GPR_RSP] = UINT64_MAX;
    r->rip = (uintptr_t)dump;
    EXPECT(sys_thread_ctl(c.thread, THREAD_WRITE, 0), STATUS_BAD_ARG, "write: rsp in the kernel's half");
    r->gpr[GPR_RSP] = 0x1000 + GPR_RSP;
    r->rflags = FLAG_IOPL | 1 | 1 << 17 | 1 << 14;
    EXPECT(sys_thread_ctl(c.thread, THREAD_WRITE, 0), STATUS_OK, "write: all registers");
    memset(dumped, 0, sizeof dumped);
    EXPECT(sys_thread_ctl(c.thread, THREAD_SET_PRIORITY, PRIORITY_HIGH), STATUS_OK, "control: priority");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_SET_PRIORITY, PRIORITY_HIGH + 1), STATUS_OK,
           "control: the own priority");
    EXPECT(sys_thread_ctl(c.thread, THREAD_RESUME, 0), STATUS_OK, "resume");
    settle();
    EXPECT(sys_thread_ctl(c.thread, THREAD_SUSPEND, 0), STATUS_OK, "suspend: a thread that runs");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_SET_PRIORITY, PRIORITY_ROOT), STATUS_OK, "control: back again");
    unsigned wrong = 0;
    for (unsigned i = 0; i < 16; i++)
        wrong += dumped[i] != 0x1000 + i;
    CHECK(wrong == 0, "write: the thread found every register as written");
    CHECK((dumped[16] & (FLAG_IOPL | FLAG_INTERRUPT | FLAG_TRAP | 1 | 1 << 17 | 1 << 14)) ==
              (FLAG_INTERRUPT | 1),
          "write: flags that are not its own are not taken");
    EXPECT(sys_thread_ctl(c.thread, THREAD_READ, 0), STATUS_OK, "read: the suspended thread");
    CHECK(r->gpr[GPR_R8 + 7] == 0x100f && r->rip > (uintptr_t)dump, "read: the registers as they are");
}

static void suspension(void)
{
    struct child c;
    child_make(&c, SLOT_NONE);
    count = 0;
    child_run(&c, PRIORITY_ROOT, counter, NULL);
    while (!count)
        (void)!sys_null();
    CHECK(count > 0, "an equal thread gets its turn");
    EXPECT(sys_thread_ctl(c.thread, THREAD_SUSPEND, 0), STATUS_OK, "suspend");
    uint64_t then = count;
    CHECK(child_state(&c) == THREAD_STOPPED, "info: it is stopped");
    for (unsigned i = 0; i < 100000; i++)
        (void)!sys_null();
    CHECK(count == then, "suspend: it does not run");
    EXPECT(sys_thread_ctl(c.thread, THREAD_SUSPEND, 0), STATUS_OK, "suspend: twice");
    EXPECT(sys_thread_ctl(c.thread, THREAD_RESUME, 0), STATUS_OK, "resume");
    EXPECT(sys_thread_ctl(c.thread, THREAD_RESUME, 0), STATUS_OK, "resume: twice");
    while (count == then)
        (void)!sys_null();
    CHECK(count > then, "resume: it goes on");
}

static void suspends_itself(void *argument)
{
    (void)argument;
    count = (uint64_t)sys_thread_ctl(1, THREAD_SUSPEND, 0) + 1;
}

static void self_suspension(void)
{
    struct child c;
    child_make(&c, SLOT_NONE);
    child_thread(&c, PRIORITY_HIGH, suspends_itself, NULL);
    child_give(&c, 1, c.thread, RIGHT_CONTROL, 0);
    count = 0;
    EXPECT(sys_thread_ctl(c.thread, THREAD_RESUME, 0), STATUS_OK, "suspend: a thread suspends itself");
    CHECK(child_state(&c) == THREAD_STOPPED && count == 0, "suspend: it stops in the call");
    EXPECT(sys_thread_ctl(c.thread, THREAD_RESUME, 0), STATUS_OK, "resume");
    CHECK(count == 1, "resume: the call returns with OK");
}

static bool next_fault(uint32_t handler, uint32_t reply, struct message *m)
{
    uint64_t badge;
    return receive_call(handler, reply, m, &badge) == STATUS_OK && m->tag == TAG(LABEL_FAULT, 6);
}

enum { STEP_SYSCALL = 3, STEPS = 5 };
extern const char step_code[];
asm(".text; step_code: nop; nop; xor %eax, %eax; syscall; nop; 0: jmp 0b");

// Offsets behind each instruction. Bochs steps over a system call together with the instruction behind it.
static bool stepped(unsigned step, uint64_t offset)
{
    static const uint8_t after[STEPS] = {1, 2, 4, 6, 7};
    return offset == after[step] || (step == STEP_SYSCALL && offset == after[step + 1]);
}

static void steps(void)
{
    struct child c;
    struct message m;
    uint32_t r = make_reply();
    child_make(&c, make_endpoint());
    c.thread = make(OBJECT_THREAD, c.process, CREATE_EXEC(0, PRIORITY_HIGH, 0), (uintptr_t)step_code, 0);
    EXPECT(sys_thread_ctl(c.thread, THREAD_STEP, 0), STATUS_OK, "step: a thread that was not started");
    unsigned wrong = 0;
    for (unsigned i = 0; i < STEPS; i++) {
        wrong += !next_fault(c.handler, r, &m) || m.words[0] != FAULT_STEP;
        if (!stepped(i, m.words[3] - (uintptr_t)step_code)) {
            wrong++;
            tap_note("step %u ended at %llx", i, (unsigned long long)(m.words[3] - (uintptr_t)step_code));
        }
        wrong += sys_thread_ctl(c.thread, THREAD_STEP, 0) != STATUS_OK;
        wrong += answer_call(r, 0) != STATUS_OK;
    }
    CHECK(wrong == 0, "step: one instruction at a time, system calls too");
}

static void calls_nothing(void *argument)
{
    (void)argument;
    for (;;) {
        (void)!sys_null();
        count++;
    }
}

static void stops(void)
{
    struct child c;
    struct message m = {0};
    uint32_t r = make_reply();
    child_make(&c, make_endpoint());
    child_thread(&c, PRIORITY_HIGH, calls_nothing, NULL);
    count = 0;
    EXPECT(sys_thread_ctl(c.thread, THREAD_STOP_AT, 3), STATUS_OK, "stop at: the third system call from now");
    EXPECT(sys_thread_ctl(c.thread, THREAD_RESUME, 0), STATUS_OK, "resume");
    CHECK(next_fault(c.handler, r, &m) && m.words[0] == FAULT_SYSCALL_COUNT && m.words[1] == SYS_NULL,
          "stop at: a fault message names the call");
    CHECK(count == 2, "stop at: two calls were made, the third not yet");
    EXPECT(sys_thread_ctl(c.thread, THREAD_STOP_AT, 1), STATUS_OK, "stop at: the next one");
    EXPECT(answer_call(r, 0), STATUS_OK, "stop at: go on");
    CHECK(next_fault(c.handler, r, &m) && m.words[0] == FAULT_SYSCALL_COUNT, "stop at: a message again");
    CHECK(count == 2 || count == 3, "stop at: at the same call or the one after it");
}

static void leaves(void *argument)
{
    (void)syscall_raw(SYS_THREAD_CTL, SLOT_NONE, THREAD_EXIT, (uintptr_t)argument, 0, 0, 0);
}

static void exits(void)
{
    struct child c, alone;
    struct message m = {0};
    uint32_t r = make_reply();
    child_make(&c, make_endpoint());
    child_run(&c, PRIORITY_HIGH, leaves, (void *)1234);
    CHECK(next_fault(c.handler, r, &m) && m.words[0] == FAULT_EXIT && m.words[1] == 1234,
          "exit: a last message with its code");
    CHECK(child_state(&c) == THREAD_FAULTED, "exit: it runs no more");
    child_make(&alone, SLOT_NONE);
    child_run(&alone, PRIORITY_HIGH, leaves, NULL);
    settle();
    CHECK(child_state(&alone) == THREAD_STOPPED, "exit: without a handler it just stops");
}

// Vector registers are each thread's own, whoever runs in between.
static volatile uint64_t vector_errors;

static void keeps_vector(void *argument)
{
    uint64_t mine[2] = {(uintptr_t)argument, ~(uint64_t)(uintptr_t)argument}, now[2];
    asm volatile("movdqu %0, %%xmm5" : : "m"(mine) : "xmm5");
    for (;;) {
        asm volatile("movdqu %%xmm5, %0" : "=m"(now));
        if (memcmp(mine, now, sizeof now) != 0)
            vector_errors++;
        count++;
    }
}

static void vectors(void)
{
    struct child a, b;
    child_make(&a, SLOT_NONE);
    child_make(&b, SLOT_NONE);
    vector_errors = 0;
    count = 0;
    child_run(&a, PRIORITY_LOW, keeps_vector, (void *)0x1111);
    child_run(&b, PRIORITY_LOW, keeps_vector, (void *)0x2222);
    thread_sleep(deadline_in(70 * NS_PER_MS));
    CHECK(vector_errors == 0 && count > 0, "vector registers belong to one thread");
}

const struct part thread_parts[] = {{"create", creation},
                                    {"wrong control", wrong_control},
                                    {"registers", registers},
                                    {"suspend", suspension},
                                    {"suspend itself", self_suspension},
                                    {"step", steps},
                                    {"stop at", stops},
                                    {"exit", exits},
                                    {"vectors", vectors},
                                    {0}};
