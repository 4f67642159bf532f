// Configuration space of one PCI function
// SPDX-License-Identifier: MIT
//
// [PCI] PCI Local Bus 3.0: 6.2 "Configuration space", 6.2.5 "Base addresses", 6.7 "Capabilities list", 6.8.2
// "MSI-X".
#include "servers/vmm/dev/pci_function.h"

enum { STATUS_INTX = 1 << 3, STATUS_CAPABILITIES = 1 << 4, STATUS_CLEAR = 0xf900 };
enum { BAR_IO = 1, BAR_64 = 4, BAR_PREFETCHABLE = 8 };
enum { CAPABILITY_FIRST = 0x40, CAPABILITY_MSIX = 0x11 };
#define MSIX_ENABLE (UINT32_C(1) << 31)
#define MSIX_MASK   (UINT32_C(1) << 30)

static uint32_t *dword(struct pci_function *fn, unsigned offset)
{
    return &fn->value[offset / 4];
}

void pci_function_define(struct pci_function *fn, unsigned offset, uint32_t value, uint32_t writable)
{
    unsigned i = offset / 4 % PCI_DWORDS;
    fn->value[i] = fn->initial[i] = value;
    fn->writable[i] = writable;
}

void pci_function_init(struct pci_function *fn, const struct pci_identity *id)
{
    *fn = (struct pci_function){.free = CAPABILITY_FIRST};
    pci_function_define(fn, PCI_ID, id->vendor | (uint32_t)id->device << 16, 0);
    pci_function_define(fn, PCI_COMMAND, 0,
                        PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_OFF);
    fn->clear[PCI_COMMAND / 4] = (uint32_t)STATUS_CLEAR << 16;
    pci_function_define(fn, PCI_CLASS, id->revision | id->class_code << 8, 0);
    pci_function_define(fn, PCI_HEADER, 0, 0xffff); // cache line size and latency timer mean nothing here
    pci_function_define(fn, PCI_SUBSYSTEM, id->subsystem_vendor | (uint32_t)id->subsystem << 16, 0);
    pci_function_define(fn, PCI_INTERRUPT, 0, 0xff);
}

static bool size_fits(unsigned kind, uint64_t size)
{
    if (size & (size - 1))
        return false;
    switch (kind) {
    case PCI_BAR_IO: return size >= 4 && size <= 0x10000;
    case PCI_BAR_MEMORY32: return size >= 16 && size <= UINT64_C(1) << 31;
    case PCI_BAR_MEMORY64: return size >= 16;
    default: return false;
    }
}

bool pci_function_add_bar(struct pci_function *fn, unsigned bar, unsigned kind, uint64_t size)
{
    unsigned plain = kind & ~(unsigned)PCI_BAR_PREFETCHABLE;
    bool wide = plain == PCI_BAR_MEMORY64, io = plain == PCI_BAR_IO;
    if (bar + wide >= PCI_BARS || !size_fits(plain, size) || (io && kind != plain))
        return false;
    if (fn->bar_kind[bar] != PCI_BAR_NONE || (wide && fn->bar_kind[bar + 1] != PCI_BAR_NONE))
        return false;
    uint32_t type = io ? BAR_IO : (wide ? BAR_64 : 0U) | (kind != plain ? BAR_PREFETCHABLE : 0U);
    pci_function_define(fn, PCI_BAR0 + 4 * bar, type, (uint32_t) ~(size - 1));
    fn->bar_kind[bar] = (uint8_t)plain;
    fn->bar_size[bar] = size;
    if (wide) {
        pci_function_define(fn, PCI_BAR0 + 4 * bar + 4, 0, (uint32_t)(~(size - 1) >> 32));
        fn->bar_kind[bar + 1] = PCI_BAR_UPPER_HALF;
    }
    fn->writable[PCI_COMMAND / 4] |= io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    return true;
}

static void set_byte(struct pci_function *fn, unsigned offset, uint8_t value)
{
    unsigned shift = offset % 4 * 8;
    uint32_t merged = (*dword(fn, offset) & ~(0xffU << shift)) | (uint32_t)value << shift;
    *dword(fn, offset) = fn->initial[offset / 4] = merged;
}

// New capabilities are appended, so the guest meets them in the order in which they were added.
uint8_t pci_function_add_capability(struct pci_function *fn, uint8_t id, unsigned size)
{
    unsigned rounded = (size + 3) & ~3U;
    if (size < 2 || size > PCI_CONFIG_BYTES || !fn->free || fn->free + rounded > PCI_CONFIG_BYTES)
        return 0;
    uint8_t offset = fn->free;
    set_byte(fn, fn->last_capability ? fn->last_capability + 1U : PCI_CAPABILITIES, offset);
    set_byte(fn, offset, id);
    *dword(fn, PCI_COMMAND) |= (uint32_t)STATUS_CAPABILITIES << 16;
    fn->initial[PCI_COMMAND / 4] = *dword(fn, PCI_COMMAND);
    fn->last_capability = offset;
    fn->free = (uint8_t)(offset + rounded); // becomes 0 when the space is used up
    return offset;
}

static bool msix_part_fits(const struct pci_function *fn, unsigned bar, uint32_t offset, uint64_t bytes)
{
    bool memory =
        bar < PCI_BARS && (fn->bar_kind[bar] == PCI_BAR_MEMORY32 || fn->bar_kind[bar] == PCI_BAR_MEMORY64);
    return memory && offset % 8 == 0 && offset + bytes <= fn->bar_size[bar];
}

bool pci_function_add_msix(struct pci_function *fn, const struct pci_msix_layout *layout)
{
    uint64_t pba_bytes = (layout->vectors + UINT64_C(63)) / 64 * 8;
    if (fn->msix || layout->vectors < 1 || layout->vectors > 2048 ||
        !msix_part_fits(fn, layout->table_bar, layout->table_offset, layout->vectors * UINT64_C(16)) ||
        !msix_part_fits(fn, layout->pba_bar, layout->pba_offset, pba_bytes))
        return false;
    uint8_t offset = pci_function_add_capability(fn, CAPABILITY_MSIX, 12);
    if (!offset)
        return false;
    uint32_t control = (uint32_t)(layout->vectors - 1) << 16;
    pci_function_define(fn, offset, *dword(fn, offset) | control, MSIX_ENABLE | MSIX_MASK);
    pci_function_define(fn, offset + 4U, layout->table_offset | layout->table_bar, 0);
    pci_function_define(fn, offset + 8U, layout->pba_offset | layout->pba_bar, 0);
    fn->msix = offset;
    return true;
}

void pci_function_add_pin(struct pci_function *fn, unsigned pin)
{
    set_byte(fn, PCI_INTERRUPT + 1, (uint8_t)pin);
}

void pci_function_reset(struct pci_function *fn)
{
    for (unsigned i = 0; i < PCI_DWORDS; i++)
        fn->value[i] = fn->initial[i];
    fn->intx = 0;
}

uint32_t pci_function_read(const struct pci_function *fn, unsigned offset, unsigned size)
{
    uint32_t value = fn->value[offset / 4 % PCI_DWORDS] >> (offset % 4 * 8);
    return value & (UINT32_MAX >> (32 - 8 * size));
}

static uint32_t changes(const struct pci_function *fn, unsigned offset, uint32_t changed)
{
    uint32_t result = 0;
    if (offset == PCI_COMMAND) {
        result |= changed & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY) ? PCI_CHANGE_DECODE : 0;
        result |= changed & PCI_COMMAND_MASTER ? PCI_CHANGE_MASTER : 0;
        result |= changed & PCI_COMMAND_INTX_OFF ? PCI_CHANGE_INTX : 0;
    }
    if (offset >= PCI_BAR0 && offset < PCI_BAR0 + 4 * PCI_BARS)
        result |= changed ? PCI_CHANGE_DECODE : 0;
    if (fn->msix && offset == fn->msix)
        result |= changed & (MSIX_ENABLE | MSIX_MASK) ? PCI_CHANGE_MSIX : 0;
    return result;
}

uint32_t pci_function_write(struct pci_function *fn, unsigned offset, unsigned size, uint32_t value)
{
    unsigned i = offset / 4 % PCI_DWORDS, shift = offset % 4 * 8;
    uint32_t lanes = (UINT32_MAX >> (32 - 8 * size)) << shift;
    uint32_t written = value << shift, before = fn->value[i];
    uint32_t take = lanes & fn->writable[i];
    fn->value[i] = ((before & ~take) | (written & take)) & ~(written & lanes & fn->clear[i]);
    return changes(fn, i * 4, fn->value[i] ^ before);
}

void pci_function_place(struct pci_function *fn, unsigned bar, uint64_t base)
{
    pci_function_write(fn, PCI_BAR0 + 4 * bar, 4, (uint32_t)base);
    if (fn->bar_kind[bar] == PCI_BAR_MEMORY64)
        pci_function_write(fn, PCI_BAR0 + 4 * bar + 4, 4, (uint32_t)(base >> 32));
}

static uint64_t bar_base(const struct pci_function *fn, unsigned bar)
{
    const uint32_t *value = &fn->value[PCI_BAR0 / 4 + bar];
    const uint32_t *writable = &fn->writable[PCI_BAR0 / 4 + bar];
    uint64_t base = value[0] & writable[0];
    if (fn->bar_kind[bar] == PCI_BAR_MEMORY64)
        base |= (uint64_t)(value[1] & writable[1]) << 32;
    return base;
}

bool pci_function_window(const struct pci_function *fn, unsigned bar, struct pci_window *window)
{
    static const uint64_t last[] = {
        [PCI_BAR_IO] = 0xffff, [PCI_BAR_MEMORY32] = UINT32_MAX, [PCI_BAR_MEMORY64] = UINT64_MAX};
    uint8_t kind = fn->bar_kind[bar];
    if (kind == PCI_BAR_NONE || kind == PCI_BAR_UPPER_HALF)
        return false;
    uint32_t enable = kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    *window = (struct pci_window){bar_base(fn, bar), fn->bar_size[bar], kind == PCI_BAR_IO};
    return fn->value[PCI_COMMAND / 4] & enable && window->base &&
           window->base <= last[kind] - (window->size - 1);
}

void pci_function_drive_intx(struct pci_function *fn, bool level)
{
    const uint32_t bit = (uint32_t)STATUS_INTX << 16;
    fn->intx = level;
    *dword(fn, PCI_COMMAND) = (*dword(fn, PCI_COMMAND) & ~bit) | (level ? bit : 0);
}

bool pci_function_intx(const struct pci_function *fn)
{
    return fn->intx && !(fn->value[PCI_COMMAND / 4] & PCI_COMMAND_INTX_OFF) && !pci_function_msix_enabled(fn);
}

bool pci_function_master(const struct pci_function *fn)
{
    return fn->value[PCI_COMMAND / 4] & PCI_COMMAND_MASTER;
}

bool pci_function_msix_enabled(const struct pci_function *fn)
{
    return fn->msix && fn->value[fn->msix / 4] & MSIX_ENABLE;
}

bool pci_function_msix_masked(const struct pci_function *fn)
{
    return fn->msix && fn->value[fn->msix / 4] & MSIX_MASK;
}
