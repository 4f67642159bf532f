// virtio-rng: random bytes for a guest, [VIRTIO] 5.4.
// SPDX-License-Identifier: MIT
//
// They come from the processor: RDRAND, [SDM] 1, 7.3.17. A buffer is filled from the front, as far as one
// request may keep the server; at least a byte is promised ([VIRTIO] 5.4.6.2), and no more. One whose server
// died before the guest saw it is filled anew; nobody can tell.
#include "libipc/log.h"
#include "servers/common/virtio_server.h"

const char program_name[] = "rng";

enum { ID = 4, CLASS_OTHER = 0xff0000, QUEUE_SIZE = 64, STATE_KIND = 0x676e72, VERSION = 1 };
enum { FILL_MOST = 4096, RDRAND_TRIES = 10, CPUID_FEATURES = 1, ECX_RDRAND = 1 << 30 };

static bool has_rdrand(void)
{
    uint32_t a = CPUID_FEATURES, b, c = 0, d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return c & ECX_RDRAND;
}

// The manual's advice: after ten tries in a row something is wrong with the hardware.
static uint64_t random_word(void)
{
    uint64_t word;
    for (unsigned i = 0; i < RDRAND_TRIES; i++) {
        bool good;
        asm volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
        if (good)
            return word;
    }
    die("the processor has no random numbers any more");
}

static uint32_t fill(struct virtq_stream *buffer)
{
    uint32_t filled = 0;
    while (buffer->bytes && filled < FILL_MOST) {
        uint64_t word = random_word();
        filled += (uint32_t)virtq_stream_put(buffer, &word, sizeof word);
    }
    return filled;
}

static void serve(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain request;
    while (virtq_take(q, &request)) {
        if (request.readable.bytes || !request.writable.bytes)
            virtio_fail(v, "fault-no-buffer", "a request that is no buffer to be filled");
        else
            virtq_done(q, request.position, fill(&request.writable));
    }
}

static const struct virtio_kind kind = {
    .id = ID, .class_code = CLASS_OTHER, .queues = 1, .queue_size = QUEUE_SIZE, .serve = serve};
static struct virtio_server server = {.virtio.kind = &kind, .state_kind = STATE_KIND, .version = VERSION};

int main(void)
{
    virtio_server_configure(&server, NULL, 0, NULL);
    if (!has_rdrand())
        die("this processor has no RDRAND");
    virtio_server_open(&server);
    virtio_server_run(&server);
}
