// A registered function becomes configuration space
// SPDX-License-Identifier: MIT
//
// The registering server is not trusted to know PCI: whatever does not fit is refused with its reason.
#include "servers/vmm/dev/pci_bus.h"

#include <string.h>

enum { CAPABILITY_LENGTH = 2, CAPABILITY_VENDOR = 9, WINDOW_BYTES = 20 };
#define BAR_BYTES_MAX UINT32_C(0x10000000)

static const char *add_bars(struct pci_function *fn, const struct bus_function *f)
{
    static const uint8_t kinds[] = {[BUS_BAR_IO] = PCI_BAR_IO,
                                    [BUS_BAR_MEMORY32] = PCI_BAR_MEMORY32,
                                    [BUS_BAR_MEMORY64] = PCI_BAR_MEMORY64};
    for (unsigned i = 0; i < BUS_BARS; i++) {
        uint32_t kind = f->bar[i].kind, size = f->bar[i].size;
        if (kind == BUS_BAR_NONE && !size)
            continue;
        if (kind == BUS_BAR_NONE || kind > BUS_BAR_MEMORY64 || !size || size > BAR_BYTES_MAX ||
            !pci_function_add_bar(fn, i, kinds[kind], size))
            return "a BAR's kind or size";
    }
    return NULL;
}

static const char *add_doorbells(const struct bus_function *f)
{
    if (!f->doorbells)
        return NULL;
    bool fits = f->doorbells <= BUS_DOORBELLS_MAX && f->doorbell_bar < BUS_BARS &&
                f->bar[f->doorbell_bar].kind == BUS_BAR_IO &&
                f->bar[f->doorbell_bar].size >= 2U * f->doorbells;
    return fits ? NULL : "the doorbells";
}

static const char *add_msix(struct pci_function *fn, const struct bus_function *f)
{
    const struct pci_msix_layout layout = {
        .vectors = f->vectors, .table_bar = f->msix_bar, .pba_bar = f->msix_bar, .pba_offset = PCI_MSIX_PBA};
    if (!f->vectors)
        return NULL;
    bool fits = f->vectors <= BUS_VECTORS_MAX && f->msix_bar < BUS_BARS &&
                pci_function_add_bar(fn, f->msix_bar, PCI_BAR_MEMORY32, PCI_MSIX_BYTES) &&
                pci_function_add_msix(fn, &layout);
    return fits ? NULL : "MSI-X";
}

static uint32_t dword_at(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

// The registers of the indirect window [VIRTIO] 4.1.4.9: BAR, offset, length. Its data register is nobody's
// memory.
static void define_window(struct pci_function *fn, uint8_t at)
{
    static const uint32_t writable[] = {[1] = 0xff, [2] = UINT32_MAX, [3] = UINT32_MAX};
    for (unsigned i = 1; i < 4; i++)
        pci_function_define(fn, at + 4 * i, fn->value[at / 4 + i], writable[i]);
    fn->window = at;
}

static const char *add_capabilities(struct pci_function *fn, const struct bus_function *f)
{
    bool window = false;
    for (unsigned from = 0, length; from < f->capability_bytes; from += length) {
        const uint8_t *body = &f->capability[from];
        length = from + CAPABILITY_LENGTH < BUS_CAPABILITY_BYTES ? body[CAPABILITY_LENGTH] : 0;
        if (length < 4 || length % 4 || from + length > f->capability_bytes)
            return "a capability's length";
        uint8_t at = pci_function_add_capability(fn, body[0], length);
        if (!body[0] || !at)
            return "a capability";
        pci_function_define(fn, at, (dword_at(body) & 0xffff0000) | (fn->value[at / 4] & 0xffff), 0);
        for (unsigned i = 4; i < length; i += 4)
            pci_function_define(fn, at + i, dword_at(body + i), 0);
        if (from + 1 != f->window)
            continue;
        if (length < WINDOW_BYTES || body[0] != CAPABILITY_VENDOR)
            return "the window's capability";
        define_window(fn, at);
        window = true;
    }
    return window || !f->window ? NULL : "the window's place";
}

const char *pci_layout(struct pci_host *host, unsigned number, const struct bus_function *f)
{
    const struct pci_identity identity = {.vendor = f->vendor,
                                          .device = f->device,
                                          .class_code = f->class_code,
                                          .revision = f->revision,
                                          .subsystem_vendor = f->subsystem_vendor,
                                          .subsystem = f->subsystem};
    if (!f->vendor || f->vendor == UINT16_MAX || f->class_code >> 24)
        return "its identity";
    if (f->pin > 4)
        return "the interrupt pin";
    if (f->capability_bytes > BUS_CAPABILITY_BYTES)
        return "the capabilities' length";
    struct pci_function *fn = pci_host_add(host, (uint8_t)(number << 3), &identity);
    if (!fn)
        return "its place";
    if (f->pin)
        pci_function_add_pin(fn, f->pin);
    return add_bars(fn, f) ?: add_doorbells(f) ?: add_capabilities(fn, f) ?: add_msix(fn, f);
}
