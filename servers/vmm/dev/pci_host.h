// PCI bus 0: configuration mechanism 1, the host bridge, the ISA bridge, room for devices
// SPDX-License-Identifier: MIT
//
// Interrupt wiring, which the ACPI tables repeat: pin p (0 is INTA#) of device d goes to input 16 + (d + p) %
// 8 of the I/O APIC, and to input 10 or 11 of the 8259s, by the parity of the same sum.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/vmm/dev/pci_function.h"
#include "servers/vmm/dev/port_device.h"

enum {
    PCI_ADDRESS_PORT = 0xcf8,
    PCI_DATA_PORT = 0xcfc,
    PCI_FUNCTIONS = 16, // that the bus can hold
    PCI_DEVFN_HOST = 0,
    PCI_DEVFN_ISA = 1 << 3,
    PCI_FIRST_GSI = 16,
    PCI_GSIS = 8,
    PCI_LEVEL_IRQS = 0x0c, // 10 and 11 in the second 8259's edge/level register
};

struct pci_host {
    uint32_t address; // port 0xcf8
    uint8_t count;    // functions in use
    uint8_t reserved[3];
    uint8_t slot[256]; // by devfn: 1 + index of the function, 0: nobody there
    struct pci_function function[PCI_FUNCTIONS];
};
_Static_assert(sizeof(struct pci_host) == 264 + PCI_FUNCTIONS * sizeof(struct pci_function),
               "the next incarnation reads this layout");

// The two bridges and nothing else.
void pci_host_init(struct pci_host *host);
// Registers of all functions to their initial values; the functions stay.
void pci_host_reset(struct pci_host *host);

// A blank function at `devfn`, to be laid out by the caller. NULL: taken, or the bus is full. Functions 1 to
// 7 of a device are found by the guest only if function 0 is there.
struct pci_function *pci_host_add(struct pci_host *host, uint8_t devfn, const struct pci_identity *identity);
struct pci_function *pci_host_find(struct pci_host *host, uint8_t devfn);

struct io_result pci_address_read(void *state, const struct io_access *io,
                                  uint64_t now); // 0xcf8, dwords only
uint32_t pci_address_write(void *state, const struct io_access *io, uint64_t now);
struct io_result pci_data_read(void *state, const struct io_access *io,
                               uint64_t now); // 0xcfc to 0xcff, any size
uint32_t pci_data_write(void *state, const struct io_access *io, uint64_t now);

// Device and function that the address register names: whom the effects of a write to the data port concern.
uint8_t pci_host_selected(const struct pci_host *host);
// NULL: mechanism off, another bus, or nobody there.
struct pci_function *pci_host_selected_function(struct pci_host *host);
// Of the register that an access to the data port means.
unsigned pci_host_selected_offset(const struct pci_host *host, const struct io_access *io);

// Interrupt lines that functions drive: bits 10 and 11 are inputs of the 8259s, 16 to 23 of the I/O APIC.
uint32_t pci_host_lines(const struct pci_host *host);

// `pin`: 0 to 3.
unsigned pci_intx_gsi(uint8_t devfn, unsigned pin);
unsigned pci_intx_irq(uint8_t devfn, unsigned pin);
