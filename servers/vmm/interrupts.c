// What reaches a vCPU, and when it must come out of the guest.
// SPDX-License-Identifier: MIT
//
// Lines of the fixed devices are levels computed from time; the PIT's edges are counted and given one by one,
// the next when the last was taken. Device servers tell theirs through line pages. The answer to every exit
// carries one offered vector at most and one deadline: the nearest event of any clock, at which the kernel
// sends a KICK exit.
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/line.h"
#include "libipc/time.h"
#include "servers/vmm/dev/clock.h"
#include "servers/vmm/vm.h"

enum { RFLAGS_IF = 1 << 9 };
enum { PIT_LINE = 0, COM1_LINE = 4, TEST_LINES = 24, PAGE_COM1 = 0, PAGE_TEST = 1 };

// Records of the line pages, and the line that each drives: the serial port's, and the test device's.
static unsigned line_records(void)
{
    return vm.config.test_devices ? 1 + TEST_LINES : 1;
}

static const struct line_page *line_record(unsigned n, unsigned *line)
{
    const struct line_page *com1 = (const struct line_page *)(VMM_MAP_LINE + PAGE_COM1 * 0x200000ul);
    const struct line_page *test = (const struct line_page *)(VMM_MAP_LINE + PAGE_TEST * 0x200000ul);
    *line = n ? n - 1 : COM1_LINE;
    return n ? &test[n - 1] : com1;
}

// The guest reads CR8 without an exit: it is to see the local APIC's task priority, however that was written.
void interrupts_show_priority(struct vm_exit *x)
{
    uint64_t cr8 = lapic_cr8(&vm.machine->chip.cpu[x->n].lapic);
    if (x->state->cr8 == cr8)
        return;
    x->state->cr8 = cr8;
    x->groups |= GROUP_CR;
}

void interrupts_kick(uint32_t cpus)
{
    for (unsigned n = 0; n < VM_CPUS; n++)
        if (cpus >> n & 1 && sys_vcpu_ctl(VMM_SLOT_VCPU + n, VCPU_KICK, 0) != STATUS_OK)
            log_warning("vCPU %u cannot be kicked", n);
}

void interrupts_told(void)
{
    vm.lines_told = true;
    interrupts_kick((1u << VM_CPUS) - 1);
}

// What the last incarnation saw and committed is in the chips; what it did not commit is still on the pages.
// A vCPU whose exit is on its way here looks anyway: to kick it all the same would keep the guest from its
// next instruction for as long as we start again and again.
void interrupts_start(void)
{
    const struct info_vcpu *info = (const struct info_vcpu *)(const void *)utcb()->words;
    vm.lines_told = true;
    for (unsigned n = 0; n < VM_CPUS; n++)
        if (sys_info(VMM_SLOT_VCPU + n, INFO_OBJECT) != STATUS_OK || info->pending != PENDING_EXIT)
            interrupts_kick(1u << n);
}

static void set_lines(uint32_t levels, uint32_t *kick)
{
    struct vm_machine *m = vm.machine;
    for (uint32_t changed = levels ^ m->lines; changed; changed &= changed - 1) {
        unsigned line = (unsigned)__builtin_ctz(changed);
        irqchip_set_line(&m->chip, line, levels >> line & 1, kick);
    }
    m->lines = levels;
}

// A record's level now, and a pulse that came and went between two looks.
static uint32_t device_lines(uint32_t *kick)
{
    struct vm_machine *m = vm.machine;
    uint32_t levels = 0;
    for (unsigned n = 0; n < line_records(); n++) {
        unsigned line;
        const struct line_page *record = line_record(n, &line);
        uint32_t changes = __atomic_load_n(&record->changes, __ATOMIC_ACQUIRE);
        uint32_t level = __atomic_load_n(&record->level, __ATOMIC_ACQUIRE) & 1;
        bool was = m->lines >> line & 1;
        if (changes != m->line_changes[n] && level == was) {
            irqchip_set_line(&m->chip, line, !was, kick);
            irqchip_set_line(&m->chip, line, was, kick);
        }
        m->line_changes[n] = changes;
        levels |= level << line;
    }
    return levels;
}

static void pit_edge(uint32_t *kick)
{
    irqchip_set_line(&vm.machine->chip, PIT_LINE, false, kick);
    irqchip_set_line(&vm.machine->chip, PIT_LINE, true, kick);
    irqchip_set_line(&vm.machine->chip, PIT_LINE, false, kick);
}

// Lines of the fixed devices and of the pages into the chips.
static void devices(const struct vm_exit *x)
{
    struct vm_machine *m = vm.machine;
    const struct vclock t = x->now;
    uint32_t kick = 0;
    vm.lines_told = false;
    bus_look(x->n);
    set_lines(platform_lines(&m->platform, t.ns) | device_lines(&kick), &kick);
    // Edges that were missed in one go collapse to one: the guest's clock is not the PIT.
    if (platform_timer_edges(&m->platform, t.ns))
        pit_edge(&kick);
    vm.changed |= 1 << PART_PIT | 1 << PART_DEVICES | 1 << PART_HEAD | 1 << PART_CHIPS | 1 << PART_LAPIC;
    vm.platform_due = platform_deadline(&m->platform);
}

static bool records_changed(void)
{
    unsigned line;
    bool changed = false;
    for (unsigned n = 0; n < line_records() && !changed; n++) {
        const struct line_page *record = line_record(n, &line);
        changed = __atomic_load_n(&record->changes, __ATOMIC_ACQUIRE) != vm.machine->line_changes[n];
    }
    return changed;
}

// Most signals are about MSI-X vectors, which are no lines.
static bool lines_moved(const struct vm_exit *x)
{
    bool moved = bus_look(x->n);
    vm.lines_told = false;
    return moved || records_changed();
}

// Every exit looks at the devices' pages. So the one that was on its way here when a device told us has seen
// what there was, and the vCPU need not come out again.
void interrupts_signalled(void)
{
    if (bus_waits() || records_changed())
        interrupts_told();
}

void interrupts_effects(struct vm_exit *x, uint32_t effects)
{
    if (effects & (PORT_DECODE | PORT_FUNCTION))
        bus_changed(x, effects);
    if (effects & PORT_LINE)
        devices(x);
    else if (effects & PORT_DEADLINE)
        vm.platform_due = platform_deadline(&vm.machine->platform);
}

// The chips that all share take part in the 8259s' offers alone.
static void offer_changed(unsigned n)
{
    vm.changed |= 1 << PART_VECTORS;
    if (vm.machine->chip.cpu[n].offered_pic)
        vm.changed |= 1 << PART_LAPIC | 1 << PART_CHIPS;
}

// In this order: what was taken, the end of it, and only then what came meanwhile.
static void settle(struct vm_exit *x, bool took, bool nmi, bool ended)
{
    struct irqchip *chip = &vm.machine->chip;
    uint32_t kick = 0;
    offer_changed(x->n);
    if (nmi)
        vm.changed |= 1 << PART_LAPIC;
    irqchip_settle(chip, x->n, nmi, took, &kick);
    if (ended && irqchip_skipped_eoi(chip, x->n, &kick))
        vm.changed |= 1 << PART_LAPIC | 1 << PART_CHIPS;
}

bool interrupts_settle(struct vm_exit *x, bool again)
{
    struct vm_cpu *c = x->cpu;
    const struct vm_calm *calm = &vm.calm[x->n];
    bool kept = !c->offered || (x->info & EXIT_OFFER_PENDING), ended = !again && eoi_skipped(x);
    bool told = vm.lines_told || bus_waits();
    if (calm->valid && kept && !ended && !told && !c->injected && !again && x->kind != EXIT_KICK)
        return true;
    if (c->offered || c->injected || ended)
        settle(x, !again && !kept, !again && c->injected, ended);
    c->offered = c->injected = c->eoi_promised = 0;
    vm.changed |= 1 << PART_ANSWER | 1 << PART_VECTORS;
    lapic_advance(&vm.machine->chip.cpu[x->n].lapic, x->now);
    if (vm.platform_due <= x->now.ns || (told && lines_moved(x)))
        devices(x);
    return false;
}

// The host's TSC when the guest's says `when`; the guest may choose one that never comes.
static uint64_t host_tsc(const struct vm_exit *x, uint64_t when)
{
    uint64_t host_now = x->now.tsc - clock_tsc_offset(x->cpu), host;
    if (when <= x->now.tsc)
        return host_now;
    return __builtin_add_overflow(host_now, when - x->now.tsc, &host) ? DEADLINE_NONE : host;
}

static uint64_t next_deadline(const struct vm_exit *x)
{
    struct lapic_deadline l = lapic_deadline(&vm.machine->chip.cpu[x->n].lapic);
    uint64_t deadline = vm.platform_due == CLOCK_NEVER ? DEADLINE_NONE : clock_host_tsc(vm.platform_due);
    if (l.clock == LAPIC_CLOCK_NS)
        deadline = earlier(deadline, clock_host_tsc(l.when));
    else if (l.clock == LAPIC_CLOCK_TSC)
        deadline = earlier(deadline, host_tsc(x, l.when));
    return deadline == DEADLINE_NONE ? 0 : deadline;
}

void interrupts_answer_calm(const struct vm_exit *x, struct message *answer)
{
    answer->words[REPLY_EVENT] = x->event;
    answer->words[REPLY_OFFER] = vm.calm[x->n].offer;
    answer->words[REPLY_DEADLINE] = vm.calm[x->n].deadline;
}

// An NMI waits for the end of the handler of the one before, and for an event that goes first.
static bool takes_nmi(struct vm_exit *x)
{
    if (x->event || (x->state->blocking & BLOCKING_NMI))
        return false;
    if (x->kind != EXIT_MMIO)
        return true;
    exit_need(x, GROUP_EVENT);
    return !x->state->event;
}

// Does an interrupt that is offered now go in before the guest's next instruction? A HLT, which no event
// goes before, ends the shadow that it is usually in.
static bool goes_in_at_once(const struct vm_exit *x, uint64_t event)
{
    const struct vcpu_state *s = x->state;
    bool shadow = s->blocking & (BLOCKING_STI | BLOCKING_MOV_SS);
    bool free = x->info & EXIT_INTERRUPTIBLE || x->kind == EXIT_HLT;
    return free && (s->rflags & RFLAGS_IF) && !shadow && !event;
}

// Offer, deadline and what becomes of a HLT, into the words of the answer.
void interrupts_answer(struct vm_exit *x, struct message *answer)
{
    struct vm_cpu *c = x->cpu;
    if (c->offered) // a calm exit left it: it was not taken
        settle(x, false, false, false);
    struct irqchip_offer o = irqchip_offer(&vm.machine->chip, x->n, x->state->blocking & BLOCKING_NMI);
    uint64_t offer = o.interrupt ? OFFER_MAKE(o.vector) : 0, event = x->event;
    bool nmi = o.nmi && takes_nmi(x);
    if (nmi)
        event = EVENT_MAKE(EVENT_NMI, 2);
    else if (o.nmi)
        offer |= OFFER_NMI_WINDOW;
    offer_changed(x->n);
    if (o.nmi)
        vm.changed |= 1 << PART_LAPIC;
    c->offered = o.interrupt;
    c->injected = nmi ? NMI_INJECTED : NMI_NONE;
    if (c->halted && (nmi || (o.interrupt && (x->state->rflags & RFLAGS_IF)))) {
        c->halted = false;
        if (x->action == VCPU_HALT)
            x->action = VCPU_RUN;
    }
    eoi_promise(x, goes_in_at_once(x, event));
    answer->words[REPLY_EVENT] = event;
    answer->words[REPLY_OFFER] = offer;
    answer->words[REPLY_DEADLINE] = next_deadline(x);
    vm.changed |= 1 << PART_ANSWER;
    vm.calm[x->n] = (struct vm_calm){!nmi, offer, answer->words[REPLY_DEADLINE]};
}
