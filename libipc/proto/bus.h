// What a device server says to its VM's bus, which the monitor is, and what the two share.
// SPDX-License-Identifier: MIT
//
// Calls go one way, device to bus. A device registers its PCI function at each of its starts; the same again
// changes nothing. The number in the capability's badge is the function's place: device `number` of bus 0.
// The bus owns configuration space, places the BARs, keeps the MSI-X table (in a BAR of its own), and sets
// the routes: an access to a BAR comes to the device's endpoint with the badge BUS_ROUTE(bar), a write to a
// doorbell becomes a bit of the device's notification.
//
// Interrupts go through the page that both map (struct device_page): docs/bus.md.
#pragma once

#include <stdint.h>

#include "libipc/proto/labels.h"
#include "libipc/proto/line.h"

enum {
    BUS_DEVICES = 16,     // numbers of line pages: 0 is COM1's, 1 the test device's
    BUS_FIRST_DEVICE = 2, // the first that is a PCI function
    BUS_BARS = 6,
    BUS_VECTORS_MAX = 64, // of MSI-X: bits of line_page.pending
    BUS_DOORBELLS_MAX = 32,
    BUS_CAPABILITY_BYTES = 160
};

// Badge of a device's capability to the monitor's endpoint: + number.
#define BUS_BADGE_DEVICE 0x100u
// Badge of the accesses to a BAR.
#define BUS_ROUTE(bar) (1u + (bar))

enum bus_label {
    // The message's words are a struct bus_function. BAD_ARG: it is no function that PCI knows, or does not
    // fit, or the VM has no such device; the log says what. EXISTS: another one is registered there. Vendor
    // 0: there is none, from who stands in for a device that has failed for good; what is registered stays.
    // The guest does not begin before each of its VM's devices has registered, either way.
    LABEL_BUS_REGISTER = LABEL_VMM
};

enum bus_bar_kind { BUS_BAR_NONE, BUS_BAR_IO, BUS_BAR_MEMORY32, BUS_BAR_MEMORY64 /* takes the next, too */ };

struct bus_function {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code; // base class, subclass, interface: 24 bits
    uint8_t revision;
    uint8_t pin;      // 1 to 4: INTA# to INTD#; 0: none
    uint8_t vectors;  // of MSI-X; 0: it has none
    uint8_t msix_bar; // the bus's own: MEMORY32 of 4 KiB, said here and left out of `bar`
    // Doorbells: one after the other from the start of an I/O BAR, two ports each; a write to number i
    // signals bit i of the device's notification. Reads, and writes behind them, are accesses.
    uint8_t doorbell_bar, doorbells;
    // An indirect window (a vendor-specific capability): the dword at `window` + 16 of configuration space
    // stands for the `length` bytes at `offset` of a BAR, which the capability's registers choose as in
    // [VIRTIO] 4.1.4.9: bar at + 4, offset at + 8, length at + 12. 0: none.
    uint8_t window; // offset of that capability in `capability`, plus 1
    uint8_t capability_bytes;
    struct {
        uint32_t size; // bytes, a power of two
        uint32_t kind; // enum bus_bar_kind
    } bar[BUS_BARS];
    // Capabilities, one behind the other as configuration space has them: id, link (filled in by the bus),
    // then a body; byte 2 is the length of each, a multiple of 4. Read-only but for the window's registers.
    uint8_t capability[BUS_CAPABILITY_BYTES];
};

#define BUS_FUNCTION_WORDS ((sizeof(struct bus_function) + 7) / 8)
_Static_assert(sizeof(struct bus_function) == 228, "a message between programs");

// Written by the bus: what the guest decided of the function.
enum bus_control {
    BUS_CONTROL_MASTER = 1 << 0, // it may reach the guest's memory and raise MSI-X
    BUS_CONTROL_MSIX = 1 << 1    // interrupts are vectors, the line is unused
};

// One page a device. After a change of `resets` or `control` the bus signals the device (DEVICE_BIT_BUS); a
// device looks at `resets` before it looks at anything that its guest did: when it differs from the number
// that it committed last, the machine was reset, and so is the device.
struct device_page {
    struct line_page line; // the device's
    uint32_t resets;       // the bus's
    uint32_t control;      // enum bus_control, the bus's
    uint32_t told;         // the bus's own: what the device was signalled of
};
