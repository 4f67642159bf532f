// Power-on, reset, power-off.
// SPDX-License-Identifier: MIT
#include "servers/vmm/vm.h"

#include "libipc/log.h"
#include "libipc/proto/init.h"
#include "libipc/proto/layout.h"
#include "libipc/time.h"
#include "servers/vmm/acpi/acpi.h"

enum { RTC_HOLE = 0xc0000000 };

static void power_up_devices(bool cold)
{
    struct vm_machine *m = vm.machine;
    struct rtc_memory memory = {.below_4g = vm.config.memory};
    uint32_t kick = 0;
    if (memory.below_4g > RTC_HOLE)
        memory = (struct rtc_memory){RTC_HOLE, vm.config.memory - RTC_HOLE};
    if (cold) {
        clock_power_up();
        panel_power_up();
    }
    struct vclock t = clock_now(&vm.cpu[0]);
    irqchip_power_up(&m->chip, (uint32_t)vm.config.cpus, LAPIC_X2APIC | LAPIC_TSC_DEADLINE,
                     vm.env.physical_bits);
    lapic_virtual_wire(&m->chip.cpu[0].lapic);
    if (cold)
        platform_power_up(&m->platform, t.ns, m->unix_ns, &memory);
    else
        platform_reset(&m->platform, t.ns);
    bus_power_up(cold);
    if (bus_pins())
        irqchip_port_write(&m->chip, PIC_ELCR + 1, PCI_LEVEL_IRQS, &kick);
    m->lines = 0;
}

// The whole state is new: one checkpoint instead of records.
static void start(struct vcpu_state *state, bool cold)
{
    for (unsigned n = 0; n < VM_CPUS; n++) {
        vm.cpu[n] = (struct vm_cpu){0};
        msr_power_up(&vm.cpu[n]);
    }
    eoi_start();
    power_up_devices(cold);
    emu_cache_reset(&vm.cache);
    if (!boot_load(state)) // it said why; the end is committed with the rest
        vm.machine->off = VM_STOPPED_BY_ERROR;
    vm.platform_due = platform_deadline(&vm.machine->platform);
    state->tsc_offset = clock_tsc_offset(&vm.cpu[0]);
    state_adopt(&vm.state);
}

void power_up(struct vcpu_state *state)
{
    log_info("%s: power on, %llu MiB", vm.config.name, (unsigned long long)vm.config.memory >> 20);
    start(state, true);
    log_debug("%s: its guest begins at %llu", vm.config.name, (unsigned long long)now());
}

void power_reset(struct vm_exit *x, const char *by)
{
    log_info("%s: reset by %s", vm.config.name, by);
    start(x->state, false);
    x->have = x->groups = GROUP_ALL;
    x->event = 0;
    x->action = VCPU_RUN;
}

static const char *const reasons[] = {"on", "powered off", "triple fault", "stopped"};
static const enum vm_end ends[] = {VM_END_ERROR, VM_END_POWER_OFF, VM_END_TRIPLE_FAULT, VM_END_ERROR};

void power_report(void)
{
    enum vm_off off = (enum vm_off)vm.machine->off;
    if (off == VM_ON)
        return;
    struct message m = MESSAGE(LABEL_INIT_VM_OFF, ends[off], off != VM_POWERED_OFF);
    if (sys_call(SLOT_INIT, &m) != STATUS_OK)
        log_error("%s: the supervisor does not hear that it is off", vm.config.name);
}

void power_off(struct vm_exit *x, enum vm_off why)
{
    (void)x;
    vm.machine->off = why;
    vm.changed |= 1 << PART_HEAD;
    log_info("%s: %s", vm.config.name, reasons[why]);
}
