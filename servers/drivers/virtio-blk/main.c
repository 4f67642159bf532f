// The driver of the host's virtio disk.
// SPDX-License-Identifier: MIT
//
// Life: windows and interrupt; reset the device, which ends whatever the dead incarnation had under way, and
// only then let it reach memory; learn what it is; serve the channels for ever.
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "servers/common/block_driver.h"
#include "servers/common/virtio_driver.h"
#include "servers/drivers/virtio-blk/disk.h"

const char program_name[] = "drivers/virtio-blk";

// Pages of its own DMA memory.
enum {
    PAGE_QUEUE,
    PAGE_REQUESTS = PAGE_QUEUE + HOST_QUEUE_PAGES,
    PAGE_TABLE,
    PAGES = PAGE_TABLE + BLOCK_TABLE_PAGES
};
_Static_assert(PAGES == VIRTIO_BLK_DMA_PAGES, "as the manifest has it");
_Static_assert(sizeof(struct disk_requests) <= DMA_PAGE, "one page");

static void find_memory(struct block_memory *m, uint32_t slot, uint32_t first, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        m->pages[i] = virtio_driver_address(slot, first + i);
    m->has_addresses = true;
}

int main(void)
{
    static struct block_service service;
    static struct disk disk;
    block_driver_open(&service, 1);
    virtio_driver_open(&disk.function, DISK_CONFIG_BYTES);
    virtio_driver_queue(&disk.queue, PAGE_QUEUE);
    struct dma_page requests = virtio_driver_page(PAGE_REQUESTS);
    disk.requests = requests.at;
    disk.address = requests.address;
    service.table.data = virtio_driver_page(PAGE_TABLE).at;
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
