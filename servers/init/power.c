// Off, on a machine that is no emulator which takes a status.
// SPDX-License-Identifier: MIT
//
// The kernel knows neither the tables nor the ports of power management: it gives the supervisor what of
// physical memory is not RAM, and the right to all ports.
#include "libipc/syscall.h"
#include "libipc/thread.h"
#include "libipc/time.h"
#include "servers/init/acpi.h"
#include "servers/init/init.h"

enum {
    PAGE = 4096,
    FIRMWARE_PAGES = 1 << 20, // 4 GiB
    PM1_SCI_ENABLE = 1 << 0,
    PM1_SLEEP_SHIFT = 10,
    PM1_SLEEP_MASK = 7 << PM1_SLEEP_SHIFT,
    PM1_SLEEP = 1 << 13,
    PATIENCE_MS = 300 // for the firmware to hand over, and for the machine to go off
};

// Asking to protect a page tells whether it is there.
const void *firmware_at(uint64_t phys, uint64_t length)
{
    uint64_t first = phys / PAGE, pages = (phys % PAGE + length + PAGE - 1) / PAGE;
    for (uint64_t i = 0; i < pages; i++)
        if (sys_protect(ROOT_SLOT_FIRMWARE, first + i, 1, RIGHT_READ) != STATUS_OK)
            return NULL;
    return (const void *)(INIT_MAP_SCRATCH_LARGE + phys);
}

static uint16_t in16(uint16_t port)
{
    uint16_t value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void out16(uint16_t port, uint16_t value)
{
    asm volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static void out8(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

// Hardware belongs to the firmware until ACPI mode is on.
static void enable_acpi(const struct acpi_off *off)
{
    if (!off->smi_command || !off->enable || in16(off->control[0]) & PM1_SCI_ENABLE)
        return;
    out8(off->smi_command, off->enable);
    for (int ms = 0; ms < PATIENCE_MS && !(in16(off->control[0]) & PM1_SCI_ENABLE); ms++)
        thread_sleep(deadline_in(NS_PER_MS));
}

static bool take_ports(void)
{
    (void)!sys_revoke(ROOT_SLOT_PROCESS, SLOT_SCRATCH);
    return sys_create(OBJECT_IOPORTS, SLOT_SCRATCH, ROOT_SLOT_PROCESS, 0, 0xffff, ROOT_SLOT_SYSTEM, 0) ==
               STATUS_OK &&
           sys_grant(ROOT_SLOT_PROCESS, SLOT_PORTS, SLOT_SCRATCH, RIGHT_ALL, 0) == STATUS_OK;
}

void power_off(void)
{
    struct acpi_off off;
    if (!init.info.acpi_root)
        return;
    scratch_open(ROOT_SLOT_FIRMWARE, FIRMWARE_PAGES);
    bool known = acpi_read_off(init.info.acpi_root, &off);
    scratch_close();
    if (!known || !take_ports())
        return;
    enable_acpi(&off);
    for (int i = 0; i < 2 && off.control[i]; i++) {
        int value = in16(off.control[i]) & ~(PM1_SLEEP_MASK | PM1_SLEEP);
        out16(off.control[i], (uint16_t)(value | off.type[i] << PM1_SLEEP_SHIFT | PM1_SLEEP));
    }
    thread_sleep(deadline_in(PATIENCE_MS * NS_PER_MS));
}
