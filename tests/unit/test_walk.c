// Page walks in every mode on hand-built tables: addresses, each fault code, accessed and dirty bits, hints.
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

#define P    UINT64_C(0x001)
#define W    UINT64_C(0x002)
#define U    UINT64_C(0x004)
#define A    UINT64_C(0x020)
#define D    UINT64_C(0x040)
#define PS   UINT64_C(0x080)
#define NX   (UINT64_C(1) << 63)
#define PWU  (P | W | U)
#define PAGE UINT64_C(0x12345000)

enum { ERR_P = 1, ERR_W = 2, ERR_U = 4, ERR_RSVD = 8, ERR_I = 16 };
enum { LEVEL1 = 0x1000, LEVEL2 = 0x2000, LEVEL3 = 0x3000, LEVEL4 = 0x4000 };

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

static void put32(struct machine *m, uint64_t gpa, uint64_t value)
{
    machine_put(m, gpa, &value, 4);
}

static enum walk_status go(struct machine *m, uint64_t linear, uint64_t access, struct walk *walk)
{
    *walk = (struct walk){0};
    return walk_linear(&m->cpu, &m->env, m->cache.hints, linear, access, walk);
}

static void expect_gpa(struct machine *m, uint64_t linear, uint64_t access, uint64_t gpa)
{
    for (int again = 0; again < 2; again++) { // the second time by the hint
        struct walk walk;
        assert_int_equal(go(m, linear, access, &walk), WALK_OK);
        assert_int_equal(walk.gpa, gpa);
        assert_ptr_equal(walk.host, gpa < RAM_BYTES ? m->ram + gpa : NULL);
    }
}

static void expect_fault(struct machine *m, uint64_t linear, uint64_t access, uint32_t error)
{
    struct walk walk;
    assert_int_equal(go(m, linear, access, &walk), WALK_FAULT);
    assert_int_equal(walk.error, error);
}

// Linear 0x7f8040201xxx: index 255, 1, 1, 1. `leaf` stands in the last table.
static const uint64_t linear4 = 0x7f8040201000;
static void build4(struct machine *m, uint64_t leaf)
{
    machine_restart(m);
    m->cpu = (struct vcpu_state){.rflags = 2,
                                 .cr0 = CR0_PE | CR0_PG | CR0_WP,
                                 .cr3 = LEVEL4 | 0x18,
                                 .cr4 = CR4_PAE,
                                 .efer = EFER_LMA | EFER_NXE};
    machine_put64(m, LEVEL4 + 255 * 8, LEVEL3 | PWU);
    machine_put64(m, LEVEL3 + 8, LEVEL2 | PWU);
    machine_put64(m, LEVEL2 + 8, LEVEL1 | PWU);
    machine_put64(m, LEVEL1 + 8, leaf);
}

static void build_pae(struct machine *m, uint64_t leaf)
{
    build4(m, leaf); // linear 0x40201000: index 1, 1, 1
    m->cpu.cr3 = LEVEL3;
    m->cpu.efer = EFER_NXE;
    machine_put64(m, LEVEL3 + 8, LEVEL2 | P);
}

static void build32(struct machine *m, uint64_t leaf)
{
    machine_restart(m);
    m->cpu = (struct vcpu_state){.rflags = 2, .cr0 = CR0_PE | CR0_PG | CR0_WP, .cr3 = LEVEL2, .cr4 = CR4_PSE};
    put32(m, LEVEL2 + 0x3ff * 4, LEVEL1 | PWU);
    put32(m, LEVEL1 + 0x201 * 4, leaf);
}
static const uint64_t linear_pae = 0x40201000, linear32 = 0xffe01000;

static void test_unpaged(void **state)
{
    struct machine *m = *state;
    m->cpu = (struct vcpu_state){.cr0 = CR0_PE};
    expect_gpa(m, 0x1234, WALK_WRITE | WALK_USER, 0x1234);
    expect_gpa(m, 0xfee00020, 0, 0xfee00020);
    struct walk walk;
    assert_int_equal(go(m, RAM_BYTES - 8, 0, &walk), WALK_OK);
    assert_non_null(walk.host); // ROM is read ...
    assert_int_equal(go(m, RAM_BYTES - 8, WALK_WRITE, &walk), WALK_OK);
    assert_null(walk.host); // ... and not written
}

static void test_addresses(void **state)
{
    struct machine *m = *state;
    build4(m, PAGE | PWU);
    expect_gpa(m, linear4 + 0x678, 0, PAGE + 0x678);
    build_pae(m, UINT64_C(0xab12345000) | PWU);
    expect_gpa(m, linear_pae + 0xfff, 0, UINT64_C(0xab12345fff));
    build32(m, 0xfee00000 | PWU);
    expect_gpa(m, linear32 + 0x20, 0, 0xfee00020);

    build4(m, 0);
    machine_put64(m, LEVEL2 + 8, 0x40200000 | PWU | PS);
    expect_gpa(m, linear4 + 0x12345, 0, 0x40200000 + 0x13345);
    machine_put64(m, LEVEL3 + 8, UINT64_C(0x5c0000000) | PWU | PS);
    expect_gpa(m, linear4, 0, UINT64_C(0x5c0201000));
    build_pae(m, 0);
    machine_put64(m, LEVEL2 + 8, 0x40200000 | PWU | PS);
    expect_gpa(m, linear_pae, 0, 0x40201000);
    build32(m, 0);
    put32(m, LEVEL2 + 0x3ff * 4, 0x00400000 | 0x001a4000 | PWU | PS); // PSE-36: 0xd2 above
    expect_gpa(m, linear32, 0, UINT64_C(0xd200400000) + 0x201000);
}

static void test_not_present(void **state)
{
    struct machine *m = *state;
    static const struct {
        uint64_t access;
        uint32_t error;
    } cases[] = {{0, 0},
                 {WALK_WRITE, ERR_W},
                 {WALK_USER, ERR_U},
                 {WALK_USER | WALK_WRITE, ERR_U | ERR_W},
                 {WALK_FETCH, ERR_I},
                 {WALK_FETCH | WALK_USER, ERR_I | ERR_U}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        build4(m, PAGE | W | U);
        expect_fault(m, linear4, cases[i].access, cases[i].error);
        for (unsigned level = LEVEL2; level <= LEVEL4; level += 0x1000) {
            build4(m, PAGE | PWU);
            machine_put64(m, level + (level == LEVEL4 ? 255 * 8 : 8), W | U);
            expect_fault(m, linear4, cases[i].access, cases[i].error);
        }
        build_pae(m, PAGE | W | U);
        expect_fault(m, linear_pae, cases[i].access, cases[i].error);
        machine_put64(m, LEVEL3 + 8, LEVEL2);
        expect_fault(m, linear_pae, cases[i].access, cases[i].error);
        build32(m, PAGE | W | U);
        expect_fault(m, linear32, cases[i].access, cases[i].error & ~(uint32_t)ERR_I);
        m->cpu.cr4 |= CR4_SMEP; // then fetches are reported in 32-bit mode too
        expect_fault(m, linear32, cases[i].access, cases[i].error);
    }
    build4(m, 0);
    m->cpu.efer &= ~EFER_NXE;
    expect_fault(m, linear4, WALK_FETCH, 0);
}

static void test_reserved(void **state)
{
    struct machine *m = *state;
    build4(m, PAGE | PWU | UINT64_C(1) << 40);
    expect_fault(m, linear4, WALK_WRITE, ERR_P | ERR_W | ERR_RSVD);
    build4(m, PAGE | PWU | UINT64_C(0x7ff) << 52); // ignored, as are protection keys without PKE
    expect_gpa(m, linear4, 0, PAGE);
    build4(m, PAGE | PWU | NX);
    m->cpu.efer &= ~EFER_NXE;
    expect_fault(m, linear4, 0, ERR_P | ERR_RSVD);
    build4(m, PAGE | PWU);
    machine_put64(m, LEVEL4 + 255 * 8, LEVEL3 | PWU | PS);
    expect_fault(m, linear4, WALK_USER, ERR_P | ERR_U | ERR_RSVD);
    build4(m, 0);
    machine_put64(m, LEVEL2 + 8, 0x40202000 | PWU | PS);
    expect_fault(m, linear4, 0, ERR_P | ERR_RSVD);
    machine_put64(m, LEVEL2 + 8, 0x40201000 | PWU | PS); // bit 12 is PAT
    expect_gpa(m, linear4, 0, 0x40201000);
    machine_put64(m, LEVEL3 + 8, 0x40000000 | PWU | PS);
    m->env.gigabyte_pages = false;
    expect_fault(m, linear4, 0, ERR_P | ERR_RSVD);
    m->env.gigabyte_pages = true;
    machine_put64(m, LEVEL3 + 8, 0x60000000 | PWU | PS);
    expect_fault(m, linear4, 0, ERR_P | ERR_RSVD);

    build_pae(m, PAGE | PWU);
    machine_put64(m, LEVEL3 + 8, LEVEL2 | P | 0x20); // QEMU sets it
    expect_gpa(m, linear_pae, 0, PAGE);
    machine_put64(m, LEVEL3 + 8, LEVEL2 | P | W);
    expect_fault(m, linear_pae, 0, ERR_P | ERR_RSVD);
    machine_put64(m, LEVEL3 + 8, LEVEL2 | P | NX);
    expect_fault(m, linear_pae, 0, ERR_P | ERR_RSVD);
    build_pae(m, PAGE | PWU | UINT64_C(1) << 62);
    expect_fault(m, linear_pae, 0, ERR_P | ERR_RSVD);
    build32(m, 0);
    put32(m, LEVEL2 + 0x3ff * 4, 0x00400000 | 1 << 21 | PWU | PS);
    expect_fault(m, linear32, WALK_USER, ERR_P | ERR_U | ERR_RSVD);
    put32(m, LEVEL2 + 0x3ff * 4, 0x00400000 | 1 << 17 | PWU | PS); // bit 36 of the address
    m->env.physical_bits = 36;
    expect_fault(m, linear32, 0, ERR_P | ERR_RSVD);
    m->env.physical_bits = 40;
    put32(m, LEVEL2 + 0x3ff * 4, LEVEL1 | PWU | PS);
    put32(m, LEVEL1 + 0x201 * 4, PAGE | PWU);
    m->cpu.cr4 = 0; // without PSE the bit means nothing
    expect_gpa(m, linear32, 0, PAGE);
}

// Rights of the leaf (all levels above grant everything), the access, and who wins.
static void test_rights(void **state)
{
    struct machine *m = *state;
    static const struct {
        uint64_t leaf, access, cr0, cr4, rflags;
        uint32_t error; // zero: permitted
    } cases[] = {
        {P | W, WALK_WRITE, CR0_WP, 0, 0, 0},
        {P, WALK_WRITE, CR0_WP, 0, 0, ERR_P | ERR_W},
        {P, WALK_WRITE, 0, 0, 0, 0},
        {P | U, WALK_WRITE | WALK_USER, 0, 0, 0, ERR_P | ERR_W | ERR_U},
        {P | U, WALK_USER, 0, 0, 0, 0},
        {P | W, WALK_USER, 0, 0, 0, ERR_P | ERR_U},
        {P | W, WALK_FETCH | WALK_USER, 0, 0, 0, ERR_P | ERR_U | ERR_I},
        {P | U | NX, WALK_FETCH | WALK_USER, 0, 0, 0, ERR_P | ERR_U | ERR_I},
        {P | NX, WALK_FETCH, 0, 0, 0, ERR_P | ERR_I},
        {P | NX, 0, 0, 0, 0, 0},
        {P | U, WALK_FETCH, 0, 0, 0, 0},
        {P | U, WALK_FETCH, 0, CR4_SMEP, 0, ERR_P | ERR_I},
        {P | U, WALK_FETCH | WALK_USER, 0, CR4_SMEP, 0, 0},
        {P, WALK_FETCH, 0, CR4_SMEP, 0, 0},
        {P | U, 0, 0, CR4_SMAP, 0, ERR_P},
        {PWU, WALK_WRITE, 0, CR4_SMAP, 0, ERR_P | ERR_W},
        {PWU, WALK_WRITE, 0, CR4_SMAP, RFLAGS_AC, 0},
        {P | U, WALK_IMPLICIT, 0, CR4_SMAP, RFLAGS_AC, ERR_P},
        {P, WALK_IMPLICIT, 0, CR4_SMAP, 0, 0},
        {P | U, WALK_USER, 0, CR4_SMAP, 0, 0},
        {P, 0, 0, CR4_SMAP, 0, 0},
        {P | U, WALK_FETCH, 0, CR4_SMAP, 0, 0}, // SMAP is about data
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        build4(m, PAGE | cases[i].leaf);
        m->cpu.cr0 = CR0_PE | CR0_PG | cases[i].cr0;
        m->cpu.cr4 |= cases[i].cr4;
        m->cpu.rflags |= cases[i].rflags;
        if (cases[i].error)
            expect_fault(m, linear4, cases[i].access, cases[i].error);
        else
            expect_gpa(m, linear4, cases[i].access, PAGE);
    }
}

// A right counts only when every level grants it; NX when any level has it.
static void test_rights_of_all_levels(void **state)
{
    struct machine *m = *state;
    for (unsigned level = LEVEL1; level <= LEVEL4; level += 0x1000) {
        uint64_t slot = level + (level == LEVEL4 ? 255 * 8 : 8);
        build4(m, PAGE | PWU);
        uint64_t entry = machine_get64(m, slot);
        machine_put64(m, slot, entry & ~U);
        expect_fault(m, linear4, WALK_USER, ERR_P | ERR_U);
        machine_put64(m, slot, entry & ~W);
        expect_fault(m, linear4, WALK_USER | WALK_WRITE, ERR_P | ERR_U | ERR_W);
        machine_put64(m, slot, entry | NX);
        expect_fault(m, linear4, WALK_FETCH, ERR_P | ERR_I);
        expect_gpa(m, linear4, WALK_WRITE, PAGE);
    }
}

static void test_accessed_and_dirty(void **state)
{
    struct machine *m = *state;
    struct walk walk;
    build4(m, PAGE | P | U);
    expect_fault(m, linear4, WALK_WRITE, ERR_P | ERR_W);
    assert_int_equal(machine_get64(m, LEVEL1 + 8), PAGE | P | U); // a refused access leaves no trace
    assert_int_equal(go(m, linear4, 0, &walk), WALK_OK);
    assert_int_equal(machine_get64(m, LEVEL1 + 8), PAGE | P | U | A);
    assert_int_equal(machine_get64(m, LEVEL2 + 8), LEVEL1 | PWU | A);
    assert_int_equal(machine_get64(m, LEVEL3 + 8), LEVEL2 | PWU | A);
    assert_int_equal(machine_get64(m, LEVEL4 + 255 * 8), LEVEL3 | PWU | A);
    build4(m, PAGE | PWU);
    assert_int_equal(go(m, linear4, WALK_WRITE, &walk), WALK_OK);
    assert_int_equal(machine_get64(m, LEVEL1 + 8), PAGE | PWU | A | D);
    assert_int_equal(machine_get64(m, LEVEL2 + 8), LEVEL1 | PWU | A);
    build_pae(m, PAGE | PWU);
    assert_int_equal(go(m, linear_pae, WALK_WRITE, &walk), WALK_OK);
    assert_int_equal(machine_get64(m, LEVEL1 + 8), PAGE | PWU | A | D);
    assert_int_equal(machine_get64(m, LEVEL3 + 8), LEVEL2 | P); // a PDPTE of PAE has neither
    build32(m, PAGE | PWU);
    assert_int_equal(go(m, linear32, WALK_WRITE, &walk), WALK_OK);
    assert_int_equal(machine_get64(m, LEVEL1 + 0x201 * 4), PAGE | PWU | A | D);
}

// A hint must see each change that the guest makes.
static void test_hints(void **state)
{
    struct machine *m = *state;
    for (unsigned level = LEVEL1; level <= LEVEL4; level += 0x1000) {
        uint64_t slot = level + (level == LEVEL4 ? 255 * 8 : 8);
        build4(m, PAGE | PWU);
        expect_gpa(m, linear4, WALK_USER, PAGE);
        uint64_t entry = machine_get64(m, slot);
        machine_put64(m, slot, entry & ~P);
        expect_fault(m, linear4, WALK_USER, ERR_U);
        machine_put64(m, slot, entry & ~A);
        expect_gpa(m, linear4, WALK_USER, PAGE);
        assert_int_equal(machine_get64(m, slot), entry); // accessed again
    }
    build4(m, PAGE | PWU);
    expect_gpa(m, linear4, 0, PAGE);
    m->cpu.cr4 |= CR4_SMAP;
    expect_fault(m, linear4, 0, ERR_P);
    m->cpu.rflags |= RFLAGS_AC;
    expect_gpa(m, linear4, 0, PAGE);
    m->cpu.cr3 += 0x10000;
    expect_fault(m, linear4, 0, 0);
    expect_fault(m, linear4, WALK_WRITE, ERR_W);
    m->cpu.cr0 &= ~CR0_PG;
    m->cpu.efer = 0;
    expect_gpa(m, linear_pae, 0, linear_pae);
}

static void test_unsupported(void **state)
{
    struct machine *m = *state;
    struct walk walk;
    build4(m, PAGE | PWU);
    m->cpu.cr4 |= CR4_LA57;
    assert_int_equal(go(m, linear4, 0, &walk), WALK_UNSUPPORTED);
    build4(m, PAGE | PWU);
    machine_put64(m, LEVEL3 + 8, DEVICE | PWU);
    assert_int_equal(go(m, linear4, 0, &walk), WALK_UNSUPPORTED);
    m->cpu.cr3 = DEVICE;
    assert_int_equal(go(m, linear4, 0, &walk), WALK_UNSUPPORTED);
}

// Tables in ROM work, without accessed bits.
static void test_rom(void **state)
{
    struct machine *m = *state;
    build4(m, PAGE | PWU);
    machine_put64(m, RAM_BYTES - ROM_BYTES + 255 * 8, LEVEL3 | PWU);
    m->cpu.cr3 = RAM_BYTES - ROM_BYTES;
    expect_gpa(m, linear4, WALK_WRITE, PAGE);
    assert_int_equal(machine_get64(m, RAM_BYTES - ROM_BYTES + 255 * 8), LEVEL3 | PWU);
    assert_int_equal(machine_get64(m, LEVEL3 + 8), LEVEL2 | PWU | A);
}

// Another processor that changes an entry between its load and the compare-and-swap, for ever or a few times.
struct rival {
    struct machine *machine;
    unsigned times;
};

static void *rival_ram(void *ctx, uint64_t gpa, size_t length, bool write)
{
    struct rival *rival = ctx;
    if (write && rival->times) { // asked for just before the swap
        rival->times--;
        machine_put64(rival->machine, LEVEL1 + 8,
                      machine_get64(rival->machine, LEVEL1 + 8) + (UINT64_C(1) << 52));
    }
    return machine_ram(rival->machine, gpa, length, write);
}

static void test_rival(void **state)
{
    struct machine *m = *state;
    struct rival rival = {m, 3};
    struct walk walk;
    build4(m, PAGE | PWU);
    m->env.ctx = &rival;
    m->env.ram = rival_ram;
    assert_int_equal(go(m, linear4, WALK_WRITE, &walk), WALK_OK);
    assert_int_equal(machine_get64(m, LEVEL1 + 8) & 0xfff, PWU | A | D);
    build4(m, PAGE | PWU);
    rival.times = 100;
    assert_int_equal(go(m, linear4, WALK_WRITE, &walk), WALK_BUSY);
    assert_int_equal(machine_get64(m, LEVEL1 + 8) & 0xfff, PWU);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unpaged),
        TEST(test_addresses),
        TEST(test_not_present),
        TEST(test_reserved),
        TEST(test_rights),
        TEST(test_hints),
        TEST(test_rights_of_all_levels),
        TEST(test_accessed_and_dirty),
        TEST(test_unsupported),
        TEST(test_rom),
        TEST(test_rival),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
