// The MSI-X table and pending bits of one function
// SPDX-License-Identifier: MIT
//
// [PCI] 6.8.2 "MSI-X capability & table structures".
#include "servers/vmm/dev/pci_msix.h"

#include <string.h>

enum { ENTRY_BYTES = 16, CONTROL_MASKED = 1 };
#define ADDRESS_WRITABLE ~UINT64_C(3)

void pci_msix_reset(struct pci_msix *m)
{
    *m = (struct pci_msix){.masked = UINT64_MAX};
    for (unsigned i = 0; i < BUS_VECTORS_MAX; i++)
        m->entry[i].control = CONTROL_MASKED;
}

static uint32_t read_dword(const struct pci_msix *m, unsigned vectors, unsigned offset)
{
    uint32_t word[ENTRY_BYTES / 4];
    if (offset / ENTRY_BYTES < vectors) {
        memcpy(word, &m->entry[offset / ENTRY_BYTES], sizeof word);
        return word[offset % ENTRY_BYTES / 4];
    }
    if (offset / 8 != PCI_MSIX_PBA / 8)
        return 0;
    return (uint32_t)((m->pending & pci_msix_vectors(vectors)) >> (offset % 8 * 8));
}

uint64_t pci_msix_read(const struct pci_msix *m, unsigned vectors, unsigned offset, unsigned size)
{
    unsigned at = offset & ~3U;
    uint64_t value = read_dword(m, vectors, at) | (uint64_t)read_dword(m, vectors, at + 4) << 32;
    value >>= offset % 4 * 8;
    return size < 8 ? value & ((UINT64_C(1) << 8 * size) - 1) : value;
}

static void write_dword(struct pci_msix *m, unsigned vectors, unsigned offset, uint32_t value)
{
    unsigned i = offset / ENTRY_BYTES;
    if (i >= vectors)
        return; // pending bits are read-only
    struct pci_msix_entry *e = &m->entry[i];
    uint64_t bit = UINT64_C(1) << i;
    switch (offset % ENTRY_BYTES) {
    case 0: e->address = ((e->address >> 32 << 32) | value) & ADDRESS_WRITABLE; break;
    case 4: e->address = (e->address & UINT32_MAX) | (uint64_t)value << 32; break;
    case 8: e->data = value; break;
    default:
        e->control = value & CONTROL_MASKED;
        m->masked = value & CONTROL_MASKED ? m->masked | bit : m->masked & ~bit;
    }
}

void pci_msix_write(struct pci_msix *m, unsigned vectors, unsigned offset, unsigned size, uint64_t value)
{
    if (size < 4 || offset % 4)
        return;
    write_dword(m, vectors, offset, (uint32_t)value);
    if (size == 8)
        write_dword(m, vectors, offset + 4, (uint32_t)(value >> 32));
}
