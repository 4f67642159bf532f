// Configuration space of one PCI function
// SPDX-License-Identifier: MIT
//
// Every dword has a value, a mask of the bits that the guest may write and a mask of those that it clears by
// writing ones. Whoever owns the function lays these out once; an access is then three lines whatever the
// register means. What a write changed for the rest of the machine comes back as bits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PCI_CONFIG_BYTES = 256, PCI_DWORDS = PCI_CONFIG_BYTES / 4, PCI_BARS = 6 };

enum pci_register {
    PCI_ID = 0x00,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_CLASS = 0x08,
    PCI_HEADER = 0x0c,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM = 0x2c,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT = 0x3c,
};

enum pci_command {
    PCI_COMMAND_IO = 1 << 0,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_PARITY = 1 << 6,
    PCI_COMMAND_SERR = 1 << 8,
    PCI_COMMAND_INTX_OFF = 1 << 10,
};

enum pci_bar_kind {
    PCI_BAR_NONE,
    PCI_BAR_IO,
    PCI_BAR_MEMORY32,
    PCI_BAR_MEMORY64,            // takes the next BAR too
    PCI_BAR_UPPER_HALF,          // of the one before
    PCI_BAR_PREFETCHABLE = 0x80, // may be added to a memory kind
};

enum pci_change {
    PCI_CHANGE_DECODE = 1 << 0, // a BAR moved, or I/O or memory decoding was switched
    PCI_CHANGE_MASTER = 1 << 1, // bus mastering was switched
    PCI_CHANGE_INTX = 1 << 2,   // the INTx line may have another level
    PCI_CHANGE_MSIX = 1 << 3,   // MSI-X was switched, or its function mask
};

struct pci_identity {
    uint16_t vendor, device;
    uint32_t class_code; // base class, subclass, interface: 24 bits
    uint8_t revision;
    uint16_t subsystem_vendor, subsystem;
};

struct pci_function {
    uint32_t value[PCI_DWORDS];
    uint32_t writable[PCI_DWORDS];
    uint32_t clear[PCI_DWORDS];   // write one to clear
    uint32_t initial[PCI_DWORDS]; // after a reset
    uint64_t bar_size[PCI_BARS];
    uint8_t bar_kind[PCI_BARS]; // enum pci_bar_kind
    uint8_t last_capability;    // offset of the newest one, 0: none
    uint8_t free;               // first byte without a capability
    uint8_t msix;               // offset of the MSI-X capability, 0: none
    uint8_t intx;               // level that the device drives, before the INTx disable bit
    uint8_t devfn;              // its place on the bus
    uint8_t window;             // offset of the capability of an indirect window, 0: none
    uint8_t reserved[4];
};
_Static_assert(sizeof(struct pci_function) == 1088, "the next incarnation reads this layout");

// A range that the function answers at, as the BAR says. Only decoded ranges are windows.
struct pci_window {
    uint64_t base, size;
    bool io;
};

struct pci_msix_layout {
    uint16_t vectors; // 1 to 2048
    uint8_t table_bar, pba_bar;
    uint32_t table_offset, pba_offset; // multiples of eight
};

// Layout, once. False or 0: it does not fit or is not a thing that PCI knows.
void pci_function_init(struct pci_function *fn, const struct pci_identity *identity);
bool pci_function_add_bar(struct pci_function *fn, unsigned bar, unsigned kind, uint64_t size);
uint8_t pci_function_add_capability(struct pci_function *fn, uint8_t id, unsigned size);
bool pci_function_add_msix(struct pci_function *fn, const struct pci_msix_layout *layout);
void pci_function_add_pin(struct pci_function *fn, unsigned pin); // 1 to 4: INTA# to INTD#
// A dword of the function's own: header bytes beyond the above, capability bodies, device registers.
void pci_function_define(struct pci_function *fn, unsigned offset, uint32_t value, uint32_t writable);

void pci_function_reset(struct pci_function *fn);

// Accesses of 1, 2 or 4 bytes that do not cross a dword.
uint32_t pci_function_read(const struct pci_function *fn, unsigned offset, unsigned size);
uint32_t pci_function_write(struct pci_function *fn, unsigned offset, unsigned size,
                            uint32_t value); // enum pci_change

// Places a BAR as firmware would, without switching decoding on.
void pci_function_place(struct pci_function *fn, unsigned bar, uint64_t base);

// Whether `bar` is decoded, and where. Ranges that begin at zero or leave the address space are not. While a
// guest sizes a BAR with decoding on, its window is at the end of the address space: route only what lies in
// the bus's windows.
bool pci_function_window(const struct pci_function *fn, unsigned bar, struct pci_window *window);

void pci_function_drive_intx(struct pci_function *fn, bool level);
bool pci_function_intx(const struct pci_function *fn); // level of the pin, which MSI-X silences
bool pci_function_master(const struct pci_function *fn);
bool pci_function_msix_enabled(const struct pci_function *fn);
bool pci_function_msix_masked(const struct pci_function *fn); // as a whole
