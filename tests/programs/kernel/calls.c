// System calls as such: numbers, registers, the calls about the machine.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "tests/programs/kernel/topics.h"

static void null(void)
{
    EXPECT(sys_null(), STATUS_OK, "null: does nothing, successfully");
}

static void numbers(void)
{
    unsigned wrong = 0;
    for (uint64_t n = SYSCALL_COUNT; n < 256; n++)
        wrong += syscall_raw(n, 1, 1, 1, 1, 1, 1) != STATUS_BAD_ARG;
    CHECK(wrong == 0, "a number that no call has: BAD_ARG");
    CHECK(syscall_raw(SYS_NULL | UINT64_C(0xffffffffffffff00), 1, 1, 1, 1, 1, 1) == STATUS_OK,
          "only the low byte of rax is the number");
}

// What a call must keep: rbx rbp r12..r15, vector registers, the flags that are the thread's.
static void registers(void)
{
    static const uint64_t vector[2] = {UINT64_C(0x123456789abcdef), UINT64_C(0xfedcba9876543210)};
    uint64_t kept = 0, after[2], flags;
    asm volatile(
        "push %%rbx; push %%rbp; push %%r12; push %%r13; push %%r14; push %%r15\n"
        "movdqu %[vector], %%xmm7; mov $1, %%ebx; mov $2, %%ebp; mov $3, %%r12d; mov $4, %%r13d\n"
        "mov $5, %%r14d; mov $6, %%r15d; xor %%eax, %%eax; std; syscall\n"
        "shl $4, %%rbx; or %%rbp, %%rbx; shl $4, %%rbx; or %%r12, %%rbx; shl $4, %%rbx; or %%r13, %%rbx\n"
        "shl $4, %%rbx; or %%r14, %%rbx; shl $4, %%rbx; or %%r15, %%rbx; mov %%rbx, %%rax\n"
        "pop %%r15; pop %%r14; pop %%r13; pop %%r12; pop %%rbp; pop %%rbx\n"
        "pushf; pop %%rdx; cld; movdqu %%xmm7, %[after]"
        : "=&a"(kept), [after] "=m"(after), "=&d"(flags)
        : [vector] "m"(vector)
        : "rcx", "rdi", "rsi", "r8", "r9", "r10", "r11", "xmm7", "memory", "cc");
    CHECK(kept == 0x123456, "a call keeps rbx, rbp and r12 to r15");
    CHECK(memcmp(after, vector, sizeof after) == 0, "a call keeps vector registers");
    CHECK(flags & 1 << 10, "a call keeps the direction flag, and is not hurt by it");
}

static void information(void)
{
    const struct info_system *i = (const struct info_system *)(const void *)utcb()->words;
    EXPECT(sys_info(SLOT_NONE, INFO_SYSTEM), STATUS_OK, "info: of the system, needs no capability");
    CHECK(i->tsc_khz > 1000 && i->cpus >= 1 && i->pool_free < i->pool_pages && i->ram_regions >= 1,
          "info: clock, CPUs, pool and RAM are told");
    EXPECT(sys_info(SLOT_NONE, INFO_KINDS), STATUS_BAD_ARG, "info: an unknown kind");
    EXPECT(sys_info(EMPTY_SLOT, INFO_OBJECT), STATUS_BAD_CAP, "info: an empty slot");
    EXPECT(sys_info(SLOT_BEYOND, INFO_OBJECT), STATUS_BAD_CAP, "info: a slot that is not there");
    const struct info_other *other = (const struct info_other *)(const void *)utcb()->words;
    EXPECT(sys_info(ROOT_SLOT_SYSTEM, INFO_OBJECT), STATUS_OK, "info: of a type that has but its number");
    CHECK(other->number != 0, "info: that is told");
    EXPECT(sys_info(make_copy(SELF, RIGHT_PAY | RIGHT_GRANT, 0), INFO_OBJECT), STATUS_NO_RIGHT,
           "info: without READ");
    EXPECT(sys_info(SELF_THREAD, INFO_OBJECT), STATUS_OK, "info: of a thread");
    const struct info_thread *t = (const struct info_thread *)(const void *)utcb()->words;
    CHECK(t->state == THREAD_READY && t->cpu_time > 0, "info: a thread that runs is ready and has used time");
    settle(); // an account is charged when somebody else runs
    EXPECT(sys_info(ROOT_SLOT_ACCOUNT, INFO_OBJECT), STATUS_OK, "info: of an account");
    const struct info_account *a = (const struct info_account *)(const void *)utcb()->words;
    CHECK(a->weight == 100 && a->budget == 0 && a->used > 0,
          "info: the root account's weight, budget, used time");
}

static void output(void)
{
    EXPECT(sys_log(sizeof utcb()->words + 1), STATUS_BAD_ARG, "log: more bytes than the UTCB has");
    EXPECT(sys_log(UINT64_MAX), STATUS_BAD_ARG, "log: a huge number of bytes");
    EXPECT(sys_log(0), STATUS_OK, "log: nothing at all");
}

static void machine(void)
{
    EXPECT(sys_machine(EMPTY_SLOT, MACHINE_POWEROFF, 0), STATUS_BAD_CAP, "machine: an empty slot");
    EXPECT(sys_machine(SELF, MACHINE_POWEROFF, 0), STATUS_BAD_CAP, "machine: no system capability");
    EXPECT(sys_machine(ROOT_SLOT_SYSTEM, MACHINE_OPS, 0), STATUS_BAD_ARG, "machine: an unknown operation");
    uint32_t weak = make_copy(ROOT_SLOT_SYSTEM, RIGHT_READ, 0);
    EXPECT(sys_machine(weak, MACHINE_POWEROFF, 0), STATUS_NO_RIGHT, "machine: without CONTROL");
}

const struct part call_parts[] = {{"null", null},
                                  {"numbers", numbers},
                                  {"registers", registers},
                                  {"information", information},
                                  {"output", output},
                                  {"machine", machine},
                                  {0}};
