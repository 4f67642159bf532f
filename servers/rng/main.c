// virtio-rng: random bytes for a guest, [VIRTIO] 5.4.
// SPDX-License-Identifier: MIT
//
// They come from the processor, or from the host's device by a channel; the configuration says which may be
// used: {"memory": ..., "rdrand": true, "host": true}. A buffer is filled from the front with what there is:
// at least a byte is promised ([VIRTIO] 5.4.6.2), and no more. While the channel has nothing the requests
// wait in the guest's queue. One whose server died before the guest saw it is filled anew; nobody can tell.
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/start.h"
#include "servers/common/virtio_server.h"
#include "servers/rng/channel.h"
#include "servers/rng/processor.h"

const char program_name[] = "rng";

enum { ID = 4, CLASS_OTHER = 0xff0000, QUEUE_SIZE = 64, STATE_KIND = 0x676e72, VERSION = 1 };

static struct {
    bool rdrand, host;
} config;

static const struct json_field fields[] = {
    {.key = "rdrand", .offset = offsetof(typeof(config), rdrand), .kind = JSON_BOOL},
    {.key = "host", .offset = offsetof(typeof(config), host), .kind = JSON_BOOL},
};

static bool from_host;
static struct channel channel;

static bool is_ready(void)
{
    return !from_host || channel_ready(&channel);
}

static uint32_t fill(struct virtq_stream *buffer)
{
    return from_host ? channel_fill(&channel, buffer) : processor_fill(buffer);
}

static void serve(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain request;
    while (is_ready() && virtq_take(q, &request)) {
        if (request.readable.bytes || !request.writable.bytes)
            virtio_fail(v, "fault-no-buffer", "a request that is no buffer to be filled");
        else
            virtq_done(q, request.position, fill(&request.writable));
    }
}

static void peer(struct virtio_server *s)
{
    virtio_serve_all(&s->virtio);
}

static void publish(struct virtio_server *s)
{
    (void)s;
    if (!channel.tell)
        return;
    channel.tell = false;
    (void)!sys_signal(DEVICE_SLOT_PEER); // notifications outlive their servers
}

static const struct virtio_kind kind = {
    .id = ID, .class_code = CLASS_OTHER, .queues = 1, .queue_size = QUEUE_SIZE, .serve = serve};
static struct virtio_server server = {
    .virtio.kind = &kind, .state_kind = STATE_KIND, .version = VERSION, .peer = peer, .publish = publish};

int main(void)
{
    virtio_server_configure(&server, JSON_FIELDS(fields), &config);
    from_host = config.host && !(config.rdrand && processor_has_random());
    if (!from_host && !processor_has_random())
        die("this processor has no RDRAND");
    if (from_host)
        channel_open(&channel, (struct random_channel *)DEVICE_MAP_CHANNEL);
    if (from_host && config.rdrand)
        log_line(program_start.kind == START_FRESH ? LOG_INFO : LOG_DEBUG,
                 "this processor has no RDRAND: the numbers are the host's device's");
    virtio_server_open(&server);
    virtio_server_run(&server);
}
