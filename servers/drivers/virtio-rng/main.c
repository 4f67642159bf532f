// The driver of the host's virtio-rng.
// SPDX-License-Identifier: MIT
//
// Life: windows and interrupt; reset the device, which ends whatever the dead incarnation had under way, and
// only then let it reach memory; serve the channels for ever. Channel n is that of the n-th rng server; its
// configuration, {"channels": N}, says how many there are.
#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/syscall.h"
#include "libipc/time.h"
#include "servers/common/driver.h"
#include "servers/common/virtio_driver.h"
#include "servers/drivers/virtio-rng/source.h"

const char program_name[] = "drivers/virtio-rng";

// Pages of its own DMA memory.
enum { PAGE_QUEUE, PAGE_BUFFERS = PAGE_QUEUE + HOST_QUEUE_PAGES, PAGES = PAGE_BUFFERS + SOURCE_PAGES };
_Static_assert(PAGES == VIRTIO_RNG_DMA_PAGES, "as the manifest has it");

enum { WINDOW = 0x200000, TOKENS_MAX = 8 };

static uint32_t read_config(void)
{
    static const struct json_field fields[] = {
        {.key = "channels", .kind = JSON_NUMBER, .most = DRIVER_CHANNELS_MAX}};
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    struct json j;
    struct json_node root;
    uint64_t channels = 0;
    if (!json_open(&j, (const char *)MAP_CONFIG, tokens, sizeof tokens, &root) ||
        !json_read(&j, root, "the driver's configuration", JSON_FIELDS(fields), &channels))
        die("%s", j.error);
    return (uint32_t)channels;
}

int main(void)
{
    static struct source source;
    driver_open(1);
    source.count = read_config();
    for (uint32_t n = 0; n < source.count; n++)
        source.channel[n] = (struct random_channel *)(DRIVER_MAP_CHANNEL + n * (uint64_t)WINDOW);
    virtio_driver_open(&source.function, 0);
    virtio_driver_queue(&source.queue, PAGE_QUEUE);
    for (uint32_t i = 0; i < SOURCE_PAGES; i++)
        source.buffers[i] = virtio_driver_page(PAGE_BUFFERS + i);
    source_open(&source);
    for (;;) {
        for (uint64_t told = source_serve(&source, driver_clients()); told; told &= told - 1)
            (void)!sys_signal(DRIVER_SLOT_CLIENT + (uint32_t)__builtin_ctzll(told)); // or it went with its VM
        driver_wait(DEADLINE_NONE);
    }
}
