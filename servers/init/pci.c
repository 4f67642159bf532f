// The host's PCI functions, as their configuration space tells of them.
// SPDX-License-Identifier: MIT
#include "servers/init/pci.h"

#include <stddef.h>

enum { ID = 0x00, HEADER = 0x0c, BAR = 0x10, BUSES = 0x18, INTERRUPT = 0x3c }; // dwords [PCI] 6.1
enum { HEADER_TYPE_SHIFT = 16, HEADER_TYPE = 0x7f, HEADER_BRIDGE = 1, HEADER_FUNCTIONS = 0x80 };
enum { BAR_IO = 1, BAR_TYPE = 6, BAR_64 = 4, BAR_FLAGS = 0xf, PAGE = 4096 };
enum { BUSES_MAX = 256, DEVICES = 32, FUNCTIONS = 8, LINE_NONE = 0xff };

// A bridge leads to a bus of a higher number, so the walk ends.
static uint32_t look_at(pci_read *read, uint16_t function, struct pci_functions *to, bool *buses)
{
    uint32_t id = read(function, ID), type = read(function, HEADER) >> HEADER_TYPE_SHIFT;
    if (id == UINT32_MAX)
        return 0;
    if (to->count < PCI_FUNCTIONS_MAX) {
        to->at[to->count].function = function;
        to->at[to->count++].id = id;
    }
    if ((type & HEADER_TYPE) == HEADER_BRIDGE)
        buses[read(function, BUSES) >> 8 & 0xff] = true; // the secondary one
    return type & HEADER_FUNCTIONS ? FUNCTIONS : 1;
}

void pci_scan(pci_read *read, struct pci_functions *to)
{
    bool buses[BUSES_MAX] = {true};
    to->count = 0;
    for (uint32_t bus = 0; bus < BUSES_MAX; bus++)
        for (uint32_t device = 0; buses[bus] && device < DEVICES; device++) {
            uint16_t first = (uint16_t)(bus << 8 | device << 3);
            uint32_t functions = look_at(read, first, to, buses);
            for (uint16_t f = 1; f < functions; f++)
                look_at(read, first | f, to, buses);
        }
}

bool pci_find(const struct pci_functions *f, uint32_t id, uint32_t index, uint16_t *function)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->at[i].id != id || index--)
            continue;
        *function = f->at[i].function;
        return true;
    }
    return false;
}

// [PCI] 6.2.5.1
const char *pci_bar(pci_read *read, uint32_t which, uint32_t bar, uint64_t *address)
{
    uint32_t low = read(which, BAR + 4 * bar);
    bool wide = (low & BAR_TYPE) == BAR_64;
    if (low & BAR_IO)
        return "is one of ports";
    if (wide && bar + 1 == PCI_BARS)
        return "has no upper half";
    if (wide && read(which, BAR + 4 * (bar + 1)))
        return "lies above 4 GiB";
    *address = low & ~(uint32_t)BAR_FLAGS;
    if (!*address)
        return "was given no address by the firmware";
    return *address % PAGE ? "does not begin at a page" : NULL;
}

const char *pci_interrupt(pci_read *read, uint32_t which, uint32_t *gsi)
{
    uint32_t interrupt = read(which, INTERRUPT);
    *gsi = interrupt & 0xff;
    if (!(interrupt >> 8 & 0xff))
        return "has no interrupt pin";
    return *gsi == LINE_NONE ? "was given no interrupt line by the firmware" : NULL;
}
