// Stands in for a virtio device that has failed for good.
// SPDX-License-Identifier: MIT
#include "servers/failed/virtio.h"

#include "libipc/log.h"
#include "servers/common/virtio_server.h"

enum { BLOCK_DEVICE = 2, CONSOLE_DEVICE = 3, BLOCK_IO_ERROR = 1, CONFIG_BYTES = 64 };

// What a disk's driver looks at whenever it is told of a change comes first: its size.
static uint64_t device_config[CONFIG_BYTES / sizeof(uint64_t)];
static struct virtio_kind kind = {.queue_size = VIRTQ_SIZE_MAX, .config_bytes = CONFIG_BYTES};
static struct virtio_server server = {.virtio = {.kind = &kind, .config = device_config}};

// [VIRTIO] 5.2.6: the last byte says how a request went.
static void fail_requests(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain c;
    (void)v;
    while (virtq_take(q, &c)) {
        uint8_t *status = virtq_stream_last(&c.writable);
        if (status)
            *status = BLOCK_IO_ERROR;
        virtq_done(q, c.position, status && !c.writable.bytes);
    }
}

// [VIRTIO] 5.3.2: what the guest sends goes by queues of odd numbers. It is thrown away, since a driver may
// wait for its end without letting the processor go.
static void throw_away(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain c;
    (void)v;
    while (q->number % 2 && virtq_take(q, &c))
        virtq_done(q, c.position, 0);
}

static void serve_nothing(struct virtio *v, struct virtqueue *q)
{
    (void)q;
    virtio_fail(v, "failed", "its device has failed for good");
}

_Noreturn void virtio_stand_in(uint16_t id, uint16_t queues, uint64_t sectors)
{
    device_config[0] = sectors;
    kind.id = id;
    kind.queues = queues;
    kind.serve = id == BLOCK_DEVICE ? fail_requests : id == CONSOLE_DEVICE ? throw_away : serve_nothing;
    virtio_server_configure(&server, NULL, 0, NULL);
    virtio_server_open(&server);
    kind.features = server.virtio.state->driver_features; // whatever was agreed on holds
    virtio_server_run(&server);
}
