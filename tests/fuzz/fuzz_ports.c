// Fuzzes the ports of a VM with a driver that lies in every register, ring and message; so does the terminal
// SPDX-License-Identifier: MIT
// LINK:
//
// The real device code, its server killed now and then. Whatever the driver did, after a reset and an honest
// beginning the ports work.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "libipc/proto/layout.h"
#include "tests/unit/virtio_world.h"

#include "servers/ports/ports.c"

enum { RINGS = 0x1000, SIZE = 8, QUEUES = 6, PORTS = 2, DATA = 0x40000, TRANSMIT = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ports ports;
static uint64_t output_memory[PORTS][STREAM_PAGES * 512];
static uint64_t input_memory[PORTS][RING_PAGES(INPUT_RING_BYTES) * 512];

struct input {
    const uint8_t *at, *end;
};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && in->at < in->end; i++)
        value |= (uint64_t)*in->at++ << (8 * i);
    return value;
}

static void opened(void)
{
    ports.state = (struct ports_state *)(void *)world.device;
    for (uint32_t i = 0; i < PORTS; i++)
        ports_open(&ports, i, output_memory[i], input_memory[i]);
}

static void published(void)
{
    ports_publish(&ports);
}

static void begin(uint64_t features)
{
    memset(&ports, 0, sizeof ports);
    memset(output_memory, 0, sizeof output_memory);
    memset(input_memory, 0, sizeof input_memory);
    ports.count = PORTS;
    ports.name[0][0] = 'a';
    ports.name[1][0] = 'b';
    struct virtio v = {0};
    ports_prepare(&ports, &v);
    world_begin(&ports.kind);
    world.v.owner = v.owner;
    world.v.config = v.config;
    world.opened = opened;
    world.published = published;
    world_start();
    world_drive(features, QUEUES, SIZE, RINGS);
}

static void access(struct input *in, bool write)
{
    uint64_t offset = take(in, 2) % (VIRTIO_REGISTER_BYTES + 16);
    uint32_t size = 1u << take(in, 1) % 4;
    if (offset >= 0x40 && offset < 0x1000) // most of it is nothing
        offset &= 0x3f;
    if (write)
        world_write(offset, size, take(in, size));
    else
        (void)world_read(offset, size);
}

static void write_memory(struct input *in)
{
    uint64_t at = RINGS + take(in, 1) % QUEUES * WORLD_RING + take(in, 2) % 0x3000;
    uint64_t value = take(in, 2);
    memcpy(world_ram + at, &value, 2);
}

// A request that is well formed, as far as its ring is.
static void ask(struct input *in)
{
    unsigned queue = (unsigned)take(in, 1) % QUEUES;
    uint64_t at = DATA + take(in, 1) * 64;
    uint64_t message = take(in, 1) % 3 | take(in, 1) % 16 << 32 | take(in, 1) % 2 << 48;
    const struct world_buffer b = {at, (uint32_t)take(in, 2), take(in, 1) % 2};
    memcpy(world_ram + at, &message, sizeof message);
    if (world.driver[queue].free_count <= SIZE && world_add(queue, &b, 1) != UINT16_MAX)
        world_ring(UINT64_C(1) << queue);
}

static void stir(void *unused)
{
    (void)unused;
    ports_stir(&ports, &world.v);
    world_settle();
}

static void type(struct input *in)
{
    struct ring_shared *r = (struct ring_shared *)(void *)input_memory[take(in, 1) % PORTS];
    r->produced += take(in, 1) & 0x80 ? take(in, 8) : take(in, 1) % 32;
    (void)world_do(stir, NULL);
}

static void act(struct input *in)
{
    switch (take(in, 1) % 9) {
    case 0: access(in, false); break;
    case 1: access(in, true); break;
    case 2:
    case 3: write_memory(in); break;
    case 4:
    case 5: ask(in); break;
    case 6: type(in); break;
    case 7: world_arm(1 + take(in, 1)); break;
    default: world.page.control = (uint32_t)take(in, 1); world_bus();
    }
}

static void must_work(void)
{
    static const struct world_buffer b = {DATA, 8, false};
    uint64_t before;
    world_arm(0);
    world.page.resets++;
    world.page.control = BUS_CONTROL_MASTER | BUS_CONTROL_MSIX;
    world_bus();
    world_drive(PORTS_F_MULTIPORT, QUEUES, SIZE, RINGS);
    before = ring_last_produced(output_memory[1]);
    memcpy(world_ram + DATA, "honestly", 8);
    if (world_add(TRANSMIT, &b, 1) == UINT16_MAX)
        abort();
    world_ring(UINT64_C(1) << TRANSMIT);
    char said[8];
    uint32_t count = sizeof said;
    struct stream s = stream_open(output_memory[1], before);
    if (!stream_read(&s, said, &count) || count != 8 || memcmp(said, "honestly", 8) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    uint8_t first = (uint8_t)take(&in, 1);
    begin((first & 1 ? PORTS_F_MULTIPORT : 0) | (first & 2 ? VIRTIO_F_EVENT_IDX : 0) |
          (first & 4 ? VIRTIO_F_INDIRECT : 0));
    while (in.at < in.end)
        act(&in);
    must_work();
    return 0;
}
