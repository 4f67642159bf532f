// Where accesses to BARs go
// SPDX-License-Identifier: MIT
//
// Beside the windows that the guest sees, each BAR of a function with an indirect window has an address that
// no guest can form: what goes through the window takes that way, whether the BAR is decoded or not.
#include "servers/vmm/dev/pci_bus.h"

#include "libipc/abi/caps.h"

#define HIDDEN(number, bar) (UINT64_C(1) << 63 | (uint64_t)(number) << 40 | (uint64_t)(bar) << 32)

enum { WINDOWS_MAX = BUS_DEVICES * PCI_BARS, READ_WRITE = RIGHT_READ | RIGHT_WRITE };

struct window {
    struct pci_window at;
    uint8_t number, bar;
    bool overlaps;
};

static bool on_bus(const struct pci_window *w)
{
    uint64_t first = w->io ? PCI_IO_FIRST : PCI_MEMORY_FIRST, last = w->io ? PCI_IO_LAST : PCI_MEMORY_LAST;
    return w->base >= first && w->base <= last && w->size - 1 <= last - w->base;
}

static bool overlap(const struct pci_window *a, const struct pci_window *b)
{
    return a->io == b->io && a->base < b->base + b->size && b->base < a->base + a->size;
}

static unsigned find_windows(const struct pci_bus *bus, struct pci_host *host, struct window *windows)
{
    unsigned count = 0;
    for (uint32_t left = bus->known; left; left &= left - 1) {
        uint8_t n = (uint8_t)__builtin_ctz(left);
        for (uint8_t bar = 0; bar < PCI_BARS; bar++) {
            struct window w = {.number = n, .bar = bar};
            if (!pci_function_window(pci_bus_function(host, n), bar, &w.at) || !on_bus(&w.at))
                continue;
            for (unsigned i = 0; i < count; i++)
                if (overlap(&windows[i].at, &w.at))
                    windows[i].overlaps = w.overlaps = true;
            windows[count++] = w;
        }
    }
    return count;
}

struct list {
    struct pci_route *routes;
    unsigned count;
};

static void add(struct list *l, struct pci_route route)
{
    if (l->count < PCI_ROUTES_MAX && route.first <= route.last)
        l->routes[l->count++] = route;
}

// Doorbells one by one, what is behind them, and all reads.
static void add_doorbells(struct list *l, struct pci_route all, const struct bus_function *f)
{
    for (unsigned i = 0; i < f->doorbells; i++) {
        uint64_t first = all.first + 2 * i;
        add(l, (struct pci_route){.first = first,
                                  .last = first + 1,
                                  .badge = UINT64_C(1) << i,
                                  .space = all.space,
                                  .rights = RIGHT_WRITE,
                                  .target = PCI_TO_DOORBELL,
                                  .number = all.number});
    }
    struct pci_route reads = all, rest = all;
    reads.rights = RIGHT_READ;
    rest.rights = RIGHT_WRITE;
    rest.first += 2U * f->doorbells;
    add(l, reads);
    add(l, rest);
}

static void add_window(struct list *l, const struct window *w, const struct bus_function *f)
{
    struct pci_route r = {.first = w->at.base,
                          .last = w->at.base + w->at.size - 1,
                          .badge = BUS_ROUTE(w->bar),
                          .space = w->at.io ? ACCESS_PORT : ACCESS_MEMORY,
                          .rights = READ_WRITE,
                          .target = PCI_TO_DEVICE,
                          .number = w->number};
    if (f->vectors && w->bar == f->msix_bar)
        r.target = PCI_TO_BUS;
    if (f->doorbells && w->bar == f->doorbell_bar)
        add_doorbells(l, r, f);
    else
        add(l, r);
}

static void add_hidden(struct list *l, uint8_t number, const struct bus_function *f)
{
    for (unsigned bar = 0; f->window && bar < BUS_BARS; bar++)
        if (f->bar[bar].kind != BUS_BAR_NONE)
            add(l, (struct pci_route){.first = HIDDEN(number, bar),
                                      .last = HIDDEN(number, bar) + f->bar[bar].size - 1,
                                      .badge = BUS_ROUTE(bar),
                                      .space = ACCESS_MEMORY,
                                      .rights = READ_WRITE,
                                      .target = PCI_TO_DEVICE,
                                      .number = number});
}

unsigned pci_routes(const struct pci_bus *bus, struct pci_host *host, struct pci_route *routes)
{
    struct window windows[WINDOWS_MAX];
    struct list l = {routes, 0};
    unsigned count = find_windows(bus, host, windows);
    for (unsigned i = 0; i < count; i++)
        if (!windows[i].overlaps)
            add_window(&l, &windows[i], &bus->function[windows[i].number]);
    for (uint32_t left = bus->known; left; left &= left - 1) {
        uint8_t n = (uint8_t)__builtin_ctz(left);
        add_hidden(&l, n, &bus->function[n]);
    }
    return l.count;
}

bool pci_route_equal(const struct pci_route *a, const struct pci_route *b)
{
    return a->first == b->first && a->last == b->last && a->badge == b->badge && a->space == b->space &&
           a->rights == b->rights && a->target == b->target && a->number == b->number;
}

// [VIRTIO] 4.1.4.9: accesses of one, two or four bytes, aligned.
bool pci_window_access(struct pci_host *host, const struct io_access *io, struct vcpu_access *access)
{
    enum { REGISTER_BAR = 4, REGISTER_OFFSET = 8, REGISTER_LENGTH = 12, REGISTER_DATA = 16 };
    const struct pci_function *fn = pci_host_selected_function(host);
    if (!fn || !fn->window || pci_host_selected_offset(host, io) != fn->window + 0U + REGISTER_DATA)
        return false;
    uint32_t bar = pci_function_read(fn, fn->window + REGISTER_BAR, 1);
    uint32_t offset = pci_function_read(fn, fn->window + REGISTER_OFFSET, 4);
    uint32_t length = pci_function_read(fn, fn->window + REGISTER_LENGTH, 4);
    bool sized = length == 1 || length == 2 || length == 4;
    if (!sized || offset % length || bar >= PCI_BARS || (uint64_t)offset + length > fn->bar_size[bar])
        return false;
    access->space = ACCESS_MEMORY;
    access->address = HIDDEN(fn->devfn >> 3, bar) + offset;
    access->size = (uint8_t)length;
    return true;
}
