// Configuration mechanism 1, BARs and interrupts, as the tiny kernel of the PCI tests wants them.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

enum { PCI_ID = 0, PCI_COMMAND = 4, PCI_STATUS = 6, PCI_BAR = 0x10, PCI_CAPABILITY = 0x34, PCI_LINE = 0x3c };
enum { COMMAND_IO = 1, COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_INTX_OFF = 0x400 };
enum { STATUS_INTX = 8, CAPABILITY_VENDOR = 9, CAPABILITY_MSIX = 0x11 };

void pci_select(unsigned device);
uint32_t pci_read(unsigned offset, unsigned size); // of the device that was selected or found
void pci_write(unsigned offset, unsigned size, uint32_t value);
unsigned pci_find(uint32_t id);                       // its device number; 0: none
unsigned pci_capability(uint8_t id, unsigned length); // offset; 0: none
uint32_t pci_size(unsigned bar);                      // what sizing tells
void pci_place(unsigned bar, uint32_t address);

void out(uint16_t port, unsigned size, uint32_t value);
uint32_t in(uint16_t port, unsigned size);

// Vectors FIRST_VECTOR to + 3 count up here; an end of interrupt is sent. Sleeps until one more came.
enum { FIRST_VECTOR = 0x40, TIMER_VECTOR = 0x42, INTX_VECTOR = 0x43 };
extern volatile uint32_t taken[4];
void interrupts_begin(void (*intx)(void)); // intx: quiets the device
void interrupts_wait(unsigned i, uint32_t count);
void interrupts_rest(uint32_t ticks); // for who has no use for vector 2
void route_line(unsigned input);      // of the I/O APIC, level-triggered, to INTX_VECTOR
