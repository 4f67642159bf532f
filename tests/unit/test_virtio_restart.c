// A virtio device that dies at any step: nothing is lost, nothing of a stream runs twice
// SPDX-License-Identifier: MIT
// LINK:
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/virtio_world.h"

enum { DATA = 0x40000, RINGS = 0x1000, SIZE = 8, REQUESTS = 40, SLOT = 0x100, OUT = 4096 };

// A stream's end: what lies behind the committed position counts for nothing.
struct stream_state {
    uint64_t position;
    uint64_t requests;
};
static uint8_t out[OUT];

static uint8_t letter(unsigned i)
{
    return (uint8_t)('a' + i * 7 % 26);
}

static void serve_block(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain c;
    (void)v;
    while (virtq_take(q, &c)) {
        uint8_t bytes[SLOT];
        size_t n = virtq_stream_get(&c.readable, bytes, sizeof bytes);
        world_step();
        virtq_done(q, c.position, (uint32_t)virtq_stream_put(&c.writable, bytes, n));
        world_step();
    }
}

static void serve_stream(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain c;
    struct stream_state *s = (struct stream_state *)(void *)world.device;
    while (s->position < OUT - SLOT && virtq_take(q, &c)) {
        s->position += virtq_stream_get(&c.readable, out + s->position, SLOT);
        s->requests++;
        v->changes |= VIRTIO_CHANGED_DEVICE;
        world_step();
        virtq_done(q, c.position, 0);
        world_step();
    }
}

static const struct virtio_kind block = {.id = 30, .queues = 1, .queue_size = SIZE, .serve = serve_block};
static const struct virtio_kind stream = {
    .id = 31, .queues = 1, .queue_size = SIZE, .commits = true, .serve = serve_stream};

// The driver sleeps while nothing is pending, and rings only if it must.
struct script {
    unsigned added, completed, bytes;
    bool answers;
};

static bool add(struct script *s)
{
    uint32_t bytes = 1 + s->added % 5;
    uint64_t at = DATA + (uint64_t)(s->added % (2 * SIZE)) * SLOT;
    const struct world_buffer b[] = {{at, bytes, false}, {at + SLOT / 2, bytes, true}};
    if (s->added == REQUESTS || world_add(0, b, s->answers ? 2 : 1) == UINT16_MAX)
        return false;
    memset(world_ram + at, letter(s->added), bytes);
    memset(world_ram + at + SLOT / 2, 0, bytes);
    s->bytes += bytes;
    s->added++;
    return true;
}

static void collect(struct script *s)
{
    uint16_t head;
    uint32_t written;
    while (world_used(0, &head, &written)) {
        uint64_t at = DATA + (uint64_t)(s->completed % (2 * SIZE)) * SLOT + SLOT / 2;
        if (s->answers && (world_ram[at] != letter(s->completed) || written != 1 + s->completed % 5))
            fail_msg("request %u is not answered", s->completed);
        s->completed++;
    }
}

// A batch of requests, then sleep until the device says that something is done.
static void turn(struct script *s)
{
    uint16_t old = world.driver[0].available;
    unsigned batch = 1 + s->added % 3;
    collect(s);
    world_want_interrupt(0);
    collect(s);
    while (batch-- && add(s))
        ;
    if (world.driver[0].available != old && world_wants_doorbell(0, old))
        world_ring(1);
    if (s->completed < s->added && !world_take_vectors())
        fail_msg("the driver sleeps for ever: %u of %u", s->completed, s->added);
}

static bool run(const struct virtio_kind *kind, uint64_t features, uint64_t limit, uint64_t again)
{
    struct script s = {.answers = !kind->commits};
    memset(out, 0, sizeof out);
    world_begin(kind);
    world_start();
    world_arm(limit);
    world.again = again;
    world_drive(features, 1, SIZE, RINGS);
    while (s.completed < REQUESTS) {
        turn(&s);
        collect(&s);
    }
    bool died = world.deaths;
    world_arm(0);
    if (kind->commits) {
        const struct stream_state *d = (const struct stream_state *)(const void *)world.device;
        assert_int_equal(d->requests, REQUESTS);
        assert_int_equal(d->position, s.bytes);
        for (unsigned i = 0, at = 0; i < REQUESTS; at += 1 + i++ % 5)
            for (unsigned k = 0; k <= i % 5; k++)
                assert_int_equal(out[at + k], letter(i));
    }
    assert_int_equal(WORLD_GET(status) & VIRTIO_NEEDS_RESET, 0);
    return died;
}

static void cut_everywhere(const struct virtio_kind *kind, uint64_t features)
{
    uint64_t cuts = 1;
    while (run(kind, features, cuts, 0))
        cuts++;
    assert_true(cuts > 200);
    for (uint64_t i = 1; i < cuts; i += 3)
        for (uint64_t again = 1; again < 12; again++)
            (void)run(kind, features, i, again);
}

static void test_block(void **unused)
{
    (void)unused;
    cut_everywhere(&block, 0);
    cut_everywhere(&block, VIRTIO_F_EVENT_IDX);
}

static void test_stream(void **unused)
{
    (void)unused;
    cut_everywhere(&stream, 0);
    cut_everywhere(&stream, VIRTIO_F_EVENT_IDX);
}

// ---- a request that its server dies of ----

static struct {
    uint32_t requests; // a bit each: those that kill
    unsigned deaths;   // that are left
    unsigned met, given_up;
    bool hands_on;
} poison;

static void serve_poison(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain c;
    (void)v;
    while (virtq_take(q, &c)) {
        uint8_t bytes[SLOT];
        size_t n = virtq_stream_get(&c.readable, bytes, sizeof bytes);
        poison.given_up += c.give_up;
        if (!c.give_up && poison.requests >> c.position & 1) {
            poison.met++;
            if (poison.hands_on)
                virtq_handed_on(q, c.position);
            if (poison.deaths) {
                poison.deaths--;
                longjmp(world.out, 1);
            }
        }
        virtq_done(q, c.position, (uint32_t)virtq_stream_put(&c.writable, bytes, n));
    }
}

static const struct virtio_kind poisoned = {.id = 30, .queues = 1, .queue_size = SIZE, .serve = serve_poison};

static void serve_poisoned(uint32_t requests, unsigned deaths, bool hands_on, unsigned idle_restarts)
{
    struct script s = {.answers = true};
    memset(&poison, 0, sizeof poison);
    world_begin(&poisoned);
    world_start();
    world_drive(0, 1, SIZE, RINGS);
    for (unsigned i = 0; i < idle_restarts; i++)
        world_start();
    poison.requests = requests;
    poison.deaths = deaths;
    poison.hands_on = hands_on;
    while (s.added < 4)
        (void)add(&s);
    world_ring(1);
    collect(&s);
    assert_int_equal(s.completed, 4);
}

// After some attempts it is failed alone; those before and behind it are not.
static void test_poison(void **unused)
{
    (void)unused;
    serve_poisoned(1 << 2, UINT32_MAX, false, 0);
    assert_int_equal(poison.given_up, 1);
    assert_int_equal(poison.met, VIRTQ_ATTEMPTS + 1);
    serve_poisoned(1 << 1 | 1 << 2, UINT32_MAX, false, 0);
    assert_int_equal(poison.given_up, 2);
}

// Whoever died without fault of a request completes it: while it waits, or while nothing does.
static void test_no_poison(void **unused)
{
    (void)unused;
    serve_poisoned(1 << 2, 100, true, 0);
    assert_int_equal(poison.given_up, 0);
    serve_poisoned(1 << 0, 1, false, 100);
    assert_int_equal(poison.given_up, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_block), cmocka_unit_test(test_stream),
                                       cmocka_unit_test(test_poison), cmocka_unit_test(test_no_poison)};
    return cmocka_run_group_tests_name("virtio restart", tests, NULL, NULL);
}
