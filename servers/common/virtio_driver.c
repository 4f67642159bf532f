// A driver of a virtio function of the host as a process.
// SPDX-License-Identifier: MIT
#include "servers/common/virtio_driver.h"

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/status.h"
#include "libipc/syscall.h"

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

static void enable(uint32_t abilities)
{
    must(sys_device_ctl(DRIVER_SLOT_DEVICE, DEVICE_ENABLE, abilities, 0), "the device");
}

void virtio_driver_open(struct host_function *f, uint32_t config_bytes)
{
    const char *missing = host_find_places(config, VIRTIO_DRIVER_BAR, VIRTIO_DRIVER_BAR_PAGES * DMA_PAGE,
                                           config_bytes, &f->places);
    if (missing)
        die("the device has %s in its BAR %u", missing, VIRTIO_DRIVER_BAR);
    enable(DEVICE_MEMORY);
    if (!host_function_reset(f))
        die("the device cannot be reset");
    enable(DEVICE_MEMORY | DEVICE_MASTER);
}

uint64_t virtio_driver_address(uint32_t memory, uint64_t page)
{
    must(sys_device_ctl(DRIVER_SLOT_DEVICE, DEVICE_ADDRESS, memory, page), "the address of a page");
    return utcb()->words[0];
}

struct dma_page virtio_driver_page(uint32_t page)
{
    return (struct dma_page){(char *)DRIVER_MAP_DMA + page * DMA_PAGE,
                             virtio_driver_address(DRIVER_SLOT_DMA, page)};
}

void virtio_driver_queue(struct host_queue *q, uint32_t page)
{
    q->descriptors = virtio_driver_page(page);
    q->available = virtio_driver_page(page + 1);
    q->used = virtio_driver_page(page + 2);
}
