// The PC's fixed devices as one
// SPDX-License-Identifier: MIT
#include "servers/vmm/dev/platform.h"

#define STATE(member) offsetof(struct platform, member)

// A byte written to 0xcf9 resets; a dword written to 0xcf8 is for the PCI bus. No row takes a word there.
const struct port_device platform_ports[] = {
    {PCI_DATA_PORT, PCI_DATA_PORT + 3, PORT_ANY, STATE(pci), pci_data_read, pci_data_write},
    {PCI_ADDRESS_PORT, PCI_ADDRESS_PORT + 3, PORT_DWORD, STATE(pci), pci_address_read, pci_address_write},
    {PM_PORT, PM_PORT + PM_PORTS - 1, PORT_ANY, STATE(pm), pm_read, pm_write},
    {0x40, 0x43, PORT_BYTE, STATE(pit), pit_read, pit_write},
    {0x61, 0x61, PORT_BYTE, STATE(pit), pit_port61_read, pit_port61_write},
    {0x70, 0x71, PORT_BYTE, STATE(rtc), rtc_read, rtc_write},
    {0x60, 0x60, PORT_BYTE, STATE(kbc), i8042_read, i8042_write},
    {0x64, 0x64, PORT_BYTE, STATE(kbc), i8042_read, i8042_write},
    {SYSTEM_CONTROL_A_PORT, SYSTEM_CONTROL_A_PORT, PORT_BYTE, STATE(reset), reset_control_read,
     reset_control_write},
    {RESET_PORT, RESET_PORT, PORT_BYTE, STATE(reset), reset_control_read, reset_control_write},
};
const size_t platform_port_rows = sizeof(platform_ports) / sizeof(platform_ports[0]);

enum { IRQ_KEYBOARD = 1, IRQ_RTC = 8, IRQ_MOUSE = 12 };

static void reset_chips(struct platform *p, uint64_t now)
{
    pit_reset(&p->pit, now);
    pm_reset(&p->pm, now);
    i8042_reset(&p->kbc);
    reset_control_reset(&p->reset);
}

void platform_power_up(struct platform *p, uint64_t now, uint64_t unix_ns, const struct rtc_memory *memory)
{
    reset_chips(p, now);
    rtc_power_up(&p->rtc, now, unix_ns, memory);
    pci_host_init(&p->pci);
}

void platform_reset(struct platform *p, uint64_t now)
{
    reset_chips(p, now);
    rtc_reset(&p->rtc, now);
    pci_host_reset(&p->pci);
}

uint32_t platform_lines(struct platform *p, uint64_t now)
{
    return (uint32_t)i8042_keyboard_line(&p->kbc) << IRQ_KEYBOARD |
           (uint32_t)i8042_auxiliary_line(&p->kbc) << IRQ_MOUSE |
           (uint32_t)rtc_line(&p->rtc, now) << IRQ_RTC | (uint32_t)pm_line(&p->pm, now) << PM_SCI_IRQ |
           pci_host_lines(&p->pci);
}

uint64_t platform_timer_edges(struct platform *p, uint64_t now)
{
    return pit_take_edges(&p->pit, now);
}

uint64_t platform_deadline(const struct platform *p)
{
    uint64_t deadline = pit_deadline(&p->pit);
    uint64_t others[] = {rtc_deadline(&p->rtc), pm_deadline(&p->pm)};
    for (unsigned i = 0; i < 2; i++)
        deadline = others[i] < deadline ? others[i] : deadline;
    return deadline;
}

bool platform_a20(const struct platform *p)
{
    return i8042_a20(&p->kbc) || reset_control_a20(&p->reset);
}
