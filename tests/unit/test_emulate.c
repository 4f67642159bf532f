// The emulator's accesses, their record and replay, its faults, and segmentation in all modes.
// SPDX-License-Identifier: MIT
//
// LINK: servers/vmm/emulate/access.c servers/vmm/emulate/actions.c servers/vmm/emulate/alu.c
// LINK: servers/vmm/emulate/control.c servers/vmm/emulate/decode.c servers/vmm/emulate/emulate.c
// LINK: servers/vmm/emulate/fetch.c servers/vmm/emulate/integer.c servers/vmm/emulate/memory.c
// LINK: servers/vmm/emulate/operand.c servers/vmm/emulate/segment.c servers/vmm/emulate/stack.c
// LINK: servers/vmm/emulate/string.c servers/vmm/emulate/system.c servers/vmm/emulate/vector.c
// LINK: servers/vmm/emulate/walk.c zydis
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "servers/vmm/emulate/run.h"
#include "tests/unit/emulate_code.h"

SNIPPET(load32, 64, "mov (%rdi), %eax");
SNIPPET(load64, 64, "mov (%rdi), %rax");
SNIPPET(store32, 64, "mov %eax, (%rdi)");
SNIPPET(store64, 64, "mov %rax, (%rdi)");
SNIPPET(load128, 64, "movups (%rdi), %xmm5");
SNIPPET(store256, 64, "vmovups %ymm5, (%rdi)");
SNIPPET(add64, 64, "lock addq $1, (%rdi)");
SNIPPET(load_rbp, 64, "mov (%rbp), %rax");
SNIPPET(load_fs, 64, "mov %fs:8(%rdi), %rax");
SNIPPET(load_ds, 64, "ds mov 8(%rdi), %rax");
SNIPPET(load_rip, 64, "mov 0x3fff0002(%rip), %eax");
SNIPPET(load_a32, 64, "mov 4(%edi), %eax");
SNIPPET(moffs64, 64, "movabs 0x40000010, %rax");
SNIPPET(store_moffs64, 64, "movabs %al, 0x40000013");
SNIPPET(moffs32, 32, "mov 0x40000010, %eax");
SNIPPET(moffs16, 16, ".byte 0xa1\n.word 0xfff0"); // mov 0xfff0, %ax
SNIPPET(movaps_load, 64, "movaps (%rdi), %xmm1");
SNIPPET(vmovdqa_load, 64, "vmovdqa (%rdi), %ymm1");
SNIPPET(x87, 64, "fldl (%rdi)");
SNIPPET(far_call, 64, "lcall *(%rdi)");
SNIPPET(mmx, 64, "movq (%rdi), %mm0");
SNIPPET(gather, 64, "vpgatherdd %ymm0, (%rdi, %ymm1), %ymm2");
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
SNIPPET(smsw_memory, 64, "smsw (%rdi)");
SNIPPET(smsw_register, 64, "smsw %rax");
SNIPPET(str_memory, 64, "str (%rdi)");
SNIPPET(flush, 64, "clflush (%rdi)");

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

// Accesses are naturally aligned pieces of at most 8 bytes, in ascending order.
static void test_pieces(void **state)
{
    struct machine *m = *state;
    START(m, load32, DEVICE + 0x20);
    expect_done(m);
    assert_int_equal(m->accesses, 1);
    expect_access(m, 0, DEVICE + 0x20, 4, false);
    START(m, load32, DEVICE + 0x21);
    expect_done(m);
    assert_int_equal(m->accesses, 3);
    expect_access(m, 0, DEVICE + 0x21, 1, false);
    expect_access(m, 1, DEVICE + 0x22, 2, false);
    expect_access(m, 2, DEVICE + 0x24, 1, false);
    START(m, store64, DEVICE + 0xffc);
    expect_done(m);
    assert_int_equal(m->accesses, 2);
    expect_access(m, 0, DEVICE + 0xffc, 4, true);
    expect_access(m, 1, DEVICE + 0x1000, 4, true);
    START(m, load128, DEVICE + 0x44);
    expect_done(m);
    assert_int_equal(m->accesses, 3);
    expect_access(m, 0, DEVICE + 0x44, 4, false);
    expect_access(m, 1, DEVICE + 0x48, 8, false);
    expect_access(m, 2, DEVICE + 0x50, 4, false);
    START(m, store256, DEVICE + 1);
    expect_done(m);
    assert_int_equal(m->accesses, 7);
    expect_access(m, 6, DEVICE + 0x20, 1, true);
}

// The last write of an instruction comes with its final state; every other access must come back.
static void test_completion(void **state)
{
    struct machine *m = *state;
    START(m, store32, DEVICE + 8);
    m->cpu.gpr[GPR_RAX] = 0x1122334455667788;
    emu_start(&m->cpu, &m->env, &m->progress, &m->result);
    assert_int_equal(m->result.kind, EMU_ACCESS);
    assert_true(m->result.complete);
    assert_int_equal(m->result.access.flags, 0);
    assert_int_equal(m->result.access.value, 0x55667788);
    assert_int_equal(m->result.groups, GROUP_RIP);
    assert_int_equal(m->cpu.rip, CODE + 2);

    START(m, store32, DEVICE + 6);
    struct vcpu_state before = m->cpu;
    emu_start(&m->cpu, &m->env, &m->progress, &m->result);
    assert_int_equal(m->result.kind, EMU_ACCESS);
    assert_false(m->result.complete);
    assert_int_equal(m->result.access.flags, ACCESS_RETURN);
    assert_memory_equal(&m->cpu, &before, sizeof(before));
    emu_resume(&m->cpu, &m->env, &m->progress, 0, &m->result);
    assert_int_equal(m->result.kind, EMU_ACCESS);
    assert_true(m->result.complete);
    assert_int_equal(m->result.access.address, DEVICE + 8);

    START(m, load64, DEVICE + 8);
    emu_start(&m->cpu, &m->env, &m->progress, &m->result);
    assert_false(m->result.complete);
    emu_resume(&m->cpu, &m->env, &m->progress, 0x8877665544332211, &m->result);
    assert_int_equal(m->result.kind, EMU_DONE);
    assert_int_equal(m->result.groups, GROUP_RIP | GROUP_GPR_ABCD);
    assert_int_equal(m->cpu.gpr[GPR_RAX], 0x8877665544332211);
}

// While an instruction is stopped, other processors may change its bytes and its translation.
static void test_record(void **state)
{
    struct machine *m = *state;
    START(m, add64, WINDOW_LINEAR + 0xffc);
    machine_map(m, 0, (DEVICE + 0x1000) | 7);
    machine_map(m, 1, (DEVICE + 0x3000) | 7);
    static const uint64_t old[] = {0x1111111111111111, 0x2222222222222222};
    memcpy(m->device + 0x1ff8, &old[0], 8);
    memcpy(m->device + 0x3000, &old[1], 8);
    struct vcpu_state before = m->cpu;
    m->accesses = 0;
    emu_start(&m->cpu, &m->env, &m->progress, &m->result);
    while (m->result.kind == EMU_ACCESS && !m->result.complete) {
        assert_memory_equal(&m->cpu, &before, sizeof(before));
        machine_map(m, 0, 0);
        machine_map(m, 1, 0x5000 | 7);
        memset(m->ram + CODE, 0x06, 16);
        machine_restart(m);
        memset(&m->result, 0, sizeof(m->result));
        emu_resume(&m->cpu, &m->env, &m->progress, 0x22222222 + m->accesses++, &m->result);
    }
    assert_int_equal(m->result.kind, EMU_ACCESS);
    assert_int_equal(m->result.access.address, DEVICE + 0x3000);
    assert_int_equal(m->result.access.value, 0x22222223);
    assert_int_equal(m->cpu.rip, CODE + 5);
}

static void test_page_faults(void **state)
{
    struct machine *m = *state;
    START(m, load64, WINDOW_LINEAR + 0x2ffc);
    machine_map(m, 2, 0x7000 | 7);
    machine_map(m, 3, 0);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 0));
    assert_int_equal(m->result.fault_address, WINDOW_LINEAR + 0x3000); // of the second page
    machine_map(m, 2, 0);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 0));
    assert_int_equal(m->result.fault_address, WINDOW_LINEAR + 0x2ffc);

    // The device's page is not written when the next page cannot be.
    START(m, store64, WINDOW_LINEAR + 0x2ffc);
    machine_map(m, 2, DEVICE | 7);
    machine_map(m, 3, 0x8000 | 5);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 3));
    assert_int_equal(m->accesses, 0);
    m->cpu.seg[SEG_SS].attributes |= 3 << 5; // CPL 3
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 7));
    machine_map(m, 3, 0x8000 | 7);
    m->cpu.gpr[GPR_RAX] = 0x8877665544332211;
    expect_done(m);
    expect_access(m, 0, DEVICE + 0xffc, 4, true);
    assert_int_equal(machine_get64(m, 0x8000), 0x88776655);

    // A read-modify-write asks for the right to write before it reads.
    START(m, add64, WINDOW_LINEAR + 0x2000);
    machine_map(m, 2, DEVICE | 5);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 3));
    assert_int_equal(m->accesses, 0);
}

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

static void test_alignment_check(void **state)
{
    struct machine *m = *state;
    START(m, load32, DEVICE + 2);
    m->cpu.cr0 |= CR0_AM;
    m->cpu.rflags |= RFLAGS_AC;
    expect_done(m); // only users are checked
    START(m, load32, DEVICE + 2);
    m->cpu.cr0 |= CR0_AM;
    m->cpu.rflags |= RFLAGS_AC;
    m->cpu.seg[SEG_SS].attributes |= 3 << 5;
    expect_event(m, EXCEPTION_ERROR(VECTOR_AC, 0));
    m->cpu.gpr[GPR_RDI] = DEVICE + 4;
    expect_done(m);
}

static void test_vector_checks(void **state)
{
    struct machine *m = *state;
    START(m, movaps_load, DEVICE + 8);
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    START(m, vmovdqa_load, DEVICE + 16);
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    m->cpu.gpr[GPR_RDI] = DEVICE + 32;
    m->cpu.cr4 &= ~CR4_OSXSAVE;
    expect_event(m, EXCEPTION(VECTOR_UD));
    START(m, load128, DEVICE);
    m->cpu.cr0 |= CR0_TS;
    expect_event(m, EXCEPTION(VECTOR_NM));
    m->cpu.cr0 ^= CR0_TS | CR0_EM;
    expect_event(m, EXCEPTION(VECTOR_UD));
    m->cpu.cr0 &= ~CR0_EM;
    m->cpu.cr4 &= ~CR4_OSFXSR;
    expect_event(m, EXCEPTION(VECTOR_UD));
}

static void test_unsupported(void **state)
{
    struct machine *m = *state;
    START(m, x87, DEVICE);
    expect_unsupported(m);
    assert_memory_equal(m->result.bytes, x87, 2);
    assert_int_equal(m->result.length, 15);
    START(m, far_call, DEVICE);
    expect_unsupported(m);
    START(m, mmx, DEVICE);
    expect_unsupported(m);
    START(m, gather, DEVICE);
    expect_unsupported(m);
    START(m, load64, DEVICE);
    m->cpu.cr4 |= CR4_LA57;
    expect_unsupported(m);
}

// Completion ends an interrupt shadow and RF, and a trap flag asks for its #DB.
static void test_flags_of_completion(void **state)
{
    struct machine *m = *state;
    START(m, load32, DEVICE);
    m->cpu.rflags |= RFLAGS_RF;
    m->cpu.blocking = BLOCKING_STI | BLOCKING_MOV_SS | BLOCKING_NMI;
    expect_done(m);
    assert_false(m->result.step);
    assert_int_equal(m->cpu.rflags & RFLAGS_RF, 0);
    assert_int_equal(m->cpu.blocking, BLOCKING_NMI);
    START(m, store32, DEVICE);
    m->cpu.rflags |= RFLAGS_TF;
    expect_done(m);
    assert_true(m->result.complete);
    assert_true(m->result.step);
}

// A locked instruction on RAM that another processor changed meanwhile writes nothing.
static void test_locked_ram(void **state)
{
    struct machine *m = *state;
    START(m, add64, 0x30000);
    machine_put64(m, 0x30000, 41);
    expect_done(m);
    assert_int_equal(machine_get64(m, 0x30000), 42);
    for (unsigned size = 1; size <= 8; size *= 2) {
        struct emu_run run = {.stores = 1};
        run.store[0] =
            (struct ram_store){.host = m->ram + 0x30000, .length = size, .compare = true, .expected = 41};
        memset(run.store[0].data, 0x55, size);
        assert_false(commit_stores(&run));
        assert_int_equal(machine_get64(m, 0x30000), 42);
        run.store[0].expected = 42;
        assert_true(commit_stores(&run));
        assert_int_equal(machine_get64(m, 0x30000), 0x5555555555555555 & size_mask(size));
        machine_put64(m, 0x30000, 42);
    }
}

static void test_system_stores(void **state)
{
    struct machine *m = *state;
    START(m, smsw_memory, DEVICE + 2);
    expect_done(m);
    expect_access(m, 0, DEVICE + 2, 2, true);
    assert_int_equal(m->log[0].value, m->cpu.cr0 & 0xffff);
    START(m, smsw_register, 0);
    expect_done(m);
    assert_int_equal(m->cpu.gpr[GPR_RAX], m->cpu.cr0);
    START(m, str_memory, DEVICE);
    m->cpu.seg[SEG_TR].selector = 0x48;
    expect_done(m);
    assert_int_equal(m->log[0].value, 0x48);
    START(m, str_memory, DEVICE);
    m->cpu.cr4 |= CR4_UMIP;
    m->cpu.seg[SEG_SS].attributes |= 3 << 5;
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    START(m, flush, DEVICE + 4);
    expect_done(m);
    assert_int_equal(m->accesses, 0);
    START(m, flush, WINDOW_LINEAR + 0x3000);
    machine_map(m, 3, 0);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pieces),          TEST(test_completion),
        TEST(test_record),          TEST(test_page_faults),
        TEST(test_long_addresses),  TEST(test_moffs),
        TEST(test_segment_limits),  TEST(test_segment_types),
        TEST(test_compatibility),   TEST(test_address_16),
        TEST(test_real_mode),       TEST(test_virtual_8086),
        TEST(test_alignment_check), TEST(test_vector_checks),
        TEST(test_unsupported),     TEST(test_flags_of_completion),
        TEST(test_locked_ram),      TEST(test_system_stores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
