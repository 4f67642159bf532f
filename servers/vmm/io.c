// Port and memory accesses that no route took: the monitor's own devices, and the emulation of what is no
// plain access. SPDX-License-Identifier: MIT
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

// What an access to a fixed device's port may change beyond its effects.
static uint32_t parts_of(uint16_t port, uint8_t size, bool write)
{
    enum { LAST_PIT_PORT = 0x61 };
    if (port >= PCI_DATA_PORT && port < PCI_DATA_PORT + 4)
        return (uint32_t)write << PART_PCI;
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

static void write_port(struct vm_exit *x, uint16_t port, uint8_t size, uint32_t value)
{
    if (is_irq_port(port) && size == 1) {
        uint32_t kick = 0;
        vm.changed |= 1 << PART_CHIPS | 1 << PART_LAPIC;
        irqchip_port_write(&vm.machine->chip, port, (uint8_t)value, &kick);
        return;
    }
    vm.changed |= parts_of(port, size, true);
    struct io_access io = {.value = value, .port = port, .size = size};
    uint32_t effects = port_write(platform_ports, platform_port_rows, &vm.machine->platform, &io, x->now.ns);
    interrupts_effects(x, effects);
    if (effects & PORT_POWER_OFF)
        power_off(x, VM_POWERED_OFF);
    else if (effects & (PORT_RESET | PORT_INIT))
        power_reset(x);
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

void io_port_exit(struct vm_exit *x)
{
    if (x->info & EXIT_STRING) {
        exit_need(x, EMU_GROUPS & ~(uint32_t)GROUP_SEG_SYSTEM);
        emulate(x, false, 0);
        return;
    }
    uint8_t size = (uint8_t)EXIT_INFO_SIZE(x->info);
    uint64_t *rax = &x->state->gpr[GPR_RAX];
    if (x->info & EXIT_WRITE) {
        write_port(x, (uint16_t)x->address, size, (uint32_t)x->value);
    } else {
        uint64_t value = read_port(x, (uint16_t)x->address, size), mask = (1ul << 8 * size) - 1;
        *rax = size == 4 ? value : (*rax & ~mask) | (value & mask);
        x->groups |= GROUP_GPR_ABCD;
    }
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
    if (!irqchip_mmio_read(chip, x->n, a->address, a->size, value, x->now))
        return false;
    x->pure = (x->pure || !x->cpu->progress.count) && lapic->errors == errors;
    return true;
}

static bool write_memory(struct vm_exit *x, const struct vcpu_access *a)
{
    uint32_t kick = 0;
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
    if (a->space == ACCESS_MEMORY || !own_port(port))
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
    if (!own_port(port))
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
    if (x->cpu->emulating)
        emulate(x, true, x->value);
}
