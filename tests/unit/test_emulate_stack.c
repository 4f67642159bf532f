// Stack instructions and near branches in all modes.
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

SNIPPET(push_memory, 64, "pushq (%rdi)");
SNIPPET(push_memory_16, 64, "pushw (%rdi)");
SNIPPET(push_imm, 64, "pushq $-7");
SNIPPET(push_rsp, 64, "push %rsp");
SNIPPET(push_fs, 64, "push %fs");
SNIPPET(pop_memory, 64, "popq (%rdi)");
SNIPPET(pop_rsp_memory, 64, "popq 8(%rsp)");
SNIPPET(pop_rsp, 64, "pop %rsp");
SNIPPET(call_memory, 64, "call *(%rdi)");
SNIPPET(call_relative, 64, "call . + 0x105");
SNIPPET(jmp_memory, 64, "jmp *(%rdi)");
SNIPPET(ret, 64, "ret");
SNIPPET(ret_8, 64, "ret $8");
SNIPPET(far_ret, 64, "lretq");
SNIPPET(enter, 64, "enter $0x20, $0");
SNIPPET(enter_nested, 64, "enter $0x20, $1");
SNIPPET(leave, 64, "leave");
SNIPPET(push_32, 32, "pushl (%edi)");
SNIPPET(call_32, 32, "call *(%edi)");
SNIPPET(call_32_16, 32, "callw *(%edi)");
SNIPPET(push_16, 16, "pushw (%di)");
SNIPPET(pop_16, 16, "popw (%di)");
SNIPPET(jmp_16, 16, "jmpw *(%di)");

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

#define START(m, name, rdi, rsp)                                                                             \
    (machine_long(m), LOAD(m, name), (void)((m)->cpu.gpr[GPR_RDI] = (rdi)),                                  \
     (void)((m)->cpu.gpr[GPR_RSP] = (rsp)))

static void device_put(struct machine *m, unsigned offset, uint64_t value)
{
    memcpy(m->device + offset, &value, sizeof(value));
}

static uint64_t device_get(const struct machine *m, unsigned offset)
{
    uint64_t value;
    memcpy(&value, m->device + offset, sizeof(value));
    return value;
}

static void test_push(void **state)
{
    struct machine *m = *state;
    uint64_t value = 0x1122334455667788;
    device_put(m, 0x10, value);
    START(m, push_memory, DEVICE + 0x10, 0x30000);
    expect_done(m);
    assert_int_equal(m->cpu.gpr[GPR_RSP], 0x30000 - 8);
    assert_int_equal(machine_get64(m, 0x30000 - 8), value);
    START(m, push_memory_16, DEVICE + 0x10, 0x30000);
    expect_done(m);
    assert_int_equal(m->cpu.gpr[GPR_RSP], 0x30000 - 2);
    assert_int_equal(machine_get64(m, 0x30000 - 8), (value & 0xffffffffffff) | 0x7788000000000000);
    START(m, push_imm, 0, DEVICE + 0x28);
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x20, 8, true);
    assert_int_equal(device_get(m, 0x20), (uint64_t)-7);
    START(m, push_rsp, 0, 0x30000);
    expect_done(m);
    assert_int_equal(machine_get64(m, 0x30000 - 8), 0x30000);
    START(m, push_fs, 0, 0x30000);
    m->cpu.seg[SEG_FS].selector = 0x33;
    expect_done(m);
    assert_int_equal(machine_get64(m, 0x30000 - 8), 0x33);
    // From the device to the device: the read first; a stack that faults prevents it.
    START(m, push_memory, DEVICE + 0x10, DEVICE + 0x108);
    m->restarts = true;
    expect_done(m);
    expect_access(m, 0, DEVICE + 0x10, 8, false);
    expect_access(m, 1, DEVICE + 0x100, 8, true);
    START(m, push_memory, DEVICE + 0x10, WINDOW_LINEAR + 0x2008);
    machine_map(m, 2, 0);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 2));
    assert_int_equal(m->accesses, 0);
    START(m, push_memory, DEVICE + 0x10, UINT64_C(0x800000000010));
    expect_event(m, EXCEPTION_ERROR(VECTOR_SS, 0));
}

static void test_pop(void **state)
{
    struct machine *m = *state;
    machine_put64(m, 0x30000, 0x1234);
    START(m, pop_memory, DEVICE + 0x18, 0x30000);
    expect_done(m);
    assert_int_equal(device_get(m, 0x18), 0x1234);
    assert_int_equal(m->cpu.gpr[GPR_RSP], 0x30008);
    START(m, pop_rsp_memory, 0, DEVICE + 0x18); // the address is that after the pop
    expect_done(m);
    assert_int_equal(device_get(m, 0x28), 0x1234);
    START(m, pop_memory, DEVICE, WINDOW_LINEAR + 0x2000);
    machine_map(m, 2, 0);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 0));
    START(m, pop_rsp, 0, 0x30000);
    expect_done(m);
    assert_int_equal(m->cpu.gpr[GPR_RSP], 0x1234);
}

static void test_branches(void **state)
{
    struct machine *m = *state;
    device_put(m, 0, 0x12345);
    START(m, call_memory, DEVICE, 0x30000);
    expect_done(m);
    assert_int_equal(m->cpu.rip, 0x12345);
    assert_int_equal(machine_get64(m, 0x30000 - 8), CODE + 2);
    assert_int_equal(m->cpu.gpr[GPR_RSP], 0x30000 - 8);
    START(m, call_relative, 0, DEVICE + 0x48);
    expect_done(m);
    assert_int_equal(m->cpu.rip, CODE + 0x105);
    assert_int_equal(device_get(m, 0x40), CODE + 5);
    START(m, jmp_memory, DEVICE, 0x30000);
    expect_done(m);
    assert_int_equal(m->cpu.rip, 0x12345);
    START(m, ret, 0, DEVICE);
    expect_done(m);
    assert_int_equal(m->cpu.rip, 0x12345);
    assert_int_equal(m->cpu.gpr[GPR_RSP], DEVICE + 8);
    START(m, ret_8, 0, DEVICE);
    expect_done(m);
    assert_int_equal(m->cpu.gpr[GPR_RSP], DEVICE + 16);
    START(m, ret, 0, WINDOW_LINEAR + 0x2000);
    machine_map(m, 2, 0);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 0));
    START(m, call_memory, DEVICE, WINDOW_LINEAR + 0x2000 + 8);
    machine_map(m, 2, 0);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 2));
    START(m, far_ret, 0, DEVICE);
    expect_unsupported(m);
    device_put(m, 0, UINT64_C(0x800000000000));
    START(m, call_memory, DEVICE, 0x30000);
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
}

static void test_frames(void **state)
{
    struct machine *m = *state;
    START(m, enter, 0, DEVICE + 0x100);
    m->cpu.gpr[GPR_RBP] = 0x5555;
    expect_done(m);
    assert_int_equal(device_get(m, 0xf8), 0x5555);
    assert_int_equal(m->cpu.gpr[GPR_RBP], DEVICE + 0xf8);
    assert_int_equal(m->cpu.gpr[GPR_RSP], DEVICE + 0xf8 - 0x20);
    m->cpu.rip = CODE;
    LOAD(m, leave);
    expect_done(m);
    assert_int_equal(m->cpu.gpr[GPR_RBP], 0x5555);
    assert_int_equal(m->cpu.gpr[GPR_RSP], DEVICE + 0x100);
    START(m, enter_nested, 0, DEVICE + 0x100);
    expect_unsupported(m);
}

static void test_narrow_stacks(void **state)
{
    struct machine *m = *state;
    device_put(m, 0, 0x99998888);
    machine_protected(m);
    LOAD(m, push_32);
    m->cpu.gpr[GPR_RDI] = DEVICE;
    m->cpu.gpr[GPR_RSP] = 0x30000;
    expect_done(m);
    assert_int_equal(machine_get64(m, 0x2fffc) & UINT32_MAX, 0x99998888);
    m->cpu.rip = CODE;
    m->cpu.seg[SEG_SS].attributes &= (uint16_t)~SEG_BIG; // a 16-bit stack of 32-bit code
    m->cpu.seg[SEG_SS].base = 0x20000;
    m->cpu.gpr[GPR_RSP] = 0xabcd0002;
    expect_done(m);
    assert_int_equal(m->cpu.gpr[GPR_RSP], 0xabcdfffe);
    assert_int_equal(machine_get64(m, 0x2fffe) & UINT32_MAX, 0x99998888);
    machine_protected(m);
    LOAD(m, call_32);
    m->cpu.gpr[GPR_RDI] = DEVICE;
    m->cpu.gpr[GPR_RSP] = 0x30000;
    m->cpu.seg[SEG_CS].limit = 0x99998887;
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    m->cpu.seg[SEG_CS].limit = 0x99998888;
    expect_done(m);
    assert_int_equal(m->cpu.rip, 0x99998888);
    m->cpu.rip = CODE;
    LOAD(m, call_32_16);
    expect_done(m);
    assert_int_equal(m->cpu.rip, 0x8888);
    assert_int_equal(m->cpu.gpr[GPR_RSP], 0x30000 - 4 - 2);
}

static void test_real_mode(void **state)
{
    struct machine *m = *state;
    machine_real(m);
    LOAD(m, push_16);
    m->cpu.seg[SEG_DS].base = DEVICE;
    m->cpu.seg[SEG_SS].base = 0x30000;
    device_put(m, 0x10, 0x4321);
    m->cpu.gpr[GPR_RDI] = 0x10;
    m->cpu.gpr[GPR_RSP] = 0;
    expect_done(m);
    assert_int_equal(machine_get64(m, 0x3fffe) & 0xffff, 0x4321);
    assert_int_equal(m->cpu.gpr[GPR_RSP], 0xfffe);
    LOAD(m, pop_16);
    m->cpu.gpr[GPR_RDI] = 0x18;
    expect_done(m);
    assert_int_equal(device_get(m, 0x18), 0x4321);
    LOAD(m, jmp_16);
    expect_done(m);
    assert_int_equal(m->cpu.rip, 0x4321);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_push),   TEST(test_pop),           TEST(test_branches),
        TEST(test_frames), TEST(test_narrow_stacks), TEST(test_real_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
