// The driver of the host's virtio network card: an uplink of the switch.
// SPDX-License-Identifier: MIT
//
// Life: windows and interrupt; reset the device, which ends whatever the dead incarnation had under way, and
// only then let it reach memory; move frames for ever.
#include "libipc/proto/layout.h"
#include "libipc/syscall.h"
#include "libipc/time.h"
#include "servers/common/driver.h"
#include "servers/common/virtio_driver.h"
#include "servers/drivers/virtio-net/uplink.h"

const char program_name[] = "drivers/virtio-net";

// Pages of its own DMA memory.
enum {
    PAGE_RECEIVE,
    PAGE_TRANSMIT = PAGE_RECEIVE + HOST_QUEUE_PAGES,
    PAGE_BUFFERS = PAGE_TRANSMIT + HOST_QUEUE_PAGES,
    PAGES = PAGE_BUFFERS + UPLINK_PAGES
};
_Static_assert(PAGES == VIRTIO_NET_DMA_PAGES, "as the manifest has it");

int main(void)
{
    static struct uplink uplink;
    driver_open(1);
    uplink.port = (struct net_port *)DRIVER_MAP_CHANNEL;
    uplink.stats = (struct stats_page *)MAP_STATS;
    virtio_driver_open(&uplink.function, 0);
    virtio_driver_queue(&uplink.receive, PAGE_RECEIVE);
    virtio_driver_queue(&uplink.transmit, PAGE_TRANSMIT);
    for (uint32_t i = 0; i < UPLINK_PAGES; i++)
        uplink.buffers[i] = virtio_driver_page(PAGE_BUFFERS + i);
    uplink_open(&uplink);
    for (;;) {
        bool more = uplink_serve(&uplink);
        if (uplink.tell)
            (void)!sys_signal(DRIVER_SLOT_CLIENT); // its notification outlives it
        uplink.tell = false;
        (void)driver_clients(); // the rings say what there is
        if (more)
            driver_look();
        else
            driver_wait(DEADLINE_NONE);
    }
}
