// Control, debug and extended control registers: what a guest may write, and what it gets for the rest
// SPDX-License-Identifier: MIT
//
// LINK: servers/vmm/control.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "servers/vmm/vm.h"

enum { UD = 6, GP = 13, DB = 1, PE = 1, TS = 8, NO_EVENT = 0 };
#define PG   0x80000000ul
#define NW   0x20000000ul
#define CD   0x40000000ul
#define PAE  0x20ul
#define DE   0x8ul
#define PSE  0x10ul
#define PGE  0x80ul
#define SMEP 0x100000ul
#define LME  0x100ul
#define LMA  0x400ul
#define CS_L 0x200
#define DPL3 0x60
#define GD   0x2000ul
#define BD   0x2000ul

struct vm vm;
static struct vm_machine vm_machine;
static struct vcpu_state state;
static struct vm_exit x;
static struct emu_control next;
static bool skipped;

bool exit_decode(struct vm_exit *exit, struct emu_control *control)
{
    (void)exit;
    *control = next;
    return true;
}

void exit_skip(struct vm_exit *exit, unsigned length)
{
    (void)exit;
    skipped = length == next.length;
}

void exit_event(struct vm_exit *exit, uint64_t event, uint64_t address)
{
    (void)address;
    exit->event = event;
}

void exit_fault(struct vm_exit *exit, unsigned vector)
{
    exit_event(exit, EVENT_MAKE(EVENT_EXCEPTION, vector), 0);
}

void exit_fault_error(struct vm_exit *exit, unsigned vector, uint32_t code)
{
    exit_event(exit, EVENT_MAKE(EVENT_EXCEPTION, vector) | EVENT_ERROR(code), 0);
}

static uint64_t table[4]; // all of the guest's memory, at TABLE
enum { TABLE = 0x12340 };

void *memory_at(uint64_t gpa, uint64_t bytes)
{
    return gpa == TABLE && bytes == sizeof table ? table : NULL;
}

static uint64_t priority;

void lapic_set_cr8(struct lapic *lapic, uint64_t value)
{
    (void)lapic;
    priority = value;
}

uint64_t lapic_cr8(const struct lapic *lapic)
{
    (void)lapic;
    return priority;
}

void interrupts_show_priority(struct vm_exit *exit)
{
    (void)exit;
}

// A guest in 64-bit mode, in its kernel.
static void begin(void)
{
    vm.machine = &vm_machine;
    vm.xsave_features = 7;
    state = (struct vcpu_state){
        .cr0 = PG | PE | 0x10, .cr4 = PAE, .efer = LME | LMA, .dr6 = 0xffff0ff0, .dr7 = 0x400, .xcr0 = 1};
    state.seg[SEG_CS].attributes = 0xa9b;
    state.seg[SEG_SS].attributes = 0xc93;
    x = (struct vm_exit){.state = &state, .kind = EXIT_CR};
    skipped = false;
}

static void move_to(unsigned what, unsigned number, uint64_t value)
{
    next =
        (struct emu_control){.what = (uint8_t)what, .length = 3, .number = (uint8_t)number, .value = value};
    if (what == EMU_MOV_FROM_DR || what == EMU_MOV_TO_DR)
        control_debug_exit(&x);
    else
        control_exit(&x);
}

// The vector of the exception, NO_EVENT: none, the instruction is done.
static unsigned outcome(void)
{
    assert_true(skipped == !x.event);
    assert_true(!(x.event & EVENT_ERROR_VALID) || !(x.event >> 32));
    return x.event & 0xff;
}

static unsigned cr(unsigned number, uint64_t value)
{
    x.event = 0;
    skipped = false;
    move_to(EMU_MOV_TO_CR, number, value);
    return outcome();
}

static void reserved_bits(void **unused)
{
    (void)unused;
    begin();
    assert_int_equal(cr(0, PG), GP);
    assert_int_equal(cr(0, PG | PE | NW), GP);
    assert_int_equal(cr(0, PG | PE | UINT64_C(1) << 32), GP);
    assert_int_equal(cr(4, PAE | UINT64_C(1) << 31), GP);
    assert_int_equal(cr(4, PAE | UINT64_C(1) << 32), GP);
    assert_int_equal(cr(4, 0), GP); // long mode needs PAE
    assert_int_equal(cr(8, 16), GP);
    assert_int_equal(state.cr0, PG | PE | 0x10);
    assert_int_equal(state.cr4, PAE);
    assert_int_equal(priority, 0);
    assert_int_equal(cr(0, PG | PE | NW | CD), NO_EVENT);
    assert_int_equal(state.cr0, PG | PE | NW | CD | 0x10); // ET is always set
    assert_int_equal(cr(4, PAE | DE), NO_EVENT);
    assert_int_equal(state.cr4, PAE | DE);
    assert_int_equal(cr(8, 15), NO_EVENT);
    assert_int_equal(priority, 15);
    assert_int_equal(cr(1, 0), GP);
}

static void long_mode(void **unused)
{
    (void)unused;
    begin();
    assert_int_equal(cr(0, PE), GP); // from 64-bit code
    state.seg[SEG_CS].attributes &= (uint16_t)~CS_L;
    assert_int_equal(cr(0, PE), NO_EVENT);
    assert_int_equal(state.efer, LME);
    state.cr4 = 0;
    assert_int_equal(cr(0, PG | PE), GP); // without PAE
    assert_int_equal(state.efer, LME);
    state.cr4 = PAE;
    state.seg[SEG_CS].attributes |= CS_L;
    assert_int_equal(cr(0, PG | PE), GP); // into 64-bit code
    state.seg[SEG_CS].attributes &= (uint16_t)~CS_L;
    assert_int_equal(cr(0, PG | PE), NO_EVENT);
    assert_int_equal(state.efer, LME | LMA);
    state.efer = state.cr0 = state.cr4 = 0;
    assert_int_equal(cr(0, PG | PE), NO_EVENT); // not long mode at all
    assert_int_equal(state.efer, 0);
}

// A guest in 32-bit code, with paging on and PAE off.
static void begin_32(void)
{
    begin();
    vm.env.physical_bits = 40;
    state.cr0 = PG | PE | 0x10;
    state.cr3 = UINT64_C(0xff00000000) | TABLE | 0x1f; // what PAE ignores
    state.cr4 = PSE;
    state.efer = 0;
    state.seg[SEG_CS].attributes = 0xc9b;
    for (uint64_t i = 0; i < 4; i++)
        table[i] = 0xfffffff039 - (i << 12);
}

// Did the processor load its page-directory pointers? They are forgotten, and the table changes each time.
static bool loaded(void)
{
    bool all = !memcmp(state.pdpte, table, sizeof table);
    memset(state.pdpte, 0, sizeof state.pdpte);
    table[0] ^= 0x1000;
    return all;
}

static void page_directory_pointers(void **unused)
{
    (void)unused;
    begin_32();
    assert_int_equal(cr(4, PSE | PGE), NO_EVENT); // paging of 32 bits
    assert_false(loaded());
    static const uint64_t cr4[] = {PSE | PGE | PAE, PGE | PAE, PAE, PAE | SMEP};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(cr(4, cr4[i]), NO_EVENT);
        assert_true(loaded());
    }
    assert_int_equal(cr(4, PAE | SMEP | DE), NO_EVENT);
    assert_int_equal(cr(0, PG | PE | TS), NO_EVENT);
    move_to(EMU_CLTS, 0, 0);
    assert_false(loaded());
    static const uint64_t cr0[] = {PG | PE | CD, PG | PE | CD | NW, PG | PE};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(cr(0, cr0[i]), NO_EVENT);
        assert_true(loaded());
    }
    assert_int_equal(cr(3, TABLE), NO_EVENT);
    assert_true(loaded());
    assert_int_equal(cr(0, PE), NO_EVENT);
    assert_int_equal(cr(4, PAE), NO_EVENT);
    assert_int_equal(cr(3, 0), NO_EVENT);
    assert_int_equal(cr(3, TABLE), NO_EVENT);
    assert_false(loaded()); // no paging
    assert_int_equal(cr(0, PG | PE), NO_EVENT);
    assert_true(loaded());
    assert_true(x.groups & GROUP_CR);
    assert_int_equal(cr(0, PE), NO_EVENT);
    state.efer = LME;
    assert_int_equal(cr(0, PG | PE), NO_EVENT); // into long mode
    assert_int_equal(cr(4, PAE | PGE), NO_EVENT);
    assert_false(loaded());
}

static void bad_page_directory_pointers(void **unused)
{
    (void)unused;
    static const uint64_t bad[] = {0x3, 0x5, 0x41, 0x101, UINT64_C(1) << 40 | 1, UINT64_C(1) << 63 | 1};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin_32();
        table[i % 4] = bad[i];
        assert_int_equal(cr(4, PSE | PAE), GP);
        assert_int_equal(state.cr4, PSE);
        assert_int_equal(cr(0, PE), NO_EVENT);
        assert_int_equal(cr(4, PAE), NO_EVENT);
        assert_int_equal(cr(0, PG | PE), GP);
        assert_int_equal(state.cr0, PE | 0x10);
        assert_int_equal(state.pdpte[(i + 1) % 4], 0);
        table[i % 4] ^= 1; // not present
        assert_int_equal(cr(0, PG | PE), NO_EVENT);
        table[i % 4] ^= 1;
        assert_int_equal(cr(3, TABLE), GP);
    }
    begin_32();
    state.cr3 = TABLE + 32; // no memory
    assert_int_equal(cr(4, PAE), GP);
    assert_int_equal(state.cr4, PSE);
    assert_int_equal(cr(4, DE), NO_EVENT);
}

static void parts_of_cr0(void **unused)
{
    (void)unused;
    begin();
    move_to(EMU_LMSW, 0, TS);
    assert_int_equal(outcome(), NO_EVENT);
    assert_int_equal(state.cr0, PG | PE | TS | 0x10); // it cannot clear PE
    move_to(EMU_CLTS, 0, 0);
    assert_int_equal(state.cr0, PG | PE | 0x10);
}

static unsigned dr(unsigned number, uint64_t value)
{
    x.event = 0;
    skipped = false;
    move_to(EMU_MOV_TO_DR, number, value);
    return outcome();
}

static unsigned from_dr(unsigned number)
{
    x.event = 0;
    skipped = false;
    move_to(EMU_MOV_FROM_DR, number, 0);
    return outcome();
}

static void debug_registers(void **unused)
{
    (void)unused;
    begin();
    assert_int_equal(dr(0, 0x123456789abc), NO_EVENT);
    assert_int_equal(state.dr[0], 0x123456789abc);
    assert_int_equal(dr(6, 0xffffffff), NO_EVENT);
    assert_int_equal(state.dr6, 0xffffefff);
    assert_int_equal(dr(7, 0xffffffff & ~GD), NO_EVENT);
    assert_int_equal(state.dr7, 0xffff07ff);
    assert_int_equal(dr(6, UINT64_C(1) << 32), GP);
    assert_int_equal(dr(7, UINT64_C(1) << 32), GP);
    assert_int_equal(from_dr(7), NO_EVENT);
    assert_int_equal(state.gpr[GPR_RAX], 0xffff07ff);
}

// What takes the place of the access, where the processor lets the exit go first [SDM] 3C 26.1.3.
static void debug_registers_that_are_not_to_be_had(void **unused)
{
    (void)unused;
    begin();
    assert_int_equal(dr(4, 0xffff0ff1), NO_EVENT);
    assert_int_equal(state.dr6, 0xffff0ff1);
    state.cr4 |= DE;
    assert_int_equal(dr(4, 0), UD);
    assert_int_equal(from_dr(5), UD);
    state.seg[SEG_SS].attributes |= DPL3;
    assert_int_equal(dr(0, 1), GP);
    assert_int_equal(from_dr(0), GP);
    assert_int_equal(dr(4, 0), UD);
    state.seg[SEG_SS].attributes &= (uint16_t)~DPL3;
    state.dr6 = 0xffff0ff0;
    assert_int_equal(dr(7, GD), NO_EVENT);
    assert_int_equal(dr(4, 0), UD);
    assert_int_equal(from_dr(0), DB);
    assert_false(x.event & EVENT_ERROR_VALID);
    assert_int_equal(state.dr6, 0xffff0ff0 | BD);
    assert_int_equal(state.dr7, 0x400); // the handler may look
    assert_true(x.groups & GROUP_DR);
    assert_int_equal(from_dr(0), NO_EVENT);
}

static unsigned xcr(uint32_t number, uint64_t value)
{
    x.event = 0;
    skipped = false;
    next = (struct emu_control){.length = 3};
    state.gpr[GPR_RCX] = number;
    state.gpr[GPR_RAX] = value & 0xffffffff;
    state.gpr[GPR_RDX] = value >> 32;
    control_xsetbv_exit(&x);
    return outcome();
}

static void xsetbv(void **unused)
{
    (void)unused;
    begin();
    assert_int_equal(xcr(0, 2), GP);     // without x87
    assert_int_equal(xcr(0, 5), GP);     // AVX without SSE
    assert_int_equal(xcr(0, 0x207), GP); // what the guest may not have
    assert_int_equal(xcr(1, 7), GP);
    assert_int_equal(state.xcr0, 1);
    assert_int_equal(xcr(0, 7), NO_EVENT);
    assert_int_equal(state.xcr0, 7);
    vm.xsave_features = 0xe7;
    assert_int_equal(xcr(0, 0x67), GP); // AVX-512 in part
    assert_int_equal(xcr(0, 0xe3), GP); // without AVX
    assert_int_equal(xcr(0, 0xe7), NO_EVENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserved_bits),
        cmocka_unit_test(long_mode),
        cmocka_unit_test(page_directory_pointers),
        cmocka_unit_test(bad_page_directory_pointers),
        cmocka_unit_test(parts_of_cr0),
        cmocka_unit_test(debug_registers),
        cmocka_unit_test(debug_registers_that_are_not_to_be_had),
        cmocka_unit_test(xsetbv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
