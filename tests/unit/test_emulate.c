// The emulator's accesses, their record and replay, its faults and what it refuses.
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

#include "servers/vmm/emulate/run.h"
#include "tests/unit/emulate_code.h"

SNIPPET(load32, 64, "mov (%rdi), %eax");
SNIPPET(load64, 64, "mov (%rdi), %rax");
SNIPPET(store32, 64, "mov %eax, (%rdi)");
SNIPPET(store64, 64, "mov %rax, (%rdi)");
SNIPPET(load128, 64, "movups (%rdi), %xmm5");
SNIPPET(store256, 64, "vmovups %ymm5, (%rdi)");
SNIPPET(add64, 64, "lock addq $1, (%rdi)");
SNIPPET(movaps_load, 64, "movaps (%rdi), %xmm1");
SNIPPET(vmovdqa_load, 64, "vmovdqa (%rdi), %ymm1");
SNIPPET(x87, 64, "fldl (%rdi)");
SNIPPET(far_call, 64, "lcall *(%rdi)");
SNIPPET(mmx_load, 64, "movq (%rdi), %mm3");
SNIPPET(mmx_store, 64, "movd %mm3, (%rdi)");
SNIPPET(gather, 64, "vpgatherdd %ymm0, (%rdi, %ymm1), %ymm2");
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

static void test_mmx(void **state)
{
    struct machine *m = *state;
    START(m, mmx_load, DEVICE + 4);
    memcpy(m->device, "0123456789abcdef", 16);
    expect_done(m);
    assert_memory_equal(m->vector[EMU_VECTOR_MMX + 3], "456789ab", 8);
    START(m, mmx_store, DEVICE + 0x20);
    m->vector_sets = 0;
    m->cpu.cr4 &= ~CR4_OSFXSR; // that is for XMM registers
    expect_done(m);
    assert_memory_equal(m->device + 0x20, "4567\0", 5);
    assert_int_equal(m->vector_sets, 1); // for the x87 tags
    START(m, mmx_store, DEVICE);
    m->cpu.cr0 |= CR0_EM;
    expect_event(m, EXCEPTION(VECTOR_UD));
}

// Another processor changes an entry each time just before its accessed bit is set.
static void *rival_ram(void *ctx, uint64_t gpa, size_t length, bool write)
{
    struct machine *m = ctx;
    uint64_t slot = TABLES + 0x3000;
    if (write && gpa == slot)
        machine_put64(m, slot, machine_get64(m, slot) + (UINT64_C(1) << 52));
    return machine_ram(ctx, gpa, length, write);
}

static void test_rival(void **state)
{
    struct machine *m = *state;
    START(m, store64, WINDOW_LINEAR);
    machine_map(m, 0, DEVICE | 7);
    m->env.ram = rival_ram;
    assert_int_equal(machine_step(m), EMU_RETRY);
    assert_int_equal(m->accesses, 0);
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
    START(m, gather, DEVICE);
    expect_unsupported(m);
    START(m, load128, DEVICE);
    m->env.vector_get = NULL; // a caller without access to these registers
    expect_unsupported(m);
    assert_int_equal(m->accesses, 0);
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
    expect_done(m);
    START(m, str_memory, DEVICE);
    m->cpu.seg[SEG_SS].attributes |= 3 << 5;
    expect_done(m);
    m->cpu.rip = CODE;
    m->cpu.cr4 |= CR4_UMIP;
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
        TEST(test_pieces),
        TEST(test_completion),
        TEST(test_record),
        TEST(test_page_faults),
        TEST(test_alignment_check),
        TEST(test_vector_checks),
        TEST(test_mmx),
        TEST(test_rival),
        TEST(test_unsupported),
        TEST(test_flags_of_completion),
        TEST(test_locked_ram),
        TEST(test_system_stores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
