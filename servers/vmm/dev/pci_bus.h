// What device servers registered on PCI bus 0, and what follows from it: layout, placement, routes
// SPDX-License-Identifier: MIT
//
// Device n of the bus is the server that registered by number n (libipc/proto/bus.h). All of this is computed
// from struct pci_bus and struct pci_host alone, so that a restart comes to the same routes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/abi/vcpu.h"
#include "libipc/proto/bus.h"
#include "servers/vmm/dev/pci_host.h"
#include "servers/vmm/dev/pci_msix.h"

// The bus's windows. Below them in I/O space are the platform's own ports; firmware places from PCI_IO_PLACE.
enum { PCI_IO_FIRST = 0x1000, PCI_IO_PLACE = 0xc000, PCI_IO_LAST = 0xffff };
#define PCI_MEMORY_FIRST UINT32_C(0xc0000000)
#define PCI_MEMORY_LAST  UINT32_C(0xfebfffff)

struct pci_bus {
    uint32_t known;   // bit n: device n has registered
    uint32_t missing; // it failed for good before it did
    uint32_t resets;  // of the machine
    uint32_t reserved;
    struct bus_function function[BUS_DEVICES];
    struct pci_msix msix[BUS_DEVICES];
};

// What is wrong with a function that is to be device `number`, beside those that are known; NULL: nothing.
const char *pci_bus_refuses(const struct pci_bus *bus, unsigned number, const struct bus_function *f);

// Puts all known functions onto a bus with its bridges, places their BARs and gives them their interrupt
// lines, as firmware would.
void pci_bus_power_up(struct pci_bus *bus, struct pci_host *host);
// The same after the registers of a bus with these functions were reset.
void pci_bus_reset(struct pci_bus *bus, struct pci_host *host);

static inline struct pci_function *pci_bus_function(struct pci_host *host, unsigned number)
{
    return pci_host_find(host, (uint8_t)(number << 3));
}

// Puts a registered function onto the bus, not placed yet. NULL, or what is wrong with it.
const char *pci_layout(struct pci_host *host, unsigned number, const struct bus_function *f);

// Where accesses go. Routes of both lists of a direction are at most PCI_ROUTES_MAX; what is the kernel's
// limit besides is refused at registration.
struct pci_route {
    uint64_t first, last; // ports or guest-physical bytes
    uint64_t badge;       // of the accesses, or the bits of a doorbell
    uint8_t space;        // enum access_space
    uint8_t rights;       // RIGHT_READ, RIGHT_WRITE
    uint8_t target;       // enum pci_target
    uint8_t number;       // of the device
    uint32_t reserved;
};
enum pci_target { PCI_TO_DEVICE, PCI_TO_DOORBELL, PCI_TO_BUS /* no route: the monitor answers */ };
enum { PCI_LIST_MAX = 60, PCI_ROUTES_MAX = 4 * PCI_LIST_MAX };

// All routes as the BARs lie now. A window that leaves the bus's, or overlaps another, has none.
unsigned pci_routes(const struct pci_bus *bus, struct pci_host *host, struct pci_route *routes);
bool pci_route_equal(const struct pci_route *a, const struct pci_route *b);

// The indirect window of the selected function: an access to its data register, told by port and size, stands
// for one to a BAR. That takes *access's address, space and size; false: it is another register, or does not
// name bytes of a BAR, and then is a register that holds nothing.
bool pci_window_access(struct pci_host *host, const struct io_access *io, struct vcpu_access *access);
