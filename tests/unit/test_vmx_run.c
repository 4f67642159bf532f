// One run of a vCPU on VMX: events and offers, the timer, and that no stale translation is ever used
// SPDX-License-Identifier: MIT
// LINK: kernel/virt/vmx_run.c kernel/virt/vmx_exit.c kernel/virt/vmx_state.c
// LINK: kernel/virt/check.c kernel/virt/virt.c
#include "tests/unit/vmx_machine.h"

#include "kernel/space.h"

enum { CPUID = 10, INTERRUPT_WINDOW = 7, REFUSED = 1000, VCPUS = 4, SPACES = 2, EPTP_BITS = 0x5e };

// The processor: what the next exits are, and what was done to it.
static struct {
    uint32_t reason[4], count, entries;
    uint64_t cut_off, error;
    uint32_t word; // that went in with the last entry
    unsigned invepts, invvpids;
} cpu;
static struct vmx_cpu own;
static struct space spaces[SPACES];

// A model TLB that keeps every entry it may. A combined entry is of a VPID and an EPTP, a guest-physical one
// of an EPTP; each was made from a version of the space, the combined one also from a version of the mode.
struct entry {
    uint64_t vpid, eptp, space, mode;
    bool combined;
};
static struct entry tlb[4096];
static unsigned cached;
static uint64_t mode_of[VCPUS]; // version
static const struct vcpu *running;
static struct vcpu others[VCPUS];
static struct vmx_vcpu *others_hw[VCPUS];

static void use_tlb(void)
{
    uint64_t eptp = vmcs[VMCS_EPTP], vpid = vmcs[VMCS_VPID];
    uint64_t space = running->space->aspace.flushes, mode = mode_of[running - others];
    for (unsigned i = 0; i < cached; i++) {
        const struct entry *e = &tlb[i];
        if (e->eptp != eptp || (e->combined && e->vpid != vpid))
            continue;
        assert_int_equal(e->space, space);
        if (e->combined)
            assert_int_equal(e->mode, mode);
    }
    assert_true(cached + 2 <= sizeof(tlb) / sizeof(tlb[0]));
    tlb[cached++] = (struct entry){vpid, eptp, space, mode, true};
    tlb[cached++] = (struct entry){vpid, eptp, space, mode, false};
}

static void drop(bool (*dead)(const struct entry *, uint64_t), uint64_t what)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < cached; i++)
        if (!dead(&tlb[i], what))
            tlb[kept++] = tlb[i];
    cached = kept;
}

static bool of_eptp(const struct entry *e, uint64_t eptp)
{
    return e->eptp == eptp;
}

static bool is_combined(const struct entry *e, uint64_t unused)
{
    (void)unused;
    return e->combined;
}

void invept(uint64_t type, uint64_t eptp)
{
    assert_int_equal(type, FLUSH_SINGLE);
    cpu.invepts++;
    drop(of_eptp, eptp);
}

void invvpid(uint64_t type, uint64_t vpid)
{
    assert_int_equal(type, FLUSH_ALL);
    assert_int_equal(vpid, 0);
    cpu.invvpids++;
    drop(is_combined, 0);
}

bool vmx_enter(uint64_t *const *gpr, bool launched)
{
    (void)gpr, (void)launched;
    uint32_t reason = cpu.reason[cpu.count];
    cpu.count += cpu.count < 3;
    cpu.entries++;
    if (running)
        use_tlb();
    cpu.word = (uint32_t)vmcs[VMCS_ENTRY_EVENT];
    vmcs[VMCS_ENTRY_EVENT] &= ~EVENT_VALID;
    if (EXCEPTION_TYPE(cpu.word) == EVENT_NMI && (cpu.word & EVENT_VALID))
        vmcs[VMCS_BLOCKING] |= VMCS_BLOCKING_NMI;
    vmcs[VMCS_REASON] = reason;
    vmcs[VMCS_CUT_OFF] = cpu.cut_off;
    vmcs[VMCS_CUT_OFF_ERROR] = cpu.error;
    return reason != REFUSED;
}

void vmx_host_state(struct vmx_vcpu *unused)
{
    (void)unused;
}

void load_tables(const struct descriptor_table *gdt, uint16_t task)
{
    (void)gdt, (void)task;
}

static void new_vcpu(struct vcpu *v, struct vmx_vcpu *h, struct space *space)
{
    memset(h, 0, sizeof(*h));
    *v = (struct vcpu){.hw = h, .space = space};
    h->flushes = space->aspace.flushes - 1;
}

static int start(void **state)
{
    setup(state);
    memset(&cpu, 0, sizeof(cpu));
    for (unsigned i = 0; i < 4; i++)
        cpu.reason[i] = CPUID;
    own = (struct vmx_cpu){.vpids = virt_tags(0, VPIDS)};
    host_cpu.virt = &own;
    host_cpu.timer_deadline = UINT64_MAX;
    vmx.words[WORD_SECONDARY] = SECONDARY_VPID;
    vmx.flush_ept = FLUSH_SINGLE;
    vmx.eptp = EPTP_BITS;
    spaces[0].root = 0x1000;
    spaces[1].root = 0x2000;
    vcpu.space = &spaces[0];
    hw.flushes = spaces[0].aspace.flushes - 1;
    running = NULL;
    cached = 0;
    return 0;
}

static void run(uint32_t reason)
{
    cpu.count = 0;
    cpu.reason[0] = reason;
    assert_int_equal(vmx_run(&vcpu), VIRT_EXIT);
}

static void translations_are_dropped_when_they_must(void **state)
{
    (void)state;
    run(CPUID);
    assert_int_equal(cpu.invepts, 1); // a new vCPU
    assert_int_equal(cpu.invvpids, 1);
    assert_int_equal(vmcs[VMCS_VPID], 1);
    run(CPUID);
    spaces[0].aspace.flushes++;
    run(CPUID);
    assert_int_equal(cpu.invepts, 2);
    vmx_write(&vcpu, GROUP_CR, &virt_reset_state);
    run(CPUID);
    assert_int_equal(vmcs[VMCS_VPID], 2);
    assert_int_equal(cpu.invepts, 2);
    own.vpids.next = VPIDS;
    vmx_write(&vcpu, GROUP_EFER, &virt_reset_state);
    run(CPUID);
    assert_int_equal(vmcs[VMCS_VPID], 1);
    assert_int_equal(cpu.invvpids, 2);
    vmx.words[WORD_SECONDARY] = 0;
    vmcs[VMCS_VPID] = 77;
    vmx_write(&vcpu, GROUP_CR, &virt_reset_state);
    run(CPUID);
    assert_int_equal(vmcs[VMCS_VPID], 77); // the field is not there
    assert_int_equal(cpu.invvpids, 2);
}

static uint32_t random32(void)
{
    static uint64_t x = 0x9e3779b97f4a7c15;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

// Edits, writes of modes, new vCPUs and entries of several in random order; use_tlb() judges.
static void no_stale_translation_is_used(void **state)
{
    static uint64_t vpid_of[VCPUS];
    static struct vmx_vcpu hws[VCPUS];
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        others_hw[i] = &hws[i];
        new_vcpu(&others[i], &hws[i], &spaces[i % SPACES]);
    }
    for (unsigned n = 0; n < 20000; n++) {
        uint32_t r = random32(), i = r >> 8 & (VCPUS - 1);
        struct vcpu *v = &others[i];
        switch (r % 8) {
        case 0: spaces[i % SPACES].aspace.flushes++; break;
        case 1:
            vmx_write(v, GROUP_CR, &virt_reset_state);
            mode_of[i]++;
            break;
        case 2:
            if (own.vpids.next < VPIDS - 1)
                own.vpids.next = VPIDS - 1; // they are soon used up
            break;
        case 3:
            if (r >> 16 & 7)
                break;
            new_vcpu(v, others_hw[i], v->space);
            mode_of[i]++;
            break;
        default:
            running = v;
            vmcs[VMCS_VPID] = vpid_of[i];
            vmcs[VMCS_EPTP] = v->space->root | EPTP_BITS;
            cpu.count = 0;
            assert_int_equal(vmx_run(v), VIRT_EXIT);
            vpid_of[i] = vmcs[VMCS_VPID];
            if (cached > 3000) // room: what was evicted can do no harm
                cached = 0;
        }
    }
    assert_true(cpu.invepts > 100 && cpu.invvpids > 100);
}

static void the_timer_is_always_armed(void **state)
{
    (void)state;
    run(CPUID);
    assert_int_equal(vmcs[VMCS_TIMER], UINT32_MAX); // further off than it reaches
    host_cpu.timer_deadline = rdtsc() - 1;
    run(CPUID);
    assert_int_equal(vmcs[VMCS_TIMER], 0);
    vmx.timer_shift = 5;
    host_cpu.timer_deadline = rdtsc() + (UINT64_C(1) << 36);
    run(CPUID);
    assert_true(vmcs[VMCS_TIMER] > 1u << 30 && vmcs[VMCS_TIMER] <= (1u << 31) + 1);
}

static void an_offer_goes_in_when_it_can(void **state)
{
    (void)state;
    vmcs[VMCS_RFLAGS] |= RFLAGS_IF;
    vcpu.offer = OFFER_MAKE(0x31);
    run(CPUID);
    assert_int_equal(cpu.word, EVENT_MAKE(EVENT_INTERRUPT, 0x31));
    assert_int_equal(vcpu.offer, 0);
    assert_int_equal(vcpu.interrupts, 1);
    assert_int_equal(hw.primary & PRIMARY_INTERRUPT_WINDOW, 0);
}

static void else_its_window_is_asked_for(void **state)
{
    static const uint64_t cases[][2] = {{0, 0}, {RFLAGS_IF, BLOCKING_STI}, {RFLAGS_IF, BLOCKING_MOV_SS}};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        start(NULL);
        vmcs[VMCS_RFLAGS] |= cases[i][0];
        vmcs[VMCS_BLOCKING] = cases[i][1];
        vcpu.offer = OFFER_MAKE(0x31);
        run(CPUID);
        assert_false(cpu.word & EVENT_VALID);
        assert_int_equal(vcpu.offer, OFFER_MAKE(0x31));
        assert_true(vmcs[VMCS_PRIMARY] & PRIMARY_INTERRUPT_WINDOW);
        vmcs[VMCS_RFLAGS] |= RFLAGS_IF;
        vmcs[VMCS_BLOCKING] = 0;
        hw.event = EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_UD); // goes first
        run(INTERRUPT_WINDOW);
        assert_int_equal(cpu.entries, 3); // the window never left
        assert_int_equal(cpu.word, EVENT_MAKE(EVENT_INTERRUPT, 0x31));
        assert_int_equal(vcpu.offer, 0);
        assert_false(vmcs[VMCS_PRIMARY] & PRIMARY_INTERRUPT_WINDOW);
    }
}

static void what_was_cut_off_waits_again(void **state)
{
    static const uint64_t events[] = {EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_PF) | EVENT_ERROR(6),
                                      EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_DB), EVENT_MAKE(EVENT_NMI, 2)};
    (void)state;
    hw.cr0 = CR0_PE;
    for (unsigned i = 0; i < 3; i++) {
        cpu.cut_off = (uint32_t)events[i];
        cpu.error = events[i] >> 32;
        run(CPUID);
        assert_int_equal(hw.event, events[i]);
        assert_int_equal(vmcs[VMCS_BLOCKING], 0);
        cpu.cut_off = 0;
        run(CPUID);
        assert_int_equal(cpu.word, (uint32_t)events[i]);
        assert_int_equal(hw.event, 0);
    }
    assert_int_equal(vmcs[VMCS_BLOCKING], VMCS_BLOCKING_NMI);
    static const uint32_t executed_again[] = {4, 5, 6}; // INT n, ICEBP, INT3 and INTO
    for (unsigned i = 0; i < 3; i++) {
        cpu.cut_off = EVENT_MAKE(executed_again[i], 3);
        run(CPUID);
        assert_int_equal(hw.event, 0);
    }
}

static void an_interrupt_that_was_cut_off_is_offered_still(void **state)
{
    (void)state;
    vmcs[VMCS_RFLAGS] |= RFLAGS_IF;
    vcpu.offer = OFFER_MAKE(0x31);
    cpu.cut_off = EVENT_MAKE(EVENT_INTERRUPT, 0x31);
    run(CPUID);
    assert_int_equal(vcpu.offer, OFFER_MAKE(0x31));
    assert_int_equal(vcpu.interrupts, 0);
    assert_int_equal(hw.event, 0);
    cpu.cut_off = 0;
    run(CPUID);
    assert_int_equal(vcpu.interrupts, 1);
}

static void a_software_interrupt_pushes_where_the_guest_is(void **state)
{
    const uint64_t event = EVENT_MAKE(EVENT_SOFTWARE, 0x80);
    (void)state;
    vmcs[VMCS_RIP] = 0x1002;
    hw.event = event;
    cpu.cut_off = event;
    run(CPUID);
    assert_int_equal(hw.event, event); // not the guest's INT: it is not executed again
    assert_int_equal(vmcs[VMCS_RIP], 0x1002);
    cpu.cut_off = 0;
    run(CPUID);
    assert_int_equal(vmcs[VMCS_RIP] + vmcs[VMCS_ENTRY_LENGTH], 0x1002);
    assert_int_equal(cpu.word, event);
}

static void events_end_shadows(void **state)
{
    (void)state;
    vmcs[VMCS_BLOCKING] = BLOCKING_MOV_SS | VMCS_BLOCKING_NMI;
    vmcs[VMCS_PENDING_DEBUG] = PENDING_DEBUG_BS;
    hw.event = EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_UD);
    run(CPUID);
    assert_int_equal(vmcs[VMCS_BLOCKING], VMCS_BLOCKING_NMI);
    assert_int_equal(vmcs[VMCS_PENDING_DEBUG], 0);
    hw.event = EVENT_MAKE(EVENT_NMI, 2); // VM entry wants NMIs open
    vmcs[VMCS_BLOCKING] = BLOCKING_STI | VMCS_BLOCKING_NMI;
    run(CPUID);
    assert_int_equal(vmcs[VMCS_BLOCKING], VMCS_BLOCKING_NMI); // again, by the NMI
}

static void a_refused_entry_is_an_exit(void **state)
{
    (void)state;
    vmcs[VMCS_INSTRUCTION_ERROR] = 7;
    run(REFUSED);
    assert_int_equal(vcpu.exit.kind, EXIT_ERROR);
    assert_int_equal(vcpu.exit.raw, 7);
    run(REASON_FAILED | 33);
    assert_int_equal(vcpu.exit.kind, EXIT_ERROR);
    assert_int_equal(vcpu.exit.raw, REASON_FAILED | 33);
    assert_false(hw.launched);
    run(CPUID);
    assert_int_equal(vcpu.exit.kind, EXIT_CPUID);
    assert_true(hw.launched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(translations_are_dropped_when_they_must, start),
        cmocka_unit_test_setup(no_stale_translation_is_used, start),
        cmocka_unit_test_setup(the_timer_is_always_armed, start),
        cmocka_unit_test_setup(an_offer_goes_in_when_it_can, start),
        cmocka_unit_test_setup(else_its_window_is_asked_for, start),
        cmocka_unit_test_setup(what_was_cut_off_waits_again, start),
        cmocka_unit_test_setup(an_interrupt_that_was_cut_off_is_offered_still, start),
        cmocka_unit_test_setup(a_software_interrupt_pushes_where_the_guest_is, start),
        cmocka_unit_test_setup(events_end_shadows, start),
        cmocka_unit_test_setup(a_refused_entry_is_an_exit, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
