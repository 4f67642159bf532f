// PCI functions of the host, for the drivers that the manifest names.
// SPDX-License-Identifier: MIT
//
// Only who holds a function's object may look at it, so the supervisor holds one after the other while it
// looks for what the manifest wants; once, before it makes any to keep.
#include "libipc/syscall.h"
#include "servers/init/init.h"
#include "servers/init/pci.h"

// Whom SLOT_PROBED holds.
static uint32_t probed = UINT32_MAX;

static uint32_t read_held(uint32_t slot, uint32_t offset)
{
    enum status s = sys_device_ctl(slot, DEVICE_READ, offset, 0);
    return s == STATUS_OK ? (uint32_t)utcb()->words[0] : UINT32_MAX;
}

static uint32_t read_any(uint32_t function, uint32_t offset)
{
    if (probed != function) {
        (void)!sys_destroy(SLOT_PROBED);
        (void)!sys_create(OBJECT_DEVICE, SLOT_PROBED, ROOT_SLOT_PROCESS, function, ROOT_SLOT_SYSTEM, 0, 0);
        probed = function;
    }
    return read_held(SLOT_PROBED, offset);
}

bool device_find(uint32_t id, uint32_t index, uint16_t *function)
{
    static struct pci_functions functions;
    static bool scanned;
    if (!scanned)
        pci_scan(read_any, &functions);
    (void)!sys_destroy(SLOT_PROBED);
    scanned = true;
    return pci_find(&functions, id, index, function);
}

const char *device_bar(uint32_t slot, uint32_t bar, uint64_t *address)
{
    return pci_bar(read_held, slot, bar, address);
}

const char *device_interrupt(uint32_t slot, uint32_t *gsi)
{
    return pci_interrupt(read_held, slot, gsi);
}
