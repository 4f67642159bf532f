// The registers of the PCI test device, which its guest (tests/kernels/pci.c) knows too.
// SPDX-License-Identifier: MIT
//
// A small virtio without virtio: the guest counts requests up in its memory and rings; the device copies the
// count behind it, as "done", and interrupts. Rest: registers that tell and cause whatever a bus may do.
#pragma once

#include <stdint.h>

enum { TESTPCI_VENDOR = 0x1234, TESTPCI_DEVICE = 0x11ec, TESTPCI_MAGIC = 0x69637074 };
enum { TESTPCI_DOORBELLS = 2, TESTPCI_VECTORS = 3, TESTPCI_IO_BYTES = 16, TESTPCI_MEMORY_BYTES = 0x4000 };
enum testpci_bar { TESTPCI_IO = 0, TESTPCI_MSIX = 1, TESTPCI_MEMORY = 4 };

// BAR 4, dwords.
enum testpci_register {
    TESTPCI_ID = 0x00,      // TESTPCI_MAGIC
    TESTPCI_SCRATCH = 0x04, // keeps what is written; so does offset 8 of the I/O BAR
    TESTPCI_QUEUE = 0x08,   // guest-physical address of struct testpci_queue[TESTPCI_DOORBELLS]; 0: none
    TESTPCI_ISR = 0x0c,     // 1: it drove its line; reading lowers it
    TESTPCI_RAISE = 0x10,   // written: these vectors, or the line when MSI-X is off
    TESTPCI_RESETS = 0x14,  // what the bus tells: its page
    TESTPCI_CONTROL = 0x18
};
enum { TESTPCI_IO_SCRATCH = 8 };

struct testpci_queue {
    uint32_t requests; // the guest's
    uint32_t done;     // the device's; vector i, or the line, tells
};
