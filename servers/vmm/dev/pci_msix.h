// The MSI-X table and pending bits of one function
// SPDX-License-Identifier: MIT
//
// They fill a BAR of the bus's own: the table from its start, the pending bits behind. A vector that is
// raised stays pending until it may be sent; who sends asks for those that are not masked and takes them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/bus.h"

enum { PCI_MSIX_BYTES = 4096, PCI_MSIX_PBA = 0x800 };

struct pci_msix {
    struct pci_msix_entry {
        uint64_t address;
        uint32_t data, control; // bit 0: masked
    } entry[BUS_VECTORS_MAX];
    uint64_t masked;  // bit 0 of every `control` again
    uint64_t pending; // raised and not sent yet
};
_Static_assert(sizeof(struct pci_msix) == 1040, "the next incarnation reads this layout");

void pci_msix_reset(struct pci_msix *m);

// Accesses to the BAR. Registers are dwords or qwords [PCI] 6.8.2; smaller reads get their part of one,
// smaller writes and what crosses a dword change nothing.
uint64_t pci_msix_read(const struct pci_msix *m, unsigned vectors, unsigned offset, unsigned size);
void pci_msix_write(struct pci_msix *m, unsigned vectors, unsigned offset, unsigned size, uint64_t value);

static inline uint64_t pci_msix_vectors(unsigned vectors)
{
    return vectors ? UINT64_MAX >> (64 - vectors) : 0;
}
