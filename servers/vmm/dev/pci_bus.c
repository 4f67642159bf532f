// PCI bus 0: who is there, and where firmware places it
// SPDX-License-Identifier: MIT
#include "servers/vmm/dev/pci_bus.h"

enum { PAGE_SHIFT = 12, LARGEST_SHIFT = 31, SMALLEST_SHIFT = 2 };

struct space {
    uint64_t free, last; // of the window
};

static bool place(struct pci_function *fn, struct space *space, unsigned bar, uint64_t align)
{
    uint64_t size = fn->bar_size[bar], base = (space->free + align - 1) & ~(align - 1);
    if (base + size - 1 > space->last)
        return false;
    pci_function_place(fn, bar, base);
    space->free = base + size;
    return true;
}

// Memory BARs share no page. Decoding stays off: that is the guest's to switch on.
static bool place_bars(struct pci_function *fn, unsigned shift, struct space *io, struct space *memory)
{
    bool fits = true;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        unsigned align = shift < PAGE_SHIFT ? PAGE_SHIFT : shift;
        if (fn->bar_size[i] >> shift != 1)
            continue;
        if (fn->bar_kind[i] == PCI_BAR_IO)
            fits = place(fn, io, i, UINT64_C(1) << shift) && fits;
        else
            fits = place(fn, memory, i, UINT64_C(1) << align) && fits;
    }
    return fits;
}

// The largest first, so that nothing lies waste between them.
static bool place_all(struct pci_bus *bus, struct pci_host *host)
{
    struct space io = {PCI_IO_PLACE, PCI_IO_LAST}, memory = {PCI_MEMORY_FIRST, PCI_MEMORY_LAST};
    bool fits = true;
    for (unsigned shift = LARGEST_SHIFT; shift >= SMALLEST_SHIFT; shift--)
        for (uint32_t left = bus->known; left; left &= left - 1)
            fits = place_bars(pci_bus_function(host, (unsigned)__builtin_ctz(left)), shift, &io, &memory) &&
                   fits;
    return fits;
}

static bool firmware(struct pci_bus *bus, struct pci_host *host)
{
    for (uint32_t left = bus->known; left; left &= left - 1) {
        uint8_t devfn = (uint8_t)(__builtin_ctz(left) << 3);
        struct pci_function *fn = pci_host_find(host, devfn);
        uint32_t pin = pci_function_read(fn, PCI_INTERRUPT + 1, 1);
        pci_function_write(fn, PCI_INTERRUPT, 1, pin ? pci_intx_irq(devfn, pin - 1) : 0xff);
        pci_msix_reset(&bus->msix[devfn >> 3]);
    }
    return place_all(bus, host);
}

static bool power_up(struct pci_bus *bus, struct pci_host *host)
{
    for (uint32_t left = bus->known; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        pci_layout(host, n, &bus->function[n]);
    }
    return firmware(bus, host);
}

void pci_bus_power_up(struct pci_bus *bus, struct pci_host *host)
{
    power_up(bus, host);
}

void pci_bus_reset(struct pci_bus *bus, struct pci_host *host)
{
    bus->resets++;
    firmware(bus, host);
}

// Routes a list of the kernel's, if all BARs were decoded.
static bool routes_fit(const struct pci_bus *bus)
{
    unsigned ports = 0, memory = 0;
    for (uint32_t left = bus->known; left; left &= left - 1) {
        const struct bus_function *f = &bus->function[__builtin_ctz(left)];
        ports += f->doorbells;
        for (unsigned i = 0; i < BUS_BARS; i++) {
            ports += f->bar[i].kind == BUS_BAR_IO;
            memory += f->bar[i].kind > BUS_BAR_IO;
            memory += f->window && f->bar[i].kind != BUS_BAR_NONE;
        }
    }
    return ports <= PCI_LIST_MAX && memory <= PCI_LIST_MAX;
}

// Tried on a copy with all that are known. Static, as a stack is small.
const char *pci_bus_refuses(const struct pci_bus *bus, unsigned number, const struct bus_function *f)
{
    static struct pci_bus trial;
    static struct pci_host host;
    pci_host_init(&host);
    const char *wrong = pci_layout(&host, number, f);
    if (wrong)
        return wrong;
    trial = *bus;
    trial.known |= 1U << number;
    trial.function[number] = *f;
    pci_host_init(&host);
    if (!routes_fit(&trial))
        return "more doorbells or BARs than a VM has routes";
    return power_up(&trial, &host) ? NULL : "its BARs are larger than what is left of the bus's windows";
}
