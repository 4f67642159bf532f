// Rights to PCI functions of the host.
// SPDX-License-Identifier: MIT
//
// [PCI] 3.2.2.3.2 configuration mechanism 1, 6.2.2 the command register. Configuration space is the kernel's:
// a driver reads it, and says which of its function's abilities are on. So the kernel knows for whom a
// function reaches memory, and ends that, and its interrupts, with that process.
#include "kernel/device.h"

#include "kernel/platform/x86.h"
#include "kernel/syscalls.h"
#include "kernel/thread.h"
#include "libipc/abi/syscall.h"

enum { ADDRESS = 0xcf8, DATA = 0xcfc /* ports */, ID = 0, COMMAND = 4, CONFIGURATION_BYTES = 256 };

static struct node devices = {&devices, &devices};

static uint32_t read_dword(const struct device *d, uint64_t offset)
{
    outl(ADDRESS, UINT32_C(1) << 31 | d->function << 8 | (uint32_t)offset);
    return inl(DATA);
}

// The status register, above it, takes zeros without effect.
static void enable(struct device *d, uint32_t abilities, struct process *master)
{
    uint32_t command = read_dword(d, COMMAND) & UINT16_MAX & ~(uint32_t)DEVICE_ABILITIES;
    outl(DATA, command | abilities);
    d->master = master;
}

enum status device_make(void *o, const struct request *r)
{
    struct device *d = o;
    list_init(&d->node);
    d->function = (uint32_t)r->a[2];
    if (r->a[2] > UINT16_MAX)
        return STATUS_BAD_ARG;
    if (read_dword(d, ID) == UINT32_MAX)
        return STATUS_NOT_FOUND;
    for (const struct node *n = devices.next; n != &devices; n = n->next)
        if (CONTAINER(n, struct device, node)->function == d->function)
            return STATUS_EXISTS;
    enable(d, DEVICE_NO_INTERRUPT, NULL); // whatever the firmware left on
    list_append(&devices, &d->node);
    return STATUS_OK;
}

bool device_release(void *o)
{
    struct device *d = o;
    if (d->master)
        enable(d, DEVICE_NO_INTERRUPT, NULL);
    list_remove(&d->node);
    return true;
}

void device_fence(const struct process *p)
{
    for (struct node *n = devices.next; n != &devices; n = n->next) {
        struct device *d = CONTAINER(n, struct device, node);
        if (d->master == p)
            enable(d, DEVICE_NO_INTERRUPT, NULL);
    }
}

static enum status answer(uint64_t word)
{
    current_thread()->utcb->words[0] = word;
    return STATUS_OK;
}

static enum status read(const struct request *r)
{
    if (r->a[2] >= CONFIGURATION_BYTES || r->a[2] % 4)
        return STATUS_BAD_ARG;
    return answer(read_dword(r->object[0], r->a[2]));
}

static enum status set_abilities(const struct request *r)
{
    if (r->a[2] & ~(uint64_t)DEVICE_ABILITIES)
        return STATUS_BAD_ARG;
    enable(r->object[0], (uint32_t)r->a[2], r->a[2] & DEVICE_MASTER ? r->self : NULL);
    return STATUS_OK;
}

// A borrowed page is not the object's to be written to.
static enum status address(const struct request *r)
{
    const struct memory *m = r->object[2];
    uint64_t slot = r->a[3] < m->pages ? memory_slot(m, r->a[3]) : 0;
    return slot && !(slot & ENTRY_BORROWED) ? answer(entry_address(slot)) : STATUS_NOT_FOUND;
}

uint32_t sys_device_ctl(struct request *r)
{
    static const struct operation operations[DEVICE_OPS] = {
        [DEVICE_READ] = {read, 0},
        [DEVICE_ENABLE] = {set_abilities, 0},
        [DEVICE_ADDRESS] = {address, NEED(MEMORY, RIGHT_READ | RIGHT_WRITE)},
    };
    return control(r, OBJECT_DEVICE, operations, DEVICE_OPS);
}
