// The host's PCI functions, as their configuration space tells of them.
// SPDX-License-Identifier: MIT
//
// [PCI] 6: everything in it is what hardware and firmware left there, so nothing is taken on trust. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PCI_FUNCTIONS_MAX = 256, PCI_BARS = 6 };

// 32 bits at an offset of `which`; all ones where no function is.
typedef uint32_t pci_read(uint32_t which, uint32_t offset);

struct pci_functions {
    uint32_t count;
    struct {
        uint16_t function; // bus << 8 | device << 3 | function
        uint32_t id;       // vendor, and device << 16
    } at[PCI_FUNCTIONS_MAX];
};

// Looks through bus 0 and all that bridges lead to; `which` is a function. What is beyond PCI_FUNCTIONS_MAX
// is not seen.
void pci_scan(pci_read *read, struct pci_functions *to);

// The index-th with this id, in the order of the buses. False: there are fewer.
bool pci_find(const struct pci_functions *f, uint32_t id, uint32_t index, uint16_t *function);

// Where the memory of a BAR is. NULL, or what is wrong with it.
const char *pci_bar(pci_read *read, uint32_t which, uint32_t bar, uint64_t *address);

// The GSI that the firmware gave the function's interrupt pin. NULL, or what is wrong.
const char *pci_interrupt(pci_read *read, uint32_t which, uint32_t *gsi);
