// Lengths and operands of intercepted instructions, and the cache of decoded ones.
// SPDX-License-Identifier: MIT
//
// LINK: servers/vmm/emulate/access.c servers/vmm/emulate/actions.c servers/vmm/emulate/alu.c
// LINK: servers/vmm/emulate/control.c servers/vmm/emulate/decode.c servers/vmm/emulate/descriptor.c
// LINK: servers/vmm/emulate/emulate.c servers/vmm/emulate/fetch.c servers/vmm/emulate/integer.c
// LINK: servers/vmm/emulate/memory.c servers/vmm/emulate/operand.c servers/vmm/emulate/segment.c
// LINK: servers/vmm/emulate/stack.c servers/vmm/emulate/string.c servers/vmm/emulate/system.c
// LINK: servers/vmm/emulate/vector.c servers/vmm/emulate/walk.c zydis
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/emulate_machine.h"

enum { NONE = 0xff };

static int set_up(void **state)
{
    *state = machine_new();
    return 0;
}

static int tear_down(void **state)
{
    machine_free(*state);
    return 0;
}

static enum emu_kind look(struct machine *m, enum exit_kind kind, struct emu_control *control)
{
    struct vcpu_state before = m->cpu;
    memset(control, 0x55, sizeof(*control));
    emu_decode(&m->cpu, &m->env, kind, control, &m->result);
    assert_memory_equal(&before, &m->cpu, sizeof(before));
    return m->result.kind;
}

struct row {
    const char *bytes;
    uint8_t length;
    uint8_t exit, what;
    uint8_t number, gpr;
    uint8_t size; // of a move in 64-bit mode
};

static const struct row rows[] = {
    {"\x0f\xa2", 2, EXIT_CPUID, EMU_CPUID, NONE, NONE, 0},
    {"\x66\x0f\xa2", 3, EXIT_CPUID, EMU_CPUID, NONE, NONE, 0},
    {"\x0f\x32", 2, EXIT_RDMSR, EMU_RDMSR, NONE, NONE, 0},
    {"\xf3\x0f\x32", 3, EXIT_RDMSR, EMU_RDMSR, NONE, NONE, 0},
    {"\x0f\x30", 2, EXIT_WRMSR, EMU_WRMSR, NONE, NONE, 0},
    {"\xf4", 1, EXIT_HLT, EMU_HLT, NONE, NONE, 0},
    {"\x2e\xf4", 2, EXIT_HLT, EMU_HLT, NONE, NONE, 0},
    {"\x0f\x01\xd9", 3, EXIT_VMCALL, EMU_VMCALL, NONE, NONE, 0},
    {"\x0f\x01\xc1", 3, EXIT_VMCALL, EMU_VMCALL, NONE, NONE, 0},
    {"\x0f\x08", 2, EXIT_INVALIDATE, EMU_INVD, NONE, NONE, 0},
    {"\x0f\x09", 2, EXIT_INVALIDATE, EMU_WBINVD, NONE, NONE, 0},
    {"\xf3\x0f\x09", 3, EXIT_INVALIDATE, EMU_WBINVD, NONE, NONE, 0}, // WBNOINVD
    {"\x0f\x01\xd1", 3, EXIT_XSETBV, EMU_XSETBV, NONE, NONE, 0},
    {"\x0f\x06", 2, EXIT_CR, EMU_CLTS, NONE, NONE, 0},
    {"\x0f\x01\xf3", 3, EXIT_CR, EMU_LMSW, NONE, NONE, 0},
    {"\x0f\x01\xe0", 3, EXIT_CR, EMU_SMSW, NONE, NONE, 0},
    {"\x0f\x20\xc0", 3, EXIT_CR, EMU_MOV_FROM_CR, 0, GPR_RAX, 8},
    {"\x0f\x22\xc3", 3, EXIT_CR, EMU_MOV_TO_CR, 0, GPR_RBX, 8},
    {"\x0f\x22\xdf", 3, EXIT_CR, EMU_MOV_TO_CR, 3, GPR_RDI, 8},
    {"\x0f\x22\xe4", 3, EXIT_CR, EMU_MOV_TO_CR, 4, GPR_RSP, 8},
    {"\x0f\x22\x23", 3, EXIT_CR, EMU_MOV_TO_CR, 4, GPR_RBX, 8}, // the mode bits count as 3
    {"\x0f\x21\xf9", 3, EXIT_DR, EMU_MOV_FROM_DR, 7, GPR_RCX, 8},
    {"\x0f\x23\xc6", 3, EXIT_DR, EMU_MOV_TO_DR, 0, GPR_RSI, 8},
    {"\x0f\x31", 2, EXIT_PRIVILEGED, EMU_RDTSC, NONE, NONE, 0},
    {"\x0f\x01\xf9", 3, EXIT_PRIVILEGED, EMU_RDTSCP, NONE, NONE, 0},
    {"\x0f\x33", 2, EXIT_PRIVILEGED, EMU_RDPMC, NONE, NONE, 0},
    {"\xf3\x90", 2, EXIT_PRIVILEGED, EMU_PAUSE, NONE, NONE, 0},
    {"\x0f\x01\xc8", 3, EXIT_PRIVILEGED, EMU_MONITOR, NONE, NONE, 0},
    {"\x0f\x01\xc9", 3, EXIT_PRIVILEGED, EMU_MWAIT, NONE, NONE, 0},
    {"\x0f\x01\xd8", 3, EXIT_PRIVILEGED, EMU_OTHER, NONE, NONE, 0}, // VMRUN
    {"\x0f\x01\xdd", 3, EXIT_PRIVILEGED, EMU_OTHER, NONE, NONE, 0}, // CLGI
    {"\x0f\xa2", 2, EXIT_PRIVILEGED, EMU_CPUID, NONE, NONE, 0},
};

static void check_rows(struct machine *m, void (*mode)(struct machine *m), bool long_mode)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct emu_control control;
        mode(m);
        if (rows[i].what == EMU_OTHER && !(m->cpu.cr0 & CR0_PE))
            continue; // the processor refuses SVM's instructions in real mode before it looks at intercepts
        for (unsigned reg = 0; reg < GPR_COUNT; reg++)
            m->cpu.gpr[reg] = UINT64_C(0x1111222200000000) + reg * 0x01010101;
        machine_code(m, rows[i].bytes, rows[i].length);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(look(m, rows[i].exit, &control), EMU_DONE);
            assert_int_equal(control.what, rows[i].what);
            assert_int_equal(control.length, rows[i].length);
            assert_int_equal(control.number, rows[i].number);
            assert_int_equal(control.gpr, rows[i].gpr);
            uint64_t mask = long_mode ? ~UINT64_C(0) : UINT32_MAX;
            if (rows[i].what == EMU_MOV_TO_CR || rows[i].what == EMU_MOV_TO_DR)
                assert_int_equal(control.value, m->cpu.gpr[control.gpr] & mask);
            if (rows[i].size)
                assert_int_equal(control.size, long_mode ? 8 : 4);
        }
    }
}

static void test_long_mode(void **state)
{
    check_rows(*state, machine_long, true);
}

static void test_protected_mode(void **state)
{
    check_rows(*state, machine_protected, false);
}

static void test_real_mode(void **state)
{
    check_rows(*state, machine_real, false);
}

static void test_rex(void **state)
{
    struct machine *m = *state;
    struct emu_control control;
    machine_long(m);
    m->cpu.gpr[GPR_R8 + 1] = 5;
    machine_code(m, "\x45\x0f\x22\xc1", 4); // mov %r9, %cr8
    assert_int_equal(look(m, EXIT_CR, &control), EMU_DONE);
    assert_int_equal(control.what, EMU_MOV_TO_CR);
    assert_int_equal(control.number, 8);
    assert_int_equal(control.gpr, GPR_R8 + 1);
    assert_int_equal(control.value, 5);
    assert_int_equal(control.length, 4);
}

static void test_lmsw(void **state)
{
    struct machine *m = *state;
    struct emu_control control;
    machine_real(m);
    m->cpu.gpr[GPR_RBX] = 0xffff0012;
    machine_code(m, "\x0f\x01\xf3", 3); // lmsw %bx
    assert_int_equal(look(m, EXIT_CR, &control), EMU_DONE);
    assert_int_equal(control.value, 0x12);
    m->cpu.gpr[GPR_RBX] = 0x4000;
    m->cpu.seg[SEG_DS].base = 0x20000;
    machine_put64(m, 0x24004, 0x5678);
    machine_code(m, "\x0f\x01\x77\x04", 4); // lmsw 4(%bx)
    assert_int_equal(look(m, EXIT_CR, &control), EMU_DONE);
    assert_int_equal(control.value, 0x5678);
    m->cpu.seg[SEG_DS].base = DEVICE;
    assert_int_equal(look(m, EXIT_CR, &control), EMU_UNSUPPORTED);
}

// Another processor may have changed the code since the exit.
static void test_exchanged_code(void **state)
{
    struct machine *m = *state;
    struct emu_control control;
    machine_long(m);
    machine_code(m, "\x0f\x32", 2);
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_RETRY);
    machine_code(m, "\x0f\xa2", 2);
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_DONE);
    machine_code(m, "\x66\x0f\xa2", 3);
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_DONE);
    assert_int_equal(control.length, 3);
    machine_code(m, "\x0f\x20\xc0", 3);
    assert_int_equal(look(m, EXIT_DR, &control), EMU_RETRY);
    machine_code(m, "\x06", 1);
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_UNSUPPORTED);
    assert_memory_equal(m->result.bytes, "\x06\x90\x90", 3);
    assert_int_equal(m->result.length, 15);
}

// Bytes that straddle a page whose neighbour is somewhere else, or nowhere.
static void test_page_crossing(void **state)
{
    struct machine *m = *state;
    struct emu_control control;
    machine_long(m);
    machine_put64(m, TABLES + 0x1000, (TABLES + 0x2000) | 0x27);
    machine_put64(m, TABLES + 0x2000, (TABLES + 0x3000) | 0x27);
    machine_put64(m, TABLES + 0x3000 + 16 * 8, 0x30000 | 0x27);
    machine_put64(m, TABLES + 0x3000 + 17 * 8, 0x50000 | 0x27);
    for (unsigned split = 1; split < 4; split++) {
        static const uint8_t code[] = {0x44, 0x0f, 0x20, 0xc1}; // mov %cr8, %rcx
        m->cpu.rip = 0x11000 - split;
        machine_put(m, 0x31000 - split, code, split);
        machine_put(m, 0x50000, code + split, sizeof(code) - split);
        assert_int_equal(look(m, EXIT_CR, &control), EMU_DONE);
        assert_int_equal(control.number, 8);
        assert_int_equal(control.gpr, GPR_RCX);
        assert_int_equal(control.length, 4);
    }
    m->cpu.rip = 0x10fff;
    m->ram[0x30fff] = 0x0f;
    m->ram[0x50000] = 0xa2;
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_DONE);
    machine_put64(m, TABLES + 0x3000 + 17 * 8, 0);
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_EVENT);
    assert_int_equal(m->result.event, EVENT_MAKE(EVENT_EXCEPTION, VECTOR_PF) | EVENT_ERROR(0x10));
    assert_int_equal(m->result.fault_address, 0x11000);
    m->ram[0x30fff] = 0xf4; // one byte, the next page does not matter
    assert_int_equal(look(m, EXIT_HLT, &control), EMU_DONE);
    assert_int_equal(look(m, EXIT_PRIVILEGED, &control), EMU_DONE);
    assert_int_equal(control.what, EMU_HLT);
}

static void test_fetch_faults(void **state)
{
    struct machine *m = *state;
    struct emu_control control;
    uint64_t gp = EVENT_MAKE(EVENT_EXCEPTION, VECTOR_GP);
    machine_long(m);
    m->cpu.rip = UINT64_C(0x800000000000);
    assert_int_equal(look(m, EXIT_PRIVILEGED, &control), EMU_EVENT);
    assert_int_equal(m->result.event, gp | EVENT_ERROR(0));
    machine_long(m);
    machine_code(m, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\xa2", 16);
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_EVENT); // 16 bytes
    assert_int_equal(m->result.event, gp | EVENT_ERROR(0));
    machine_code(m, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\xa2", 15);
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_DONE);
    assert_int_equal(control.length, 15);
    machine_real(m);
    m->cpu.rip = 0xfffe;
    m->ram[CODE + 0xfffe] = 0x66;
    m->ram[CODE + 0xffff] = 0x0f;
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_EVENT); // beyond the limit
    assert_int_equal(m->result.event, gp);                      // real mode has no error codes
    m->ram[CODE + 0xfffe] = 0x0f;
    m->ram[CODE + 0xffff] = 0xa2;
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_DONE);
    m->cpu.seg[SEG_CS].base = DEVICE;
    assert_int_equal(look(m, EXIT_CPUID, &control), EMU_UNSUPPORTED); // code in MMIO
}

// The same bytes mean different things in different modes, and different bytes at the same RIP too.
static void test_cache(void **state)
{
    struct machine *m = *state;
    const struct insn *insn;
    uint64_t bytes[2] = {0x1234568b48, 0}; // 48 8b 56 34: dec %eax, or mov 52(%rsi), %rdx
    assert_int_equal(decode(&m->cache, CODE_64, CODE, bytes, 15, &insn), DECODE_OK);
    assert_int_equal(insn->length, 4);
    assert_int_equal(decode(&m->cache, CODE_32, CODE, bytes, 15, &insn), DECODE_OK);
    assert_int_equal(insn->length, 1);
    assert_int_equal(decode(&m->cache, CODE_64, CODE, bytes, 15, &insn), DECODE_OK);
    assert_int_equal(insn->length, 4);
    bytes[0] = 0x1235568b48;
    assert_int_equal(decode(&m->cache, CODE_64, CODE, bytes, 15, &insn), DECODE_OK);
    assert_int_equal(insn->op[1].value, 0x35);
    assert_int_equal(decode(&m->cache, CODE_64, CODE, bytes, 3, &insn), DECODE_MORE);
    assert_int_equal(decode(&m->cache, CODE_64, CODE, bytes, 4, &insn), DECODE_OK);
    bytes[0] = ~UINT64_C(0);
    assert_int_equal(decode(&m->cache, CODE_64, CODE, bytes, 15, &insn), DECODE_ILLEGAL);
    assert_int_equal(decode(&m->cache, CODE_64, CODE, bytes, 15, &insn), DECODE_ILLEGAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_long_mode),     TEST(test_protected_mode), TEST(test_real_mode),
        TEST(test_rex),           TEST(test_lmsw),           TEST(test_exchanged_code),
        TEST(test_page_crossing), TEST(test_fetch_faults),   TEST(test_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
