// Segment registers: loads from memory, far jumps, LDTR and TR, with every fault of their descriptors.
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

SNIPPET(load_es_16, 16, "mov (%di), %es");
SNIPPET(load_ss_16, 16, "mov (%di), %ss");
SNIPPET(pop_ds_16, 16, "pop %ds");
SNIPPET(store_es, 64, "mov %es, (%rdi)");
SNIPPET(store_es_register, 64, "mov %es, %rax");
SNIPPET(load_es, 32, "mov (%edi), %es");
SNIPPET(load_ss, 32, "mov (%edi), %ss");
SNIPPET(load_ss_64, 64, "mov (%rdi), %ss");
SNIPPET(load_gs_64, 64, "mov (%rdi), %gs");
SNIPPET(pop_fs_64, 64, "pop %fs");
SNIPPET(far_jump, 64, "ljmpl *(%rdi)");
SNIPPET(far_jump_64, 64, "rex64 ljmpl *(%rdi)");
SNIPPET(far_jump_32, 32, "ljmpl *(%edi)");
SNIPPET(far_jump_16, 16, "ljmpw *(%di)");
SNIPPET(ltr, 64, "ltr (%rdi)");
SNIPPET(ltr_32, 32, "ltr (%edi)");
SNIPPET(lldt, 64, "lldt (%rdi)");

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

static void test_real_mode(void **state)
{
    struct machine *m = *state;
    machine_real(m);
    m->cpu.seg[SEG_DS].base = DEVICE;
    device_put(m, 0x18, 0x4321);
    m->cpu.gpr[GPR_RDI] = 0x18;
    LOAD(m, load_es_16);
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_ES].selector, 0x4321);
    assert_int_equal(m->cpu.seg[SEG_ES].base, 0x43210);
    assert_int_equal(m->cpu.seg[SEG_ES].limit, 0xffff);
    assert_int_equal(m->result.groups, GROUP_RIP | GROUP_SEG_DATA);
    assert_int_equal(m->cpu.blocking, 0);
    m->cpu.rip = 0x100;
    LOAD(m, load_ss_16);
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_SS].base, 0x43210);
    assert_int_equal(m->cpu.blocking, BLOCKING_MOV_SS);
    assert_int_equal(m->result.groups, GROUP_RIP | GROUP_SEG_CODE);
    m->cpu.rip = 0x100;
    LOAD(m, pop_ds_16);
    m->cpu.seg[SEG_SS].base = DEVICE;
    m->cpu.gpr[GPR_RSP] = 0x18;
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_DS].base, 0x43210);
    assert_int_equal(m->cpu.gpr[GPR_RSP], 0x1a);
}

enum { GDT = 0x50000, LDT = 0x51000 };

// base 0xab123456, limit 0x77ffe pages, 32 bits
#define DESCRIPTOR(type) (UINT64_C(0xabc7001234567ffe) | (uint64_t)(type) << 40)
#define BASE             0xab123456

static void with_tables(struct machine *m, uint64_t descriptor)
{
    m->cpu.gdtr = (struct vcpu_table){GDT, 0x1f};
    m->cpu.seg[SEG_LDTR] = (struct vcpu_segment){.attributes = 0x82, .limit = 0xf, .base = LDT};
    machine_put64(m, GDT + 0x18, descriptor);
    machine_put64(m, LDT + 8, descriptor);
    m->cpu.gpr[GPR_RDI] = DEVICE;
}

static void test_descriptors(void **state)
{
    struct machine *m = *state;
    machine_protected(m);
    LOAD(m, load_es);
    with_tables(m, DESCRIPTOR(0x92));
    device_put(m, 0, 0x18);
    expect_done(m);
    const struct vcpu_segment *es = &m->cpu.seg[SEG_ES];
    assert_int_equal(es->selector, 0x18);
    assert_int_equal(es->attributes, 0xc93);
    assert_int_equal(es->base, BASE);
    assert_int_equal(es->limit, 0x77ffefff);
    assert_int_equal(machine_get64(m, GDT + 0x18), DESCRIPTOR(0x93)); // accessed
    m->cpu.rip = CODE;
    device_put(m, 0, 0x0c); // the same in the LDT
    expect_done(m);
    assert_int_equal(es->selector, 0x0c);
    assert_int_equal(es->base, BASE);
    m->cpu.rip = CODE;
    device_put(m, 0, 3); // null
    expect_done(m);
    assert_int_equal(es->attributes & SEG_PRESENT, 0);
    assert_int_equal(es->selector, 3);
}

static void test_descriptor_faults(void **state)
{
    struct machine *m = *state;
    static const struct {
        uint64_t descriptor;
        uint16_t selector;
        bool stack;
        uint8_t cpl;
        uint64_t event; // zero: loads
    } cases[] = {
        {DESCRIPTOR(0x92), 0x20, false, 0, EXCEPTION_ERROR(VECTOR_GP, 0x20)}, // beyond the GDT
        {DESCRIPTOR(0x92), 0x14, false, 0, EXCEPTION_ERROR(VECTOR_GP, 0x14)}, // beyond the LDT
        {DESCRIPTOR(0x12), 0x18, false, 0, EXCEPTION_ERROR(VECTOR_NP, 0x18)},
        {DESCRIPTOR(0x12), 0x18, true, 0, EXCEPTION_ERROR(VECTOR_SS, 0x18)},
        {DESCRIPTOR(0x98), 0x18, false, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)}, // execute-only
        {DESCRIPTOR(0x9a), 0x18, false, 0, 0},
        {DESCRIPTOR(0x9a), 0x18, true, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)},
        {DESCRIPTOR(0x90), 0x18, true, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)},  // a stack must be writable
        {DESCRIPTOR(0x89), 0x18, false, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)}, // a TSS
        {DESCRIPTOR(0x92), 0x1b, false, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)}, // RPL 3 of DPL 0
        {DESCRIPTOR(0x92), 0x18, false, 3, EXCEPTION_ERROR(VECTOR_GP, 0x18)}, // CPL 3 of DPL 0
        {DESCRIPTOR(0xf2), 0x1b, false, 3, 0},
        {DESCRIPTOR(0xf2), 0x18, true, 3, EXCEPTION_ERROR(VECTOR_GP, 0x18)}, // RPL is not CPL
        {DESCRIPTOR(0xf2), 0x1b, true, 3, 0},
        {DESCRIPTOR(0x9e), 0x1b, false, 3, 0},                                // conforming code
        {DESCRIPTOR(0x96), 0x1b, false, 3, EXCEPTION_ERROR(VECTOR_GP, 0x18)}, // data that expands down
        {DESCRIPTOR(0x92), 0, true, 0, EXCEPTION_ERROR(VECTOR_GP, 0)},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        machine_protected(m);
        if (cases[i].stack)
            LOAD(m, load_ss);
        else
            LOAD(m, load_es);
        with_tables(m, cases[i].descriptor);
        device_put(m, 0, cases[i].selector);
        m->cpu.seg[SEG_SS].attributes |= (uint16_t)(cases[i].cpl << 5);
        if (cases[i].event) {
            expect_event(m, cases[i].event);
            assert_int_equal(machine_get64(m, GDT + 0x18), cases[i].descriptor);
        } else {
            expect_done(m);
        }
    }
}

// The tables themselves may fault, after the selector was read.
static void test_table_faults(void **state)
{
    struct machine *m = *state;
    START(m, load_gs_64, DEVICE, 0);
    with_tables(m, 0);
    device_put(m, 0, 0x18);
    m->cpu.gdtr.base = WINDOW_LINEAR + 0x4000 - 0x18 - 4; // the descriptor straddles two pages
    m->cpu.seg[SEG_SS].attributes |= 3 << 5;              // users' selectors, the supervisor's tables
    machine_map(m, 3, 0x30000 | 3);
    machine_map(m, 4, 0);
    uint64_t descriptor = DESCRIPTOR(0xf2);
    memcpy(m->ram + 0x30ffc, &descriptor, 4);
    memcpy(m->ram + 0x31000, (uint8_t *)&descriptor + 4, 4);
    device_put(m, 0, 0x1b);
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 0));
    assert_int_equal(m->result.fault_address, WINDOW_LINEAR + 0x4000);
    machine_map(m, 4, 0x31000 | 1); // read-only: the accessed bit cannot be set
    m->cpu.cr0 |= CR0_WP;
    expect_event(m, EXCEPTION_ERROR(VECTOR_PF, 3));
    machine_map(m, 4, 0x31000 | 3);
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_GS].base, BASE);
    m->cpu.rip = CODE;
    machine_map(m, 4, 0); // a descriptor that ends with its page does not need the next
    m->cpu.gdtr.base = WINDOW_LINEAR + 0x4000 - 0x20;
    descriptor = DESCRIPTOR(0xf3) & ~(UINT64_C(1) << 55); // limit in bytes
    memcpy(m->ram + 0x30ff8, &descriptor, 8);
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_GS].limit, 0x77ffe);
    START(m, load_gs_64, DEVICE, 0);
    with_tables(m, 0);
    m->cpu.gdtr.base = UINT64_C(0x800000000000) - 0x18;
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    m->cpu.gdtr.base = DEVICE;
    expect_unsupported(m);
}

static void test_long_mode_segments(void **state)
{
    struct machine *m = *state;
    m->restarts = true;
    START(m, load_ss_64, 0, 0);
    with_tables(m, 0);
    device_put(m, 0, 0);
    expect_done(m); // null is good for ring 0
    assert_int_equal(m->cpu.blocking, BLOCKING_MOV_SS);
    START(m, load_gs_64, 0, 0);
    with_tables(m, DESCRIPTOR(0x93));
    device_put(m, 0, 0x18);
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_GS].base, BASE);
    START(m, pop_fs_64, 0, DEVICE);
    with_tables(m, DESCRIPTOR(0x93));
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_FS].base, BASE);
    assert_int_equal(m->cpu.gpr[GPR_RSP], DEVICE + 8);
    START(m, store_es, DEVICE, 0);
    expect_done(m);
    expect_access(m, 0, DEVICE, 2, true);
    START(m, store_es_register, 0, 0);
    m->cpu.gpr[GPR_RAX] = ~UINT64_C(0);
    expect_done(m);
    assert_int_equal(m->cpu.gpr[GPR_RAX], 0x10);
}

// Code of 64 bits: L set, D clear.
#define CODE64(type) ((DESCRIPTOR(type) & ~(UINT64_C(1) << 54)) | UINT64_C(1) << 53)

static void test_far_jump(void **state)
{
    struct machine *m = *state;
    START(m, far_jump_64, 0, 0);
    with_tables(m, CODE64(0x9a));
    m->restarts = true;
    device_put(m, 0, UINT64_C(0xffff800012345678));
    device_put(m, 8, 0x1b & ~3);
    expect_done(m);
    assert_int_equal(m->cpu.rip, UINT64_C(0xffff800012345678));
    assert_int_equal(m->cpu.seg[SEG_CS].selector, 0x18);
    assert_int_equal(m->cpu.seg[SEG_CS].attributes, 0xa9b);
    assert_int_equal(m->result.groups, GROUP_RIP | GROUP_SEG_CODE);
    assert_int_equal(machine_get64(m, GDT + 0x18), CODE64(0x9b));
    START(m, far_jump, 0, 0); // to compatibility mode
    with_tables(m, DESCRIPTOR(0x9a));
    device_put(m, 0, UINT64_C(0x1877ffefff));
    expect_done(m);
    assert_int_equal(m->cpu.rip, 0x77ffefff);
    machine_protected(m);
    LOAD(m, far_jump_32);
    with_tables(m, DESCRIPTOR(0x9a));
    device_put(m, 0, UINT64_C(0x1877fff000)); // beyond the limit
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    assert_int_equal(machine_get64(m, GDT + 0x18), DESCRIPTOR(0x9a));
    machine_real(m);
    LOAD(m, far_jump_16);
    m->cpu.seg[SEG_DS].base = DEVICE;
    device_put(m, 0, 0x12345678);
    expect_done(m);
    assert_int_equal(m->cpu.rip, 0x5678);
    assert_int_equal(m->cpu.seg[SEG_CS].base, 0x12340);
}

static void test_far_jump_faults(void **state)
{
    struct machine *m = *state;
    static const struct {
        uint64_t descriptor;
        uint16_t selector;
        uint8_t cpl;
        uint64_t event; // zero: jumps
    } cases[] = {
        {CODE64(0x9a), 0, 0, EXCEPTION_ERROR(VECTOR_GP, 0)},
        {CODE64(0x9a), 3, 0, EXCEPTION_ERROR(VECTOR_GP, 0)},
        {CODE64(0x9a), 0x20, 0, EXCEPTION_ERROR(VECTOR_GP, 0x20)},
        {CODE64(0x1a), 0x18, 0, EXCEPTION_ERROR(VECTOR_NP, 0x18)},
        {DESCRIPTOR(0x92), 0x18, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)},                 // data
        {CODE64(0x9a) | UINT64_C(1) << 54, 0x18, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)}, // L and D
        {CODE64(0x9a), 0x1b, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)},                     // RPL above CPL
        {CODE64(0x9a), 0x18, 3, EXCEPTION_ERROR(VECTOR_GP, 0x18)},                     // inner
        {CODE64(0xfa), 0x18, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)},                     // outer
        {CODE64(0xfa), 0x18, 3, 0},
        {CODE64(0x9e), 0x18, 3, 0}, // conforming
        {CODE64(0xfe), 0x18, 0, EXCEPTION_ERROR(VECTOR_GP, 0x18)},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        START(m, far_jump_64, 0, 0);
        with_tables(m, cases[i].descriptor);
        device_put(m, 0, 0x1000);
        device_put(m, 8, cases[i].selector);
        m->cpu.seg[SEG_SS].attributes |= (uint16_t)(cases[i].cpl << 5);
        if (cases[i].event) {
            expect_event(m, cases[i].event);
            continue;
        }
        expect_done(m);
        assert_int_equal(m->cpu.seg[SEG_CS].selector, 0x18 | cases[i].cpl);
    }
    START(m, far_jump_64, 0, 0);
    with_tables(m, DESCRIPTOR(0x8c)); // a call gate
    device_put(m, 8, 0x18);
    expect_unsupported(m);
}

static void test_task_register(void **state)
{
    struct machine *m = *state;
    START(m, ltr, 0, 0);
    with_tables(m, 0);
    machine_put64(m, GDT + 0x10, DESCRIPTOR(0x89));
    machine_put64(m, GDT + 0x18, 0xffff8000);
    device_put(m, 0, 0x10);
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_TR].selector, 0x10);
    assert_int_equal(m->cpu.seg[SEG_TR].base, UINT64_C(0xffff800000000000) | BASE);
    assert_int_equal(m->cpu.seg[SEG_TR].attributes & 0xff, 0x8b);
    assert_int_equal(machine_get64(m, GDT + 0x10), DESCRIPTOR(0x8b));
    assert_int_equal(m->result.groups, GROUP_RIP | GROUP_SEG_SYSTEM);
    m->cpu.rip = CODE; // busy now
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0x10));
    machine_put64(m, GDT + 0x10, DESCRIPTOR(0x09));
    expect_event(m, EXCEPTION_ERROR(VECTOR_NP, 0x10));
    machine_put64(m, GDT + 0x10, DESCRIPTOR(0x89));
    machine_put64(m, GDT + 0x18, 0x8000); // not canonical
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0x10));
    device_put(m, 0, 0x18); // its second half is beyond the limit
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0x18));
    device_put(m, 0, 0x14);
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0x14));
    device_put(m, 0, 0);
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    m->cpu.seg[SEG_SS].attributes |= 3 << 5;
    device_put(m, 0, 0x10);
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0));
    machine_protected(m);
    LOAD(m, ltr_32);
    with_tables(m, DESCRIPTOR(0x81)); // 16-bit, not of long mode
    device_put(m, 0, 0x18);
    expect_done(m);
    machine_protected(m);
    m->cpu.rflags |= RFLAGS_VM;
    expect_event(m, EXCEPTION(VECTOR_UD));
}

static void test_local_table(void **state)
{
    struct machine *m = *state;
    START(m, lldt, 0, 0);
    with_tables(m, 0);
    machine_put64(m, GDT + 0x10, DESCRIPTOR(0x82));
    device_put(m, 0, 0x10);
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_LDTR].base, BASE);
    assert_int_equal(m->cpu.seg[SEG_LDTR].limit, 0x77ffefff);
    m->cpu.rip = CODE;
    device_put(m, 0, 2);
    expect_done(m);
    assert_int_equal(m->cpu.seg[SEG_LDTR].attributes, 0);
    assert_int_equal(m->cpu.seg[SEG_LDTR].selector, 2);
    m->cpu.rip = CODE;
    device_put(m, 0, 0x10);
    machine_put64(m, GDT + 0x10, DESCRIPTOR(0x89));
    expect_event(m, EXCEPTION_ERROR(VECTOR_GP, 0x10));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_real_mode),       TEST(test_descriptors),        TEST(test_descriptor_faults),
        TEST(test_table_faults),    TEST(test_long_mode_segments), TEST(test_far_jump),
        TEST(test_far_jump_faults), TEST(test_task_register),      TEST(test_local_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
