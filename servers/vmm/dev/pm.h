// ACPI fixed hardware: PM1 event and control block, PM timer, GPE0
// SPDX-License-Identifier: MIT
//
// There is no SMI_CMD port: the machine is always in ACPI mode and SCI_EN reads as one ([ACPI] 4.8.2.5).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/vmm/dev/port_device.h"

// Ports, as the FADT announces them.
enum {
    PM_PORT = 0x600,
    PM1_EVENT_PORT = PM_PORT,       // status, enable: 16 bits each
    PM1_CONTROL_PORT = PM_PORT + 4, // 16 bits
    PM_TIMER_PORT = PM_PORT + 8,    // 32 bits
    PM_GPE0_PORT = PM_PORT + 0xc,   // status, enable: 16 bits each
    PM_PORTS = 16,
    PM_SCI_IRQ = 9,
    PM_SLEEP_TYPE_S5 = 5,
};

#define PM_TIMER_HZ UINT64_C(3579545)

struct pm {
    uint64_t half_turns; // times that bit 31 of the timer had changed when it was last looked at
    uint16_t status, enable, control;
    uint16_t gpe_status, gpe_enable;
    uint16_t reserved[3];
};
_Static_assert(sizeof(struct pm) == 24, "the next incarnation reads this layout");

void pm_reset(struct pm *pm, uint64_t now);

struct io_result pm_read(void *state, const struct io_access *io, uint64_t now); // PM_PORTS ports, any size
uint32_t pm_write(void *state, const struct io_access *io, uint64_t now);

void pm_press_power_button(struct pm *pm);
void pm_raise_gpe(struct pm *pm, unsigned event); // event 0 to 15

// Level of the SCI.
bool pm_line(struct pm *pm, uint64_t now);
// Time at which the timer raises the SCI, or CLOCK_NEVER.
uint64_t pm_deadline(const struct pm *pm);
