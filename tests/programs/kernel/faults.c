// Faults: every exception becomes a message to the process's handler.
// SPDX-License-Identifier: MIT
#include "tests/programs/kernel/topics.h"

enum { GATE = 0x10000, NOT_THERE };
enum { DE = 0, DB = 1, UD = 6, GP = 13, MF = 16 };

// Code that faults at its label's address, or at the offset given; a row each.
#define CODE(name, text)                                                                                     \
    extern const char name[];                                                                                \
    asm(".text; " #name ": " text "; ud2")
CODE(code_divide, "xor %ecx, %ecx; div %ecx");
CODE(code_breakpoint, "int3");
CODE(code_invalid, "ud2");
CODE(code_halt, "hlt");
CODE(code_disable, "cli");
CODE(code_input, "in $0x80, %al");
CODE(code_output, "out %eax, %dx");
CODE(code_read_msr, "mov $0xc0000080, %ecx; rdmsr");
CODE(code_write_cr3, "mov %rax, %cr3");
CODE(code_load_idt, "lidt (%rsp)");
CODE(code_software, "int $0x80");
CODE(code_timer_vector, "int $0x20");
CODE(code_fast_call, "sysenter");
CODE(code_noncanonical, "mov $0x8000000000000000, %rax; mov (%rax), %eax");
CODE(code_x87, "fninit; push $0; fldcw (%rsp); fld1; fldz; fdivrp; fwait");
CODE(code_set_xcr0, "xor %ecx, %ecx; xgetbv; xsetbv");
CODE(code_swap_gs, "swapgs");
CODE(code_vm_run, "vmrun");
CODE(code_write_fs_base, "wrfsbase %rax");
CODE(code_trap_flag, "pushf; orl $0x100, (%rsp); popf; nop");

static const struct row {
    const char *name, *code;
    uint8_t offset, vector;
    uint32_t error;
} rows[] = {
    {"division by zero", code_divide, 2, DE, 0},
    {"INT3: a gate that is not for users", code_breakpoint, 0, GP, GATE},
    {"an undefined instruction", code_invalid, 0, UD, 0},
    {"HLT", code_halt, 0, GP, 0},
    {"CLI", code_disable, 0, GP, 0},
    {"IN", code_input, 0, GP, 0},
    {"OUT", code_output, 0, GP, 0},
    {"RDMSR", code_read_msr, 5, GP, 0},
    {"MOV to CR3", code_write_cr3, 0, GP, 0},
    {"LIDT", code_load_idt, 0, GP, 0},
    {"INT 0x80", code_software, 0, GP, GATE},
    {"INT of an interrupt's vector", code_timer_vector, 0, GP, GATE},
    {"SYSENTER, which we do not use", code_fast_call, 0, GP, NOT_THERE},
    {"a non-canonical address", code_noncanonical, 10, GP, 0},
    {"x87 division by zero", code_x87, 13, MF, 0},
    {"XSETBV", code_set_xcr0, 5, GP, 0},
    {"SWAPGS", code_swap_gs, 0, GP, 0},
    {"VMRUN", code_vm_run, 0, GP, NOT_THERE},
    {"WRFSBASE: FS base is the kernel's to set", code_write_fs_base, 0, UD, 0},
    {"the trap flag", code_trap_flag, 10, DB, 0},
};

// A gate's error code: QEMU's emulated CPU has the vector's place wrong. SYSENTER: AMD's CPUs do not know it
// in long mode; Intel's do not know VMRUN. Not tried: a far return, whose stack that CPU reads with the
// kernel's rights, so that SMAP stops it for ever.
static bool as_expected(const struct row *row, uint64_t code)
{
    if (row->error == GATE)
        return (uint32_t)code == row->vector && (code >> 32 & 7) == 2;
    if (row->error == NOT_THERE)
        return code == row->vector || code == UD;
    return code == (row->vector | (uint64_t)row->error << 32);
}

static void exceptions(void)
{
    static char stack[512];
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct message m = {0};
        uint64_t badge, rsp = (uintptr_t)stack + sizeof stack;
        uint32_t r = make_reply(), e = make_endpoint();
        struct child c;
        child_make(&c, make_copy(e, RIGHT_SEND, 99));
        c.thread =
            make(OBJECT_THREAD, c.process, CREATE_EXEC(0, PRIORITY_HIGH, 0), (uintptr_t)row->code, rsp);
        bool ok = sys_thread_ctl(c.thread, THREAD_RESUME, 0) == STATUS_OK &&
                  receive_call(e, r, &m, &badge) == STATUS_OK && badge == 99 &&
                  m.tag == TAG(LABEL_FAULT, 6) && m.words[0] == FAULT_EXCEPTION &&
                  as_expected(row, m.words[1]) && m.words[3] == (uintptr_t)row->code + row->offset;
        CHECK(ok, "fault: %s", row->name);
        if (!ok)
            tap_note("kind %llu code %llx at offset %lld", (unsigned long long)m.words[0],
                     (unsigned long long)m.words[1], (long long)(m.words[3] - (uintptr_t)row->code));
        child_end(&c);
    }
}

static volatile uint64_t passed;

static void faults_twice(void *argument)
{
    (void)argument;
    asm volatile("ud2");
    passed++;
    asm volatile("ud2");
    passed++;
    for (;;)
        (void)!sys_thread_ctl(SLOT_NONE, THREAD_EXIT, 0);
}

static void handler(void)
{
    struct child c;
    struct message m = {0};
    uint64_t badge;
    uint32_t r = make_reply();
    struct thread_regs *regs = (struct thread_regs *)(void *)utcb()->words;
    child_make(&c, make_endpoint());
    passed = 0;
    child_run(&c, PRIORITY_HIGH, faults_twice, NULL);
    EXPECT(receive_call(c.handler, r, &m, &badge), STATUS_OK, "handler: a fault");
    uint64_t rsp = utcb()->words[4], rbp = utcb()->words[5];
    EXPECT(sys_thread_ctl(c.thread, THREAD_READ, 0), STATUS_OK, "handler: the registers");
    CHECK(regs->rip == m.words[3] && regs->gpr[GPR_RSP] == rsp && regs->gpr[GPR_RBP] == rbp,
          "handler: rip, rsp and rbp are in the message");
    EXPECT(answer_call(r, 0), STATUS_OK, "handler: an answer without a change");
    EXPECT(receive_call(c.handler, r, &m, &badge), STATUS_OK, "handler: the same fault again");
    CHECK(passed == 0, "handler: the instruction was tried again");
    for (unsigned i = 0; i < 2; i++) {
        (void)!sys_thread_ctl(c.thread, THREAD_READ, 0);
        regs->rip += 2;
        EXPECT(sys_thread_ctl(c.thread, THREAD_WRITE, 0), STATUS_OK, "handler: skips the instruction");
        EXPECT(answer_call(r, 0), STATUS_OK, "handler: answers");
        CHECK(passed == i + 1 && receive_call(c.handler, r, &m, &badge) == STATUS_OK, "handler: it went on");
    }
    CHECK(m.words[0] == FAULT_EXIT, "handler: until its end");
}

static void no_handler(void)
{
    struct child c;
    child_make(&c, SLOT_NONE);
    passed = 0;
    child_run(&c, PRIORITY_HIGH, faults_twice, NULL);
    CHECK(child_state(&c) == THREAD_STOPPED && passed == 0, "no handler: the thread stops");
    struct child d;
    child_make(&d, make_endpoint());
    EXPECT(sys_destroy(d.handler), STATUS_OK, "no handler: its endpoint died");
    child_run(&d, PRIORITY_HIGH, faults_twice, NULL);
    CHECK(child_state(&d) == THREAD_STOPPED && passed == 0, "no handler: the thread stops too");
    struct child e;
    child_make(&e, make_endpoint());
    child_run(&e, PRIORITY_HIGH, faults_twice, NULL);
    EXPECT(sys_destroy(e.handler), STATUS_OK, "no handler: its endpoint dies with the message");
    CHECK(child_state(&e) == THREAD_STOPPED && passed == 0, "no handler: the thread stops there");
}

const struct part fault_parts[] = {
    {"exceptions", exceptions}, {"handler", handler}, {"no handler", no_handler}, {0}};
