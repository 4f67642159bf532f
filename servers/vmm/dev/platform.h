// The PC's fixed devices as one: their state, their ports, their interrupt lines, their next deadline
// SPDX-License-Identifier: MIT
//
// The monitor sends an access to port_read() or port_write() with platform_ports, looks at the effects, and
// asks here for what they announce. Interrupt controllers and the serial port are elsewhere.
#pragma once

#include "servers/vmm/dev/i8042.h"
#include "servers/vmm/dev/pci_host.h"
#include "servers/vmm/dev/pit.h"
#include "servers/vmm/dev/pm.h"
#include "servers/vmm/dev/port_device.h"
#include "servers/vmm/dev/reset_control.h"
#include "servers/vmm/dev/rtc.h"

struct platform {
    struct pit pit;
    struct rtc rtc;
    struct pm pm;
    struct i8042 kbc;
    struct reset_control reset;
    struct pci_host pci;
};

// Offsets are those of struct platform.
extern const struct port_device platform_ports[];
extern const size_t platform_port_rows;

// The PCI bus has its two bridges afterwards; further functions are added by pci_host_add().
void platform_power_up(struct platform *p, uint64_t now, uint64_t unix_ns, const struct rtc_memory *memory);
// All but the wall clock, CMOS and the layout of the PCI functions.
void platform_reset(struct platform *p, uint64_t now);

// Levels of the lines: bits 0 to 15 are the ISA interrupts, 16 to 23 inputs of the I/O APIC alone. IRQ 0 is
// not among them: its edges are counted.
uint32_t platform_lines(struct platform *p, uint64_t now);
// Rising edges of IRQ 0 up to `now` since the last call.
uint64_t platform_timer_edges(struct platform *p, uint64_t now);
// When to ask for lines and edges again, or CLOCK_NEVER.
uint64_t platform_deadline(const struct platform *p);

// Whether addresses with bit 20 reach memory.
bool platform_a20(const struct platform *p);
