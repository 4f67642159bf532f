// Fuzzes the switch with a port whose server writes anything into its rings, at any moment
// SPDX-License-Identifier: MIT
// LINK: servers/switch/addresses.c servers/switch/forward.c servers/switch/ports.c servers/switch/rules.c
// LINK: servers/common/net_head.c servers/common/copy.c libipc/json.c
//
// Two honest ports exchange frames all the while and lose none; one of another group hears nothing; and what
// the liar's reaches others comes from his own address, without a tag, and as a head that can be.
#include "servers/common/net_head.h"
#include "tests/unit/switch_world.h"

enum { LIAR, ONE, TWO, ELSEWHERE, LIAR_ADDRESS = 1 };
#define ADDRESS(n) (UINT64_C(0x524248000000) | (n))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

// Any bytes of the rings' heads, of the first cells, or where the switch looks next.
static void lie(struct input *in)
{
    uint64_t what = take(in, 1), bytes = 1 + take(in, 1) % 16;
    uint64_t at = what % 4 == 0   ? NET_AT_TO + take(in, 1) % 64
                  : what % 4 == 1 ? NET_AT_FROM + take(in, 1)
                  : what % 4 == 2
                      ? NET_AT_TO + 128 + take(in, 2)
                      : NET_AT_TO + 128 + world.state[LIAR].taken % NET_CELLS * NET_CELL + take(in, 1) % 64;
    for (uint64_t i = 0; i < bytes && at + i < NET_PORT_BYTES; i++)
        if (at + i >= NET_AT_TO)
            world_memory[LIAR][at + i] = (uint8_t)take(in, 1);
}

// A frame that is well formed, more or less.
static void forge(struct input *in)
{
    static uint8_t frame[NET_FRAME_MAX];
    struct ring *r = &world.to[LIAR];
    struct net_head head = {.bytes = (uint32_t)take(in, 2), .flags = (uint8_t)take(in, 1)};
    head.segmentation = (uint8_t)take(in, 1);
    head.segment_bytes = (uint16_t)take(in, 2);
    head.sum_start = (uint16_t)take(in, 1);
    head.sum_offset = (uint16_t)take(in, 1);
    for (unsigned i = 0; i < 18; i++)
        frame[i] = (uint8_t)take(in, 1);
    if (take(in, 1) % 2)
        world_address(frame + NET_ADDRESS, ADDRESS(LIAR_ADDRESS));
    if (take(in, 1) % 2)
        world_address(frame, ADDRESS(1 + take(in, 1) % 4));
    r->position = world.state[LIAR].taken; // wherever his lies have led
    r->shared->consumed = r->position;
    if (head.bytes <= NET_FRAME_MAX)
        world_put(LIAR, &head, frame);
    r->shared->produced = r->position + net_cells(head.bytes);
}

static void check_liar(const struct net_head *head, const uint8_t *frame)
{
    struct net_head copy = *head;
    if (address_of(frame + NET_ADDRESS) != ADDRESS(LIAR_ADDRESS) ||
        net_head_check(&copy, NET_OFFERS_ALL) != NET_GOOD || memcmp(&copy, head, sizeof copy) != 0)
        abort();
    if (frame[NET_TAG_AT] == WORLD_TAG >> 8 && frame[NET_TAG_AT + 1] == 0 &&
        ((frame[NET_TAG_AT + 2] & 0xf) || frame[NET_TAG_AT + 3]))
        abort();
}

// Takes all that the honest ports got; counts their own frames, which come in order.
static void receive(uint32_t port, uint32_t *got)
{
    static uint8_t frame[NET_FRAME_MAX];
    struct net_head head;
    for (uint32_t bytes; (bytes = world_receive(port, &head, frame));) {
        struct world_frame f = {
            .to = ADDRESS(port + 1), .from = ADDRESS(port == ONE ? TWO + 1 : ONE + 1), .number = *got};
        if (world_is(frame, bytes, f))
            ++*got;
        else
            check_liar(&head, frame);
    }
}

static void exchange(void)
{
    static uint32_t sent[2], got[2];
    static uint8_t frame[200];
    for (uint32_t port = ONE; port <= TWO; port++) {
        world_make(frame, (struct world_frame){.to = ADDRESS(port == ONE ? TWO + 1 : ONE + 1),
                                               .from = ADDRESS(port + 1),
                                               .number = sent[port - ONE]++,
                                               .bytes = 60 + sent[port - ONE] % 100});
        if (!world_send(port, frame, 60 + sent[port - ONE] % 100))
            abort();
    }
    world_run();
    receive(ONE, &got[1]);
    receive(TWO, &got[0]);
    if (got[0] != sent[0] || got[1] != sent[1])
        abort();
}

static void begin(void)
{
    world_begin();
    world_plug(LIAR, "{\"groups\": 1, \"check\": true, \"address\": \"0x524248000001\", \"frames\": 100000, "
                     "\"frames_burst\": 64}");
    world_plug(ONE, "{\"groups\": 1, \"check\": true, \"address\": \"0x524248000002\"}");
    world_plug(TWO, "{\"groups\": 1, \"check\": true, \"address\": \"0x524248000003\"}");
    world_plug(ELSEWHERE, "{\"groups\": 2}");
    world_run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    begin();
    world.one_in = 40;
    while (in.at < in.end) {
        uint64_t what = take(&in, 1);
        if (what % 8 < 3)
            lie(&in);
        else if (what % 8 < 6)
            forge(&in);
        else
            exchange();
        world.now += what;
        if (what & 0x80)
            (void)world_turn(LIAR);
    }
    exchange();
    struct net_head head;
    uint8_t frame[1];
    if (world_receive(ELSEWHERE, &head, frame))
        abort();
    return 0;
}
