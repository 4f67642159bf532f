// KVM's paravirtual end of interrupt: guest and monitor agree on what is in service.
// SPDX-License-Identifier: MIT
//
// The guest takes, nests and ends interrupts in every way; the monitor dies anywhere.
//
// LINK: servers/vmm/interrupts.c servers/vmm/eoi.c servers/vmm/irq/irqchip.c servers/vmm/irq/irqchip_cpu.c
// LINK: servers/vmm/irq/pic.c servers/vmm/irq/ioapic.c servers/vmm/irq/lapic.c servers/vmm/irq/lapic_reg.c
// LINK: servers/vmm/irq/lapic_timer.c servers/vmm/dev/platform.c servers/vmm/dev/port_device.c
// LINK: servers/vmm/dev/pit.c servers/vmm/dev/pit_counter.c servers/vmm/dev/rtc.c servers/vmm/dev/pm.c
// LINK: servers/vmm/dev/rtc_calendar.c servers/vmm/dev/i8042.c servers/vmm/dev/reset_control.c
// LINK: servers/vmm/dev/pci_host.c servers/vmm/dev/pci_function.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/log.h"
#include "servers/vmm/dev/clock.h"
#include "servers/vmm/vm.h"

enum { WORD = 0x40, OTHER_WORD = 0x80, RAM = 0x100, ENABLE = 1, EOI = 0x80b, SVR = 0x80f };
enum { EDGE = 0x40, VECTORS = 0x80, LEVEL_PIN = 20, LEVEL_VECTOR = 0x91, RFLAGS_IF = 1 << 9 };

struct vm vm;
enum log_level log_level;

static struct world {
    struct vm_machine machine;
    struct vm_cpu cpu[VM_CPUS];
} work, committed;

static _Alignas(8) uint8_t ram[RAM];

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// The guest, as the processor and its own code see it.
static struct guest {
    uint8_t serving[VECTORS * 2]; // by vector: taken and not ended
    uint64_t offer;
    uint64_t word; // where it looks for promises
    bool interrupts;
} guest;

// The monitor dies at the n-th of three places of each commit (before, behind, and behind publishing), or
// while the guest runs.
enum { DIES_BEFORE = 7 };
static unsigned deaths;
static jmp_buf death;

// ---- what the monitor's other files would do ----

void *memory_at(uint64_t gpa, uint64_t bytes)
{
    return gpa < RAM && bytes <= RAM - gpa ? ram + gpa : NULL;
}

uint64_t clock_host_tsc(uint64_t guest_ns)
{
    return guest_ns;
}

uint64_t clock_tsc_offset(const struct vm_cpu *cpu)
{
    (void)cpu;
    return 0;
}

void log_line(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

void exit_bring(struct vm_exit *x, uint32_t missing)
{
    (void)x, (void)missing;
}

void exits_name_changes(unsigned n)
{
    (void)n;
    vm.changed = 0;
}

bool bus_look(unsigned n)
{
    (void)n;
    return false;
}

bool bus_waits(void)
{
    return false;
}

void bus_changed(struct vm_exit *x, uint32_t effects)
{
    (void)x, (void)effects;
}

static void die_here(void)
{
    if (deaths && --deaths == 0)
        longjmp(death, 1);
}

// As the server loop does it; all of the state instead of its parts.
void server_commit(struct server *s)
{
    (void)s;
    die_here();
    committed = work;
    die_here();
    eoi_publish();
    die_here();
}

void server_changed(struct server *s, const void *from, uint32_t bytes)
{
    (void)s, (void)from, (void)bytes;
}

static void monitor_starts(void)
{
    work = committed;
    vm.machine = &work.machine;
    vm.cpu = work.cpu;
    vm.platform_due = CLOCK_NEVER;
    memset(vm.calm, 0, sizeof vm.calm);
    eoi_start();
    eoi_publish(); // as the server loop does
}

// ---- exits ----

static uint8_t highest_served(void)
{
    for (unsigned v = VECTORS * 2 - 1; v > 0; v--)
        if (guest.serving[v])
            return (uint8_t)v;
    return 0;
}

static void agree(void)
{
    const struct lapic *l = &vm.machine->chip.cpu[0].lapic;
    for (unsigned v = 0; v < VECTORS * 2; v++)
        assert_int_equal(l->isr[v / 64] >> v % 64 & 1, guest.serving[v]);
}

struct event {
    enum { NOTHING, ARRIVE, LEVEL, END, WRITE_MSR } what;
    uint64_t value;
};

static void handle(struct vm_exit *x, struct event e)
{
    uint32_t kick = 0;
    struct irqchip *chip = &vm.machine->chip;
    switch (e.what) {
    case NOTHING: x->pure = x->kind == EXIT_CPUID; break;
    case ARRIVE: irqchip_msi(chip, 0xfee00000, (uint32_t)e.value, &kick); break;
    case LEVEL: irqchip_set_line(chip, LEVEL_PIN, e.value, &kick); break;
    case END: assert_true(irqchip_msr_write(chip, 0, EOI, 0, x->now, &kick)); break;
    case WRITE_MSR: assert_true(eoi_write(x, e.value)); break;
    }
}

// One exit as vm_exit() takes it; a monitor that dies on the way starts again and gets it again.
static void take_exit(enum exit_kind kind, struct event e, unsigned dies)
{
    static uint64_t sequence;
    static struct vcpu_state state;
    struct message answer = {0};
    volatile bool delivered = false;
    sequence++;
    deaths = dies % DIES_BEFORE;
    if (dies == DIES_BEFORE)
        monitor_starts();
    if (setjmp(death)) {
        monitor_starts();
        delivered = true;
    }
    state = (struct vcpu_state){.rflags = guest.interrupts ? RFLAGS_IF : 0};
    struct vm_exit x = {.cpu = vm.cpu, .kind = kind, .state = &state, .action = VCPU_RUN};
    x.info = (guest.offer ? EXIT_OFFER_PENDING : 0) | (guest.interrupts ? EXIT_INTERRUPTIBLE : 0);
    bool again = delivered && vm.cpu->sequence == sequence;
    bool calm = interrupts_settle(&x, again);
    if (!again && !calm)
        agree();
    if (!again)
        handle(&x, e);
    if (calm && x.pure) {
        interrupts_answer_calm(&x, &answer);
    } else {
        interrupts_answer(&x, &answer);
        vm.cpu->sequence = sequence;
        server_commit(&vm.server);
    }
    guest.offer = answer.words[REPLY_OFFER];
}

// ---- the guest ----

static void guest_takes(void)
{
    uint8_t vector = (uint8_t)guest.offer;
    if (!guest.offer || !guest.interrupts)
        return;
    assert_true(vector >> 4 > highest_served() >> 4);
    guest.serving[vector] = 1;
    guest.offer = 0;
    guest.interrupts = false;
}

// The end of interrupt by the word if it is promised, else by an exit; `plain`: by an exit whatever is
// promised.
static void guest_ends(bool plain, unsigned dies)
{
    bool promised = ram[guest.word] & 1;
    assert_true(!promised || highest_served());
    if (promised && !plain) {
        ram[guest.word] &= (uint8_t)~1;
        guest.serving[highest_served()] = 0;
        return;
    }
    uint8_t vector = highest_served();
    take_exit(EXIT_WRMSR, (struct event){END, 0}, dies);
    guest.serving[vector] = 0;
}

static void guest_moves_word(uint64_t random, unsigned dies)
{
    static const uint64_t words[] = {0, WORD | ENABLE, OTHER_WORD | ENABLE};
    uint64_t value = words[random % 3], old = guest.word;
    take_exit(EXIT_WRMSR, (struct event){WRITE_MSR, value}, dies);
    assert_true(!(ram[old] & 1) || (value & ~(uint64_t)ENABLE) == old); // no promise that nobody looks at
    guest.word = value ? value & ~(uint64_t)ENABLE : old;
}

static void setup_machine(void)
{
    uint32_t kick = 0;
    memset(&committed, 0, sizeof committed);
    memset(&guest, 0, sizeof guest);
    memset(ram, 0xa6, sizeof ram); // the other bits are the guest's
    monitor_starts();
    irqchip_power_up(&vm.machine->chip, 1, LAPIC_X2APIC | LAPIC_TSC_DEADLINE, 40);
    struct irqchip *chip = &vm.machine->chip;
    struct vclock now = {0};
    assert_true(irqchip_msr_write(chip, 0, MSR_APIC_BASE, LAPIC_PAGE | 0xd00, now, &kick));
    assert_true(irqchip_msr_write(chip, 0, SVR, 0x1ff, now, &kick));
    irqchip_mmio_write(chip, 0, 0xfec00000, 4, 0x10 + 2 * LEVEL_PIN, now, &kick);
    irqchip_mmio_write(chip, 0, 0xfec00010, 4, LEVEL_VECTOR | 1 << 15, now, &kick);
    committed = work;
    guest.word = WORD;
    take_exit(EXIT_WRMSR, (struct event){WRITE_MSR, WORD | ENABLE}, 0);
}

static unsigned exits, ends; // exits for an end of interrupt, of all ends

static void step(uint64_t *random)
{
    uint64_t dice = next_random(random) % 16, value = next_random(random);
    unsigned dies = (unsigned)(value % (DIES_BEFORE + 1));
    guest_takes();
    switch (dice) {
    case 0:
    case 1: take_exit(EXIT_KICK, (struct event){ARRIVE, EDGE + (value >> 8) % VECTORS}, dies); break;
    case 2: take_exit(EXIT_KICK, (struct event){LEVEL, value >> 8 & 1}, dies); break;
    case 3: take_exit(EXIT_KICK, (struct event){NOTHING, 0}, dies); break;
    case 4: take_exit(EXIT_CPUID, (struct event){NOTHING, 0}, dies); break;
    case 5: guest.interrupts = true; break;
    case 6: guest.interrupts = false; break;
    case 7: guest_moves_word(value >> 8, dies); break;
    case 8: guest_ends(true, dies); break; // perhaps of nothing
    case 9: guest_ends(false, dies); break;
    default:
        if (highest_served()) {
            ends++;
            exits += !(ram[guest.word] & 1);
            guest_ends(false, dies);
        }
        guest.interrupts = true; // the handler returns
    }
}

static void test_agree_on_what_is_in_service(void **unused)
{
    uint64_t random = 71;
    (void)unused;
    for (unsigned run = 0; run < 200; run++) {
        setup_machine();
        for (unsigned i = 0; i < 500; i++)
            step(&random);
        assert_int_equal(ram[WORD] & ~1, 0xa6);
    }
    print_message("%u ends of interrupt, %u of them by an exit\n", ends, exits);
    assert_true(exits < ends);
}

// What Linux does when it is idle: taken at once, ended without an exit, found at the next one.
static void test_no_exit_for_a_lone_interrupt(void **unused)
{
    (void)unused;
    setup_machine();
    guest.interrupts = true;
    take_exit(EXIT_KICK, (struct event){ARRIVE, 0x61}, 0);
    assert_int_equal(ram[WORD] & 1, 1);
    guest_takes();
    assert_true(guest.serving[0x61]);
    guest_ends(false, 0);
    assert_int_equal(ram[WORD] & 1, 0);
    take_exit(EXIT_CPUID, (struct event){NOTHING, 0}, 0);
    agree();
}

static void test_no_promise_when_it_may_wait(void **unused)
{
    (void)unused;
    setup_machine();
    take_exit(EXIT_KICK, (struct event){ARRIVE, 0x61}, 0); // interrupts are off
    assert_int_equal(ram[WORD] & 1, 0);
    guest.interrupts = true;
    guest_takes();
    take_exit(EXIT_KICK, (struct event){NOTHING, 0}, 0); // in the handler
    assert_int_equal(ram[WORD] & 1, 1);
    take_exit(EXIT_KICK, (struct event){ARRIVE, 0x51}, 0); // its turn comes with the end of the other
    assert_int_equal(ram[WORD] & 1, 0);
}

static void test_bad_values_of_the_register(void **unused)
{
    (void)unused;
    struct vcpu_state state = {0};
    struct vm_exit x = {.cpu = vm.cpu, .state = &state};
    setup_machine();
    x.cpu = vm.cpu;
    assert_false(eoi_write(&x, RAM | ENABLE));
    assert_false(eoi_write(&x, (RAM - 2) | ENABLE));
    assert_false(eoi_write(&x, WORD | 2 | ENABLE));
    assert_false(eoi_write(&x, WORD | 2));
    assert_int_equal(vm.cpu->eoi_word, WORD | ENABLE);
    assert_true(eoi_write(&x, RAM)); // off: the address does not matter
    assert_int_equal(vm.cpu->eoi_word, RAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agree_on_what_is_in_service),
        cmocka_unit_test(test_no_exit_for_a_lone_interrupt),
        cmocka_unit_test(test_no_promise_when_it_may_wait),
        cmocka_unit_test(test_bad_values_of_the_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
