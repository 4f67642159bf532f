// Accesses that no route took: the monitor's own devices, and the emulation of what is no plain access.
// SPDX-License-Identifier: MIT
//
// A plain port access is the monitor's device or nobody's. String I/O and accesses to memory that is not RAM
// are executed by the emulator: what it reports as an access is answered here when it is the interrupt
// controllers' or a fixed device's, and sent along the VM's routes by the kernel when not.
#include <string.h>

#include "libipc/log.h"
#include "servers/vmm/vm.h"

static bool is_irq_port(uint64_t port)
{
    return pic_owns((uint16_t)port);
}

static bool is_pci_data(uint64_t port)
{
    return (port & ~UINT64_C(3)) == PCI_DATA_PORT;
}

// What an access to a fixed device's port may change beyond its effects.
static uint32_t parts_of(uint16_t port, uint8_t size, bool write)
{
    enum { LAST_PIT_PORT = 0x61 };
    if (is_pci_data(port))
        return 0; // name_function()
    if (port == PCI_ADDRESS_PORT && size == 4)
        return (uint32_t)write << PART_PCI_ADDRESS;
    return 1 << PART_DEVICES | (port <= LAST_PIT_PORT ? 1 << PART_PIT : 0);
}

static uint64_t read_port(struct vm_exit *x, uint16_t port, uint8_t size)
{
    if (is_irq_port(port) && size == 1) {
        uint32_t kick = 0;
        vm.changed |= 1 << PART_CHIPS | 1 << PART_LAPIC;
        return irqchip_port_read(&vm.machine->chip, port, &kick);
    }
    vm.changed |= parts_of(port, size, false);
    struct io_access io = {.port = port, .size = size};
    struct io_result r = port_read(platform_ports, platform_port_rows, &vm.machine->platform, &io, x->now.ns);
    interrupts_effects(x, r.effects);
    return r.value;
}

// Of the PCI functions only the one that the data port stands for changes.
static void name_function(struct vm_exit *x)
{
    const struct pci_function *fn = pci_host_selected_function(&vm.machine->platform.pci);
    if (fn)
        exits_widen(x->n, PART_PCI, fn, sizeof *fn);
}

static void write_port(struct vm_exit *x, uint16_t port, uint8_t size, uint32_t value)
{
    if (is_irq_port(port) && size == 1) {
        uint32_t kick = 0;
        vm.changed |= 1 << PART_CHIPS | 1 << PART_LAPIC;
        irqchip_port_write(&vm.machine->chip, port, (uint8_t)value, &kick);
        return;
    }
    vm.changed |= parts_of(port, size, true);
    if (is_pci_data(port))
        name_function(x);
    struct io_access io = {.value = value, .port = port, .size = size};
    uint32_t effects = port_write(platform_ports, platform_port_rows, &vm.machine->platform, &io, x->now.ns);
    interrupts_effects(x, effects);
    if (effects & PORT_POWER_OFF)
        power_off(x, VM_POWERED_OFF);
    else if (effects & (PORT_RESET | PORT_INIT))
        power_reset(x, "the guest");
}

void io_firmware_write(uint16_t port, uint8_t value)
{
    uint32_t kick = 0;
    struct io_access io = {.port = port, .size = 1, .value = value};
    if (is_irq_port(port))
        irqchip_port_write(&vm.machine->chip, port, value, &kick);
    else
        port_write(platform_ports, platform_port_rows, &vm.machine->platform, &io, clock_now(&vm.cpu[0]).ns);
}

static void emulate(struct vm_exit *x, bool resume, uint64_t value);

// A port access of the guest becomes one to a BAR: [VIRTIO] 4.1.4.9.
static bool through_window(struct vcpu_access *a)
{
    const struct io_access io = {.value = (uint32_t)a->value, .port = (uint16_t)a->address, .size = a->size};
    return a->space == ACCESS_PORT && is_pci_data(a->address) &&
           pci_window_access(&vm.machine->platform.pci, &io, a);
}

// The cookie of the access that an IN became: how to end it. The kernel keeps it, so nothing is to be kept
// here.
#define COOKIE_IN(length, size) (UINT64_C(1) << 63 | (uint64_t)(length) << 8 | (size))
enum { COOKIE_SIZE = 0xff, COOKIE_LENGTH_SHIFT = 8 };

static bool window_exit(struct vm_exit *x, uint8_t size)
{
    bool write = x->info & EXIT_WRITE;
    unsigned length = EXIT_INFO_LENGTH(x->info);
    struct vcpu_access a = {.address = x->address, .value = x->value, .size = size, .write = write};
    if (!through_window(&a))
        return false;
    if (write)
        exit_skip(x, length);
    a.cookie = write ? 0 : COOKIE_IN(length, size);
    x->access = a;
    x->action = VCPU_ACCESS;
    return true;
}

static void put_value(struct vm_exit *x, unsigned size, uint64_t value)
{
    uint64_t *rax = &x->state->gpr[GPR_RAX], mask = (1ul << 8 * size) - 1;
    *rax = size == 4 ? value & mask : (*rax & ~mask) | (value & mask);
    x->groups |= GROUP_GPR_ABCD;
}

void io_port_exit(struct vm_exit *x)
{
    if (x->info & EXIT_STRING) {
        exit_need(x, EMU_GROUPS & ~(uint32_t)GROUP_SEG_SYSTEM);
        emulate(x, false, 0);
        return;
    }
    uint8_t size = (uint8_t)EXIT_INFO_SIZE(x->info);
    if (window_exit(x, size))
        return;
    if (x->info & EXIT_WRITE)
        write_port(x, (uint16_t)x->address, size, (uint32_t)x->value);
    else
        put_value(x, size, read_port(x, (uint16_t)x->address, size));
    if (x->action == VCPU_RUN && !(x->groups & GROUP_SEG_CODE))
        exit_skip(x, EXIT_INFO_LENGTH(x->info));
}

// Registers of the interrupt controllers. Reading one changes nothing, unless it is one that is not there; so
// an instruction that does nothing else may be executed again after a restart.
static bool read_memory(struct vm_exit *x, const struct vcpu_access *a, uint64_t *value)
{
    struct irqchip *chip = &vm.machine->chip;
    const struct lapic *lapic = &chip->cpu[x->n].lapic;
    uint32_t errors = lapic->errors;
    if (bus_read(a, value))
        return true;
    if (!irqchip_mmio_read(chip, x->n, a->address, a->size, value, x->now))
        return false;
    x->pure = (x->pure || !x->cpu->progress.count) && lapic->errors == errors;
    return true;
}

static bool write_memory(struct vm_exit *x, const struct vcpu_access *a)
{
    uint32_t kick = 0;
    if (bus_write(x->n, a))
        return true;
    if (!irqchip_mmio_write(&vm.machine->chip, x->n, a->address, a->size, a->value, x->now, &kick))
        return false;
    vm.changed |= 1 << PART_CHIPS | 1 << PART_LAPIC;
    interrupts_show_priority(x);
    return true;
}

static bool own_port(uint16_t port)
{
    for (size_t i = 0; i < platform_port_rows; i++)
        if (port >= platform_ports[i].first && port <= platform_ports[i].last)
            return true;
    return is_irq_port(port);
}

// Accesses that the emulator wants: true when it was the monitor's own.
bool io_read_own(void *ctx, const struct vcpu_access *a, uint64_t *value)
{
    struct vm_exit *x = ctx;
    uint16_t port = (uint16_t)a->address;
    if (a->space == ACCESS_MEMORY && read_memory(x, a, value))
        return true;
    x->pure = false;
    struct vcpu_access through = *a;
    if (a->space == ACCESS_MEMORY || !own_port(port) || through_window(&through))
        return false;
    *value = read_port(x, port, a->size);
    return true;
}

void io_fetch_system(void *ctx)
{
    exit_need(ctx, GROUP_SEG_SYSTEM);
}

static bool write_own(struct vm_exit *x, const struct vcpu_access *a)
{
    uint16_t port = (uint16_t)a->address;
    x->pure = false;
    if (a->space == ACCESS_MEMORY)
        return write_memory(x, a);
    struct vcpu_access through = *a;
    if (!own_port(port) || through_window(&through))
        return false;
    write_port(x, port, a->size, (uint32_t)a->value);
    return true;
}

static void finish(struct vm_exit *x, const struct emu_result *r)
{
    x->cpu->emulating = false;
    x->groups |= r->groups;
    if (r->step)
        exit_step(x);
}

// What the emulator said; true when it is to go on with the value read.
static bool outcome(struct vm_exit *x, struct emu_result *r, uint64_t *value)
{
    switch ((enum emu_kind)r->kind) {
    case EMU_DONE: finish(x, r); return false;
    case EMU_RETRY: x->cpu->emulating = false; return false;
    case EMU_EVENT:
        x->cpu->emulating = false;
        exit_event(x, r->event, r->fault_address);
        return false;
    case EMU_UNSUPPORTED:
        exit_dump(x, "an instruction that the emulator does not execute");
        power_off(x, VM_STOPPED_BY_ERROR);
        return false;
    case EMU_ACCESS: break;
    }
    *value = 0;
    if (r->access.write && write_own(x, &r->access)) {
        if (r->complete)
            finish(x, r);
        return !r->complete;
    }
    x->access = r->access;
    through_window(&x->access);
    x->action = VCPU_ACCESS;
    if (r->complete)
        finish(x, r);
    else
        x->cpu->emulating = true;
    return false;
}

static void emulate(struct vm_exit *x, bool resume, uint64_t value)
{
    struct emu_result r;
    vm.env.ctx = x;
    bool was = x->cpu->emulating;
    if (resume)
        emu_resume(x->state, &vm.env, &x->cpu->progress, value, &r);
    else
        emu_start(x->state, &vm.env, &x->cpu->progress, &r);
    while (outcome(x, &r, &value))
        emu_resume(x->state, &vm.env, &x->cpu->progress, value, &r);
    if (was || x->cpu->emulating)
        vm.changed |= 1 << PART_PROGRESS;
}

void io_memory_exit(struct vm_exit *x)
{
    emulate(x, false, 0);
}

void io_access_done(struct vm_exit *x)
{
    if (x->address & COOKIE_IN(0, 0)) {
        put_value(x, x->address & COOKIE_SIZE, x->value);
        exit_skip(x, (uint8_t)(x->address >> COOKIE_LENGTH_SHIFT));
    } else if (x->cpu->emulating) {
        emulate(x, true, x->value);
    }
}
