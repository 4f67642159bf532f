// String instructions and ports: iterations, directions, address sizes, faults in the middle, permissions.
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

#include "tests/unit/emulate_code.h"

SNIPPET(rep_movsb, 64, "rep movsb");
SNIPPET(rep_movsq, 64, "rep movsq");
SNIPPET(repne_movsb, 64, ".byte 0xf2, 0xa4");
SNIPPET(movsl_fs, 64, "fs movsl");
SNIPPET(rep_stosl, 64, "rep stosl");
SNIPPET(rep_stosb_a32, 64, "addr32 rep stosb");
SNIPPET(rep_lodsw, 64, "rep lodsw");
SNIPPET(repe_cmpsb, 64, "repe cmpsb");
SNIPPET(repne_scasb, 64, "repne scasb");
SNIPPET(rep_outsb, 64, "rep outsb");
SNIPPET(rep_insw, 64, "rep insw");
SNIPPET(outsl_gs, 64, "gs outsl");
SNIPPET(in_dx, 64, "in %dx, %eax");
SNIPPET(in_imm, 64, "in $0x80, %al");
SNIPPET(out_dx, 64, "out %ax, %dx");
SNIPPET(out_imm, 64, "out %al, $0xf4");
SNIPPET(rep_movsb_16, 16, "rep movsb");
SNIPPET(rep_movsb_16_a32, 16, "addr32 rep movsb");
SNIPPET(rep_insb_16, 16, "rep insb");
SNIPPET(movsw_cs_16, 16, "cs movsw");

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

static void start(struct machine *m, uint64_t source, uint64_t destination, uint64_t count)
{
    m->cpu.gpr[GPR_RSI] = source;
    m->cpu.gpr[GPR_RDI] = destination;
    m->cpu.gpr[GPR_RCX] = count;
}

static void expect_registers(const struct machine *m, uint64_t source, uint64_t destination, uint64_t count)
{
    assert_int_equal(m->cpu.gpr[GPR_RSI], source);
    assert_int_equal(m->cpu.gpr[GPR_RDI], destination);
    assert_int_equal(m->cpu.gpr[GPR_RCX], count);
}

// Runs until RIP leaves the instruction; returns the number of iterations.
static unsigned run_all(struct machine *m)
{
    uint64_t rip = m->cpu.rip;
    for (unsigned n = 1;; n++) {
        assert_true(n < 1000);
        expect_done(m);
        assert_int_equal(m->result.repeat, m->cpu.rip == rip);
        if (m->cpu.rip != rip)
            return n;
    }
}

static void test_iterations(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    LOAD(m, rep_movsb);
    machine_put(m, 0x20000, "abcdefgh", 8);
    start(m, 0x20000, DEVICE + 0x10, 8);
    for (unsigned i = 1; i <= 8; i++) {
        expect_done(m);
        expect_access(m, 0, DEVICE + 0x10 + i - 1, 1, true);
        expect_registers(m, 0x20000 + i, DEVICE + 0x10 + i, 8 - i);
        assert_int_equal(m->cpu.rip, i < 8 ? CODE : CODE + 2);
        assert_int_equal(m->result.repeat, i < 8);
        assert_int_equal(m->result.groups, GROUP_RIP | GROUP_GPR);
    }
    assert_memory_equal(m->device + 0x10, "abcdefgh", 8);
    machine_long(m);
    start(m, 1, 2, 0); // nothing to do: no memory is touched
    assert_int_equal(run_all(m), 1);
    assert_int_equal(m->accesses, 0);
    expect_registers(m, 1, 2, 0);
    machine_long(m);
    LOAD(m, repne_movsb); // as REP
    start(m, DEVICE, 0x20000, 3);
    assert_int_equal(run_all(m), 3);
    machine_long(m);
    LOAD(m, movsl_fs);
    m->cpu.seg[SEG_FS].base = 0x100;
    start(m, DEVICE, 0x20000, 77);
    assert_int_equal(run_all(m), 1);
    expect_access(m, 0, DEVICE + 0x100, 4, false);
    expect_registers(m, DEVICE + 4, 0x20004, 77);
}

static void test_direction(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    LOAD(m, rep_movsq);
    m->cpu.rflags |= RFLAGS_DF;
    memcpy(m->device + 0x100, "0123456789abcdef", 16);
    start(m, DEVICE + 0x108, 0x20008, 2);
    assert_int_equal(run_all(m), 2);
    assert_memory_equal(m->ram + 0x20000, "0123456789abcdef", 16);
    expect_registers(m, DEVICE + 0xf8, 0x1fff8, 0);
}

static void test_sources(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    LOAD(m, rep_stosl);
    m->cpu.gpr[GPR_RAX] = 0xaabbccddeeff0011;
    start(m, 5, DEVICE + 0x20, 3);
    assert_int_equal(run_all(m), 3);
    assert_int_equal(m->log[0].value, 0xeeff0011);
    expect_registers(m, 5, DEVICE + 0x2c, 0);
    machine_long(m);
    LOAD(m, rep_lodsw);
    m->cpu.gpr[GPR_RAX] = 0xaabbccddeeff0011;
    memcpy(m->device, "\1\2\3\4", 4);
    start(m, DEVICE, 5, 2);
    assert_int_equal(run_all(m), 2);
    assert_int_equal(m->cpu.gpr[GPR_RAX], 0xaabbccddeeff0403);
}

static void test_address_sizes(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    LOAD(m, rep_stosb_a32);
    start(m, 0, UINT64_C(0x1234567840000000), UINT64_C(0xffffffff00000002));
    assert_int_equal(run_all(m), 2);
    expect_registers(m, 0, DEVICE + 2, 0); // the upper halves are gone

    machine_real(m);
    LOAD(m, rep_movsb_16);
    m->cpu.seg[SEG_ES].base = DEVICE;
    m->cpu.seg[SEG_DS].base = 0x20000;
    machine_put(m, 0x2ffff, "x", 1);
    machine_put(m, 0x20000, "y", 1);
    start(m, 0xdead0000ffff, 0xbeef00000000, 0x770002);
    assert_int_equal(run_all(m), 2);
    expect_registers(m, 0xdead00000001, 0xbeef00000002, 0x770000); // 16 bits wrap, the rest stays
    assert_memory_equal(m->device, "xy", 2);

    machine_real(m);
    LOAD(m, rep_movsb_16_a32);
    m->cpu.seg[SEG_ES].base = DEVICE;
    start(m, 0x100, 0xffff, 2);
    expect_done(m);
    expect_event(m, EXCEPTION(VECTOR_GP)); // 0x10000 is beyond the limit
    expect_registers(m, 0x101, 0x10000, 1);

    machine_real(m);
    LOAD(m, movsw_cs_16);
    m->cpu.seg[SEG_ES].base = DEVICE;
    start(m, 0x101, 0, 0);
    expect_done(m);
    assert_int_equal(m->log[0].value, 0x90a5);
}

static void test_conditions(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    LOAD(m, repe_cmpsb);
    machine_put(m, 0x20000, "abcxyz", 6);
    memcpy(m->device, "abcdef", 6);
    start(m, 0x20000, DEVICE, 6);
    assert_int_equal(run_all(m), 4);
    expect_registers(m, 0x20004, DEVICE + 4, 2);
    assert_int_equal(m->cpu.rflags & (RFLAGS_ZF | RFLAGS_CF), 0); // 'x' > 'd'
    machine_long(m);
    start(m, DEVICE, DEVICE, 6); // two reads an iteration, source first
    assert_int_equal(run_all(m), 6);
    assert_int_equal(m->accesses, 2);
    assert_int_equal(m->cpu.rflags & RFLAGS_ZF, RFLAGS_ZF);

    machine_long(m);
    LOAD(m, repne_scasb);
    m->cpu.gpr[GPR_RAX] = 'd';
    start(m, 9, DEVICE, 100);
    assert_int_equal(run_all(m), 4);
    expect_registers(m, 9, DEVICE + 4, 96);
    assert_int_equal(m->cpu.rflags & RFLAGS_ZF, RFLAGS_ZF);
}

// A fault in the middle leaves the registers at the iteration that faulted, and no access performed.
static void test_faults(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    LOAD(m, rep_movsb);
    machine_map(m, 2, 0x30000 | 7);
    machine_map(m, 3, 0);
    start(m, DEVICE, WINDOW_LINEAR + 0x2ffe, 4);
    expect_done(m);
    expect_done(m);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 2));
    assert_int_equal(m->accesses, 0); // the device was not read for nothing
    assert_int_equal(m->result.fault_address, WINDOW_LINEAR + 0x3000);
    expect_registers(m, DEVICE + 2, WINDOW_LINEAR + 0x3000, 2);
    machine_map(m, 3, 0x31000 | 7);
    assert_int_equal(run_all(m), 2);
}

static void test_ports(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    LOAD(m, rep_outsb);
    m->cpu.gpr[GPR_RDX] = 0x77770402;
    machine_put(m, 0x20000, "hello", 5);
    start(m, 0x20000, 3, 5);
    for (unsigned i = 0; i < 5; i++) {
        expect_done(m);
        assert_int_equal(m->accesses, 1);
        expect_access(m, 0, 0x402, 1, true);
        assert_int_equal(m->log[0].space, ACCESS_PORT);
        assert_int_equal(m->log[0].value, "hello"[i]);
    }
    expect_registers(m, 0x20005, 3, 0);

    machine_long(m);
    LOAD(m, rep_insw);
    m->cpu.gpr[GPR_RDX] = 0x1f0;
    m->port_value = 0xffff4241;
    start(m, 3, 0x20100, 2);
    assert_int_equal(run_all(m), 2);
    assert_memory_equal(m->ram + 0x20100, "ABAB", 4);
    machine_long(m);
    start(m, 3, DEVICE + 6, 1); // from a port to a device
    assert_int_equal(run_all(m), 1);
    expect_access(m, 0, 0, 2, false);
    expect_access(m, 1, DEVICE + 6, 2, true);

    machine_long(m);
    LOAD(m, outsl_gs);
    m->cpu.seg[SEG_GS].base = 0x20000;
    start(m, 0, 0, 0);
    expect_done(m);
    assert_memory_equal(&m->log[0].value, "hell", 4);
}

static void test_plain_ports(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    m->cpu.gpr[GPR_RDX] = 0xcfc;
    m->cpu.gpr[GPR_RAX] = ~UINT64_C(0);
    m->port_value = 0x12345678;
    LOAD(m, in_dx);
    expect_done(m);
    expect_access(m, 0, 0xcfc, 4, false);
    assert_int_equal(m->cpu.gpr[GPR_RAX], 0x12345678);
    LOAD(m, in_imm);
    expect_done(m);
    expect_access(m, 0, 0x80, 1, false);
    LOAD(m, out_dx);
    expect_done(m);
    expect_access(m, 0, 0xcfc, 2, true);
    LOAD(m, out_imm);
    expect_done(m);
    expect_access(m, 0, 0xf4, 1, true);
    assert_int_equal(m->log[0].value, 0x78);
}

enum { TSS = 0x40000, IO_MAP = 0x80 };

static void user_with_tss(struct machine *m)
{
    machine_long(m);
    m->cpu.seg[SEG_SS].attributes |= 3 << 5;
    m->cpu.seg[SEG_TR] =
        (struct vcpu_segment){.selector = 0x40, .attributes = 0x8b, .limit = IO_MAP + 0x2000, .base = TSS};
    uint16_t map = IO_MAP;
    machine_put(m, TSS + 102, &map, 2);
    memset(m->ram + TSS + IO_MAP, 0xff, 0x2001);
}

// CPL above IOPL: the TSS decides, byte by byte of the ports.
static void test_permission(void **state)
{
    struct machine *m = *state;
    uint64_t gp = EXCEPTION_ERROR(VECTOR_GP, 0);
    user_with_tss(m);
    LOAD(m, in_dx);
    m->cpu.gpr[GPR_RDX] = 0x3f6;
    expect_event(m, gp);
    m->ram[TSS + IO_MAP + 0x3f6 / 8] = 0x3f;
    m->ram[TSS + IO_MAP + 0x3f8 / 8] = 0xfd;
    expect_event(m, gp); // 0x3f8 of 0x3f6 to 0x3f9
    m->ram[TSS + IO_MAP + 0x3f8 / 8] = 0xfc;
    m->restarts = true;
    expect_done(m);
    user_with_tss(m);
    m->cpu.rflags |= RFLAGS_IOPL;
    expect_done(m);
    user_with_tss(m);
    LOAD(m, rep_movsb); // memory is not asked about
    start(m, 0x20000, DEVICE, 1);
    assert_int_equal(run_all(m), 1);
    LOAD(m, in_dx);
    m->cpu.rip = CODE;
    LOAD(m, in_dx);
    user_with_tss(m);
    m->cpu.seg[SEG_TR].limit = IO_MAP + 0x3f6 / 8; // the second byte of the map is beyond
    m->cpu.gpr[GPR_RDX] = 0x3f0;
    memset(m->ram + TSS + IO_MAP, 0, 0x2001);
    expect_event(m, gp);
    m->cpu.gpr[GPR_RDX] = 0x3e8;
    expect_done(m);
    user_with_tss(m);
    m->cpu.seg[SEG_TR].base = WINDOW_LINEAR + 0x2000;
    machine_map(m, 2, TSS | 1);
    machine_map(m, 3, 0);
    m->cpu.gpr[GPR_RDX] = 0x7bf8; // its bits straddle two pages of the map
    memset(m->ram + TSS + IO_MAP, 0, 0x2001);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 0));
    assert_int_equal(m->result.fault_address, WINDOW_LINEAR + 0x3000);
    machine_map(m, 3, (TSS + 0x1000) | 1);
    expect_done(m);
    user_with_tss(m);
    m->cpu.seg[SEG_TR].base = WINDOW_LINEAR + 0x3000 - 103;
    machine_map(m, 3, 0);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 0));
    user_with_tss(m);
    m->cpu.seg[SEG_TR].attributes = 0x83; // a 16-bit TSS has no map
    expect_event(m, gp);
}

static void test_permission_virtual_8086(void **state)
{
    struct machine *m = *state;
    machine_real(m);
    LOAD(m, rep_insb_16);
    m->cpu.cr0 = CR0_PE;
    m->cpu.rflags |= RFLAGS_VM | RFLAGS_IOPL; // IOPL does not help
    m->cpu.seg[SEG_TR] = (struct vcpu_segment){.attributes = 0x8b, .limit = IO_MAP + 0x2000, .base = TSS};
    uint16_t map = IO_MAP;
    machine_put(m, TSS + 102, &map, 2);
    memset(m->ram + TSS + IO_MAP, 0xff, 0x2001);
    m->cpu.gpr[GPR_RDX] = 0x60;
    start(m, 0, 0x2000, 1);
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    m->ram[TSS + IO_MAP + 0x60 / 8] = 0xfe;
    m->port_value = 0x1c;
    assert_int_equal(run_all(m), 1);
    assert_int_equal(m->ram[0x2000], 0x1c);
}

// A trap flag stops after each iteration; RF lasts until the last.
static void test_step(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    LOAD(m, rep_movsb);
    m->cpu.rflags |= RFLAGS_TF | RFLAGS_RF;
    start(m, 0x20000, DEVICE, 2);
    expect_done(m);
    assert_true(m->result.step);
    assert_int_equal(m->cpu.rflags & RFLAGS_RF, RFLAGS_RF);
    expect_done(m);
    assert_true(m->result.step);
    assert_int_equal(m->cpu.rflags & RFLAGS_RF, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_iterations),
        TEST(test_direction),
        TEST(test_sources),
        TEST(test_conditions),
        TEST(test_faults),
        TEST(test_address_sizes),
        TEST(test_ports),
        TEST(test_plain_ports),
        TEST(test_permission),
        TEST(test_step),
        TEST(test_permission_virtual_8086),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
