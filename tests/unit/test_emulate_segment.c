// Addresses and segmentation in 64-bit, 32-bit, compatibility, real and virtual-8086 mode.
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

SNIPPET(load64, 64, "mov (%rdi), %rax");
SNIPPET(load_rbp, 64, "mov (%rbp), %rax");
SNIPPET(load_fs, 64, "mov %fs:8(%rdi), %rax");
SNIPPET(load_ds, 64, "ds mov 8(%rdi), %rax");
SNIPPET(load_rip, 64, "mov 0x3fff0002(%rip), %eax");
SNIPPET(load_a32, 64, "mov 4(%edi), %eax");
SNIPPET(moffs64, 64, "movabs 0x40000010, %rax");
SNIPPET(store_moffs64, 64, "movabs %al, 0x40000013");
SNIPPET(moffs32, 32, "mov 0x40000010, %eax");
SNIPPET(moffs16, 16, ".byte 0xa1\n.word 0xfff0"); // mov 0xfff0, %ax
SNIPPET(load32_32, 32, "mov (%edi), %eax");
SNIPPET(store32_32, 32, "mov %eax, (%edi)");
SNIPPET(store_cs, 32, "mov %eax, %cs:(%edi)");
SNIPPET(load_cs, 32, "mov %cs:(%edi), %eax");
SNIPPET(load_ebp, 32, "mov (%ebp), %eax");
SNIPPET(load_a16, 32, "addr16 mov 2(%bx,%si), %eax");
SNIPPET(load_gs, 32, "mov %gs:(%edi), %eax");
SNIPPET(load_real, 16, "mov (%di), %eax");
SNIPPET(store_real_cs, 16, "mov %ax, %cs:(%di)");
SNIPPET(load_real_bp, 16, "mov (%bp), %ax");
SNIPPET(load_real_a32, 16, "addr32 mov (%edi), %al");

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

// A 64-bit machine with this instruction and RDI.
#define START(m, name, rdi) (machine_long(m), LOAD(m, name), (void)((m)->cpu.gpr[GPR_RDI] = (rdi)))

static void test_long_addresses(void **state)
{
    struct machine *m = *state;
    uint64_t hole = UINT64_C(0x800000000000);
    START(m, load64, hole);
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    m->cpu.gpr[GPR_RDI] = hole - 4;
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    START(m, load_rbp, 0);
    m->cpu.gpr[GPR_RBP] = hole;
    expect_event(m, EXCEPTION_ERROR(VECTOR_SS, 0));
    START(m, load_fs, DEVICE);
    m->cpu.seg[SEG_FS].base = 0x40;
    m->cpu.seg[SEG_FS].limit = 0; // does not matter
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x48, 8, false);
    START(m, load_ds, DEVICE);
    m->cpu.seg[SEG_DS] = (struct vcpu_segment){.base = 0x40}; // nothing of it matters
    expect_done(m);
    expect_access(m, 0, DEVICE + 8, 8, false);
    START(m, load_rip, 0);
    expect_done(m);
    expect_access(m, 0, DEVICE + 8, 4, false);
    START(m, load_a32, UINT64_C(0xffffffff3ffffffe) + 2);
    m->cpu.gpr[GPR_RDI] = UINT64_C(0xdeadbeef40000000);
    m->cpu.gpr[GPR_RAX] = ~UINT64_C(0);
    expect_done(m);
    expect_access(m, 0, DEVICE + 4, 4, false);
    assert_int_equal(m->cpu.gpr[GPR_RAX] >> 32, 0);
}

static void test_moffs(void **state)
{
    struct machine *m = *state;
    START(m, moffs64, 0);
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x10, 8, false);
    START(m, store_moffs64, 0);
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x13, 1, true);
    machine_protected(m);
    LOAD(m, moffs32);
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x10, 4, false);
    machine_real(m);
    LOAD(m, moffs16);
    m->cpu.seg[SEG_DS].base = DEVICE - 0x10000 + 0x20;
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x10, 2, false);
}

static void protected_at(struct machine *m, uint16_t attributes, uint32_t limit, uint64_t edi)
{
    m->cpu.seg[SEG_DS].attributes = attributes;
    m->cpu.seg[SEG_DS].limit = limit;
    m->cpu.gpr[GPR_RDI] = edi;
}

static void test_segment_limits(void **state)
{
    struct machine *m = *state;
    uint64_t gp = EXCEPTION_ERROR(VECTOR_GP, 0);
    machine_protected(m);
    LOAD(m, load32_32);
    m->cpu.seg[SEG_DS].base = DEVICE;
    protected_at(m, 0xc93, 0xfff, 0xffc);
    expect_done(m);
    m->cpu.rip = CODE;
    protected_at(m, 0xc93, 0xfff, 0xffd);
    expect_event(m, gp);
    protected_at(m, 0xc93, UINT32_MAX, 0xfffffffd); // wraps around
    expect_event(m, gp);
    protected_at(m, 0xc97, 0xfff, 0xfff); // expand-down: above the limit only
    expect_event(m, gp);
    protected_at(m, 0xc97, 0xfff, 0x1000);
    expect_done(m);
    m->cpu.rip = CODE;
    protected_at(m, 0x097, 0xfff, 0xfffd); // ... and up to 64 KiB without B
    expect_event(m, gp);
    protected_at(m, 0x097, 0xfff, 0xfffc);
    expect_done(m);
    LOAD(m, load_ebp);
    m->cpu.rip = CODE;
    LOAD(m, load_ebp);
    m->cpu.seg[SEG_SS].limit = 0xfff;
    m->cpu.gpr[GPR_RBP] = 0x1000;
    expect_event(m, EXCEPTION_ERROR(VECTOR_SS, 0));
}

static void test_segment_types(void **state)
{
    struct machine *m = *state;
    uint64_t gp = EXCEPTION_ERROR(VECTOR_GP, 0);
    machine_protected(m);
    LOAD(m, store32_32);
    protected_at(m, 0xc91, UINT32_MAX, DEVICE); // read-only
    expect_event(m, gp);
    protected_at(m, 0xc9b, UINT32_MAX, DEVICE); // code
    expect_event(m, gp);
    protected_at(m, 0xc13, UINT32_MAX, DEVICE); // null, or not present
    expect_event(m, gp);
    LOAD(m, load32_32);
    expect_event(m, gp);
    protected_at(m, 0xc99, UINT32_MAX, DEVICE); // execute-only
    expect_event(m, gp);
    protected_at(m, 0xc91, UINT32_MAX, DEVICE);
    expect_done(m);
    m->cpu.rip = CODE;
    LOAD(m, store_cs);
    expect_event(m, gp);
    LOAD(m, load_cs);
    expect_done(m);
    m->cpu.rip = CODE;
    LOAD(m, load_gs);
    m->cpu.seg[SEG_GS].base = 0x40;
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x40, 4, false);
}

// A linear address goes on at zero after 4 GiB.
static void test_wrap(void **state)
{
    struct machine *m = *state;
    machine_protected(m);
    LOAD(m, load32_32);
    machine_put64(m, 0, 0x44332211);
    protected_at(m, 0xc93, UINT32_MAX, 0);
    m->cpu.seg[SEG_DS].base = 0xfffffffe;
    expect_done(m);
    assert_int_equal(m->accesses, 1);
    expect_access(m, 0, 0xfffffffe, 2, false);
    assert_int_equal(m->cpu.gpr[GPR_RAX], 0x2211ffff);
}

// Compatibility mode: 32-bit code under four-level tables; linear addresses are cut to 32 bits.
static void test_compatibility(void **state)
{
    struct machine *m = *state;
    machine_long(m);
    m->cpu.seg[SEG_CS].attributes = 0xc9b;
    LOAD(m, load32_32);
    m->cpu.seg[SEG_DS].base = UINT64_C(0xfffffff0);
    m->cpu.gpr[GPR_RDI] = DEVICE + 0x30;
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x20, 4, false);
}

static void test_address_16(void **state)
{
    struct machine *m = *state;
    machine_protected(m);
    LOAD(m, load_a16);
    m->cpu.seg[SEG_DS].base = DEVICE;
    m->cpu.gpr[GPR_RBX] = 0xfff0;
    m->cpu.gpr[GPR_RSI] = 0xabcd0022;
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x14, 4, false);
}

static void test_real_mode(void **state)
{
    struct machine *m = *state;
    machine_real(m);
    LOAD(m, load_real);
    m->cpu.seg[SEG_DS].base = DEVICE;
    m->cpu.gpr[GPR_RDI] = 0xffff0100;
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x100, 4, false);
    assert_int_equal(m->cpu.rip, 0x103);
    m->cpu.rip = 0x100;
    m->cpu.gpr[GPR_RDI] = 0xfffd;
    expect_event(m, EXCEPTION(VECTOR_GP)); // no error code
    LOAD(m, load_real_bp);
    m->cpu.gpr[GPR_RBP] = 0xffff;
    expect_event(m, EXCEPTION(VECTOR_SS));
    LOAD(m, load_real_a32);
    m->cpu.gpr[GPR_RDI] = 0x10000;
    expect_event(m, EXCEPTION(VECTOR_GP));
    m->cpu.seg[SEG_DS].limit = UINT32_MAX; // "unreal"
    m->cpu.gpr[GPR_RDI] = 0x2000;
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x2000, 1, false);
    LOAD(m, store_real_cs); // code segments are writable in real mode
    m->cpu.rip = 0x100;
    LOAD(m, store_real_cs);
    m->cpu.gpr[GPR_RAX] = 0x4711;
    expect_done(m);
    assert_int_equal(machine_get64(m, CODE + 0x2000) & 0xffff, 0x4711);
}

// Virtual-8086 mode: 16-bit segments, CPL 3, paging.
static void test_virtual_8086(void **state)
{
    struct machine *m = *state;
    machine_real(m);
    LOAD(m, load_real);
    m->cpu.cr0 = CR0_PE | CR0_PG;
    m->cpu.cr3 = TABLES;
    m->cpu.cr4 = CR4_PSE;
    m->cpu.rflags |= RFLAGS_VM;
    m->cpu.gpr[GPR_RDI] = 0x20;
    m->cpu.seg[SEG_DS].base = 0xf0000;
    machine_put64(m, TABLES, 0x87); // the first 4 MiB for users
    expect_done(m);
    machine_put64(m, TABLES, 0x83);
    m->cpu.rip = 0x100;
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 5));
    assert_int_equal(m->result.fault_address, CODE + 0x100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_long_addresses), TEST(test_moffs),         TEST(test_segment_limits),
        TEST(test_segment_types),  TEST(test_compatibility), TEST(test_wrap),
        TEST(test_address_16),     TEST(test_real_mode),     TEST(test_virtual_8086),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
