// The machine: CPUs, interrupt controllers, clocks, power
// SPDX-License-Identifier: MIT
//
// Order of calls on CPU 0: platform_init(), then smp_start() when the core is ready for cpu_init() on the
// others. No function here allocates after smp_start().
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/boot/boot.h"

// Vectors. The core's entry code dispatches them; 0x20 to VECTOR_IRQ_LAST are free for irq_route().
#define VECTOR_IRQ_FIRST 0x20
#define VECTOR_IRQ_LAST  0xdf
#define VECTOR_TIMER     0xf0
#define VECTOR_ERROR     0xfe // call lapic_error()
#define VECTOR_SPURIOUS  0xff // no end of interrupt

// ACPI, interrupt controllers, clocks. Panics with one line when the machine lacks something that we need.
void platform_init(const struct boot_info *info);

extern uint64_t acpi_root; // [I] physical address of the XSDT or RSDT

// Starts every other CPU by way of the page, which is below 1 MiB; each runs cpu_init() and idles. Returns
// the number of CPUs that are online.
uint32_t smp_start(uint64_t startup_page);

// A page of a device's registers, uncached, at boot only. The mapping is for ever.
volatile void *device_map(uint64_t phys);

// Root of the kernel's own page tables: entries 256 to 511 go into the root table of each process.
extern uint64_t kernel_root;

// local APIC
void lapic_eoi(void);
void lapic_look_again(void); // for what is pending; changes nothing on a processor
void lapic_error(void);      // one line with the error status, then end of interrupt

// Interrupts by the GSI of an IOAPIC, with trigger and polarity as the firmware's overrides say. All start
// masked.
uint32_t irq_count(void);                                      // GSIs below this number may exist
bool irq_route(uint32_t gsi, uint8_t vector, uint32_t cpu_id); // false: no such GSI. Leaves it masked.
void irq_mask(uint32_t gsi);
void irq_unmask(uint32_t gsi);
bool irq_is_level(uint32_t gsi);

// clocks
extern uint32_t tsc_khz;
void timer_arm(uint64_t tsc_deadline); // one VECTOR_TIMER here at or after the deadline (not 0). Sooner only
                                       // when the local APIC's counter does not reach as far.
void delay_us(uint32_t us);
