// PCI bus 0 behind configuration mechanism 1
// SPDX-License-Identifier: MIT
//
// [PCI] 3.2.2.3.2 "Software generation of configuration transactions". The bridges look like an Intel 440FX
// and a PIIX3 because every guest knows these; nothing of the chips beyond their header is there. 440FX:
// Intel 290549; PIIX3: Intel 290550.
#include "servers/vmm/dev/pci_host.h"

#include <stddef.h>

#define ADDRESS_ENABLE   (UINT32_C(1) << 31)
#define ADDRESS_WRITABLE UINT32_C(0x80fffffc)

enum { HEADER_MULTIFUNCTION = 0x80 };
enum { PIIX3_PIRQ = 0x60, PIIX3_DLC = 0x80 };

static void add_host_bridge(struct pci_host *host)
{
    static const struct pci_identity identity = {
        .vendor = 0x8086, .device = 0x1237, .class_code = 0x060000, .revision = 2};
    struct pci_function *fn = pci_host_add(host, PCI_DEVFN_HOST, &identity);
    // Memory access and bus mastering cannot be switched off.
    pci_function_define(fn, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, PCI_COMMAND_SERR);
}

static void add_isa_bridge(struct pci_host *host)
{
    static const struct pci_identity identity = {.vendor = 0x8086, .device = 0x7000, .class_code = 0x060100};
    struct pci_function *fn = pci_host_add(host, PCI_DEVFN_ISA, &identity);
    pci_function_define(fn, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
                        PCI_COMMAND_SERR);
    pci_function_define(fn, PIIX3_PIRQ, 0x80808080, 0x8f8f8f8f); // PIRQA to D: not routed
    pci_function_define(fn, PIIX3_DLC, UINT32_C(1) << 17, 0);    // passive release is on
}

void pci_host_init(struct pci_host *host)
{
    *host = (struct pci_host){0};
    add_host_bridge(host);
    add_isa_bridge(host);
}

void pci_host_reset(struct pci_host *host)
{
    host->address = 0;
    for (unsigned i = 0; i < host->count; i++)
        pci_function_reset(&host->function[i]);
}

struct pci_function *pci_host_find(struct pci_host *host, uint8_t devfn)
{
    return host->slot[devfn] ? &host->function[host->slot[devfn] - 1] : NULL;
}

// Function 0 says whether its device has others.
static void mark_multifunction(struct pci_host *host, uint8_t devfn)
{
    struct pci_function *first = pci_host_find(host, devfn & ~7 & 0xff);
    bool others = false;
    for (unsigned i = devfn & ~7U; ++i <= (devfn | 7U);)
        others |= host->slot[i] != 0;
    if (first && others)
        pci_function_define(first, PCI_HEADER, first->initial[PCI_HEADER / 4] | HEADER_MULTIFUNCTION << 16,
                            first->writable[PCI_HEADER / 4]);
}

struct pci_function *pci_host_add(struct pci_host *host, uint8_t devfn, const struct pci_identity *identity)
{
    if (host->slot[devfn] || host->count == PCI_FUNCTIONS)
        return NULL;
    host->slot[devfn] = ++host->count;
    struct pci_function *fn = pci_host_find(host, devfn);
    pci_function_init(fn, identity);
    fn->devfn = devfn;
    mark_multifunction(host, devfn);
    return fn;
}

struct io_result pci_address_read(void *state, const struct io_access *io, uint64_t now)
{
    (void)io, (void)now;
    return (struct io_result){.value = ((struct pci_host *)state)->address};
}

uint32_t pci_address_write(void *state, const struct io_access *io, uint64_t now)
{
    (void)now;
    ((struct pci_host *)state)->address = io->value & ADDRESS_WRITABLE;
    return 0;
}

uint8_t pci_host_selected(const struct pci_host *host)
{
    return (uint8_t)(host->address >> 8);
}

struct pci_function *pci_host_selected_function(struct pci_host *host)
{
    bool bus0 = (host->address >> 16 & 0xff) == 0;
    return host->address & ADDRESS_ENABLE && bus0 ? pci_host_find(host, pci_host_selected(host)) : NULL;
}

unsigned pci_host_selected_offset(const struct pci_host *host, const struct io_access *io)
{
    return (host->address & 0xfc) + (io->port & 3);
}

struct io_result pci_data_read(void *state, const struct io_access *io, uint64_t now)
{
    (void)now;
    struct pci_host *host = state;
    const struct pci_function *fn = pci_host_selected_function(host);
    if (!fn) // an aborted cycle
        return (struct io_result){.value = UINT32_MAX >> (32 - 8 * io->size)};
    return (struct io_result){.value = pci_function_read(fn, pci_host_selected_offset(host, io), io->size)};
}

uint32_t pci_data_write(void *state, const struct io_access *io, uint64_t now)
{
    (void)now;
    struct pci_host *host = state;
    struct pci_function *fn = pci_host_selected_function(host);
    uint32_t changes =
        fn ? pci_function_write(fn, pci_host_selected_offset(host, io), io->size, io->value) : 0;
    return (changes & PCI_CHANGE_DECODE ? PORT_DECODE : 0U) |
           (changes & (PCI_CHANGE_INTX | PCI_CHANGE_MSIX) ? PORT_LINE : 0U) |
           (changes & (PCI_CHANGE_MASTER | PCI_CHANGE_MSIX) ? PORT_FUNCTION : 0U);
}

uint32_t pci_host_lines(const struct pci_host *host)
{
    uint32_t lines = 0;
    for (const struct pci_function *fn = host->function; fn < host->function + host->count; fn++) {
        uint32_t pin = pci_function_read(fn, PCI_INTERRUPT + 1, 1);
        if (pin && pci_function_intx(fn))
            lines |= 1U << pci_intx_gsi(fn->devfn, pin - 1) | 1U << pci_intx_irq(fn->devfn, pin - 1);
    }
    return lines;
}

unsigned pci_intx_gsi(uint8_t devfn, unsigned pin)
{
    return PCI_FIRST_GSI + ((devfn >> 3) + pin) % PCI_GSIS;
}

unsigned pci_intx_irq(uint8_t devfn, unsigned pin)
{
    return 10 + ((devfn >> 3) + pin) % 2;
}
