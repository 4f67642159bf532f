// The driver of the host's virtio disk.
// SPDX-License-Identifier: MIT
//
// Life: windows and interrupt; reset the device, which ends whatever the dead incarnation had under way, and
// only then let it reach memory; learn what it is; serve the channels for ever.
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "servers/common/block_driver.h"
#include "servers/drivers/virtio-blk/disk.h"

const char program_name[] = "drivers/virtio-blk";

// Pages of its own DMA memory.
enum {
    PAGE_DESCRIPTORS,
    PAGE_AVAILABLE,
    PAGE_USED,
    PAGE_REQUESTS,
    PAGE_TABLE,
    PAGES = PAGE_TABLE + BLOCK_TABLE_PAGES
};
_Static_assert(PAGES == VIRTIO_BLK_DMA_PAGES, "as the manifest has it");
_Static_assert(sizeof(struct disk_requests) <= BLOCK_PAGE, "one page");

static void must(enum status s, const char *what)
{
    if (s != STATUS_OK)
        die("%s: %s", what, status_name(s));
}

static uint32_t config(uint32_t offset)
{
    must(sys_device_ctl(DRIVER_SLOT_DEVICE, DEVICE_READ, offset, 0), "configuration space");
    return (uint32_t)utcb()->words[0];
}

static uint64_t address_of(uint32_t memory, uint64_t page)
{
    must(sys_device_ctl(DRIVER_SLOT_DEVICE, DEVICE_ADDRESS, memory, page), "the address of a page");
    return utcb()->words[0];
}

static struct queue_page own_page(uint32_t page)
{
    return (struct queue_page){(char *)DRIVER_MAP_DMA + page * BLOCK_PAGE, address_of(DRIVER_SLOT_DMA, page)};
}

static void find_memory(struct block_memory *m, uint32_t slot, uint32_t first, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        m->pages[i] = address_of(slot, first + i);
    m->has_addresses = true;
}

// Memory is decoded before the reset, and reached only behind it.
static void open_function(struct disk *d)
{
    const char *missing = virtio_find_places(config, VIRTIO_BLK_BAR, VIRTIO_BLK_BAR_PAGES * BLOCK_PAGE,
                                             DISK_CONFIG_BYTES, &d->function.places);
    if (missing)
        die("the device has %s in its BAR %u", missing, VIRTIO_BLK_BAR);
    must(sys_device_ctl(DRIVER_SLOT_DEVICE, DEVICE_ENABLE, DEVICE_MEMORY, 0), "the device");
    if (!function_reset(&d->function))
        die("the device cannot be reset");
    must(sys_device_ctl(DRIVER_SLOT_DEVICE, DEVICE_ENABLE, DEVICE_MEMORY | DEVICE_MASTER, 0), "the device");
}

int main(void)
{
    static struct block_service service;
    static struct disk disk;
    struct queue_page requests;
    block_driver_open(&service, 1);
    open_function(&disk);
    disk.queue.descriptors = own_page(PAGE_DESCRIPTORS);
    disk.queue.available = own_page(PAGE_AVAILABLE);
    disk.queue.used = own_page(PAGE_USED);
    requests = own_page(PAGE_REQUESTS);
    disk.requests = requests.at;
    disk.address = requests.address;
    service.table.data = (uint8_t *)own_page(PAGE_TABLE).at;
    find_memory(&service.table, DRIVER_SLOT_DMA, PAGE_TABLE, BLOCK_TABLE_PAGES);
    for (uint32_t i = 0; i < service.port_count; i++)
        find_memory(&service.ports[i].buffer, DRIVER_SLOT_BUFFER + i, 0, BLOCK_PAGES);
    service.backend = (struct block_backend){.device = &disk,
                                             .submit = disk_submit,
                                             .poll = disk_poll,
                                             .deadline = disk_deadline,
                                             .depth = BLOCK_JOBS_MAX,
                                             .disk_count = 1};
    disk_open(&disk, &service.backend.disks[0]);
    block_driver_run(&service);
}
