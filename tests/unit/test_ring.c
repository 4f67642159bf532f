// Rings: hostile positions, wrap-around, two threads that sleep, and a server between two rings that is
// killed anywhere SPDX-License-Identifier: MIT LINK:
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/cutoff.h"

#include "libipc/ring.h"
#include "libipc/state.c"
#include "libipc/state_open.c"

enum { CAPACITY = 16, MEMORY = 1024 };

static uint8_t memory[2][MEMORY] __attribute__((aligned(64)));

static void open_both(struct ring *producer, struct ring *consumer, uint32_t element, uint64_t position)
{
    memset(memory[0], 0, MEMORY);
    assert_true(ring_open(producer, memory[0], MEMORY, CAPACITY, element, position));
    assert_true(ring_open(consumer, memory[0], MEMORY, CAPACITY, element, position));
    assert_false(ring_publish_produced(producer, position));
    assert_false(ring_publish_consumed(consumer, position));
}

static void test_sizes(void **unused)
{
    (void)unused;
    struct ring r;

    assert_int_equal(ring_bytes(16, 1), 144);
    assert_int_equal(ring_bytes(16, 24), 128 + 384);
    assert_int_equal(ring_bytes(0, 1), 0);
    assert_int_equal(ring_bytes(12, 1), 0);
    assert_int_equal(ring_bytes(16, 0), 0);
    assert_int_equal(ring_bytes(1u << 31, 1), 0);
    assert_false(ring_open(&r, memory[0], 143, 16, 1, 0));
    assert_true(ring_open(&r, memory[0], 144, 16, 1, 0));
}

// Across 2^32 and 2^64, with elements of every size.
static void test_wraps(void **unused)
{
    (void)unused;
    static const uint64_t starts[] = {0, UINT64_C(0xfffffff0), UINT64_C(0xfffffffffffffff3)};

    for (size_t i = 0; i < 3; i++) {
        for (uint32_t element = 1; element <= 24; element += 23) {
            struct ring p, c;
            uint64_t next_in = 0, next_out = 0;
            uint32_t count;
            open_both(&p, &c, element, starts[i]);
            for (uint32_t turn = 0; turn < 200; turn++) {
                uint8_t in[CAPACITY * 24], out[CAPACITY * 24];
                assert_true(ring_room(&p, &count));
                assert_int_equal(count, CAPACITY - (next_in - next_out));
                count = count < turn % 17 ? count : turn % 17;
                for (uint32_t b = 0; b < count * element; b++) {
                    in[b] = (uint8_t)(next_in * element + b);
                }
                ring_put(&p, p.position, in, count);
                assert_false(ring_publish_produced(&p, p.position + count));
                next_in += count;
                assert_true(ring_filled(&c, &count));
                assert_int_equal(count, next_in - next_out);
                count = count < turn % 11 ? count : turn % 11;
                ring_get(&c, c.position, out, count);
                for (uint32_t b = 0; b < count * element; b++) {
                    assert_int_equal(out[b], (uint8_t)(next_out * element + b));
                }
                next_out += count;
                assert_false(ring_publish_consumed(&c, c.position + count));
            }
            assert_int_equal(p.position, starts[i] + next_in);
            assert_int_equal(ring_last_produced(memory[0]), starts[i] + next_in);
            assert_int_equal(ring_last_consumed(memory[0]), starts[i] + next_out);
        }
    }
}

static void test_hostile_positions(void **unused)
{
    (void)unused;
    struct ring p, c;
    uint32_t count = 7;
    static const uint64_t distances[] = {
        17, 18, 1u << 31, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 3, -UINT64_C(1)};

    open_both(&p, &c, 8, 1000);
    for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
        p.shared->produced = 1000 + distances[i];
        p.shared->consumed = 1000 - distances[i];
        assert_false(ring_filled(&c, &count));
        assert_int_equal(count, 0);
        assert_false(ring_room(&p, &count));
        assert_int_equal(count, 0);
        assert_false(ring_sleep_empty(&c)); // goes and finds out
        assert_false(ring_sleep_full(&p, 1));
    }
    p.shared->produced = 1016;
    assert_true(ring_filled(&c, &count));
    assert_int_equal(count, 16);
    p.shared->consumed = 984;
    assert_true(ring_room(&p, &count));
    assert_int_equal(count, 0);
    // What the peer does to our own position doesn't move us.
    p.shared->produced = 5;
    p.shared->consumed = 1000;
    assert_true(ring_room(&p, &count));
    assert_int_equal(count, 16);
    assert_true(ring_publish_produced(&p, 1001)); // the consumer set its flag above
    assert_int_equal(p.shared->produced, 1001);
}

static void test_resumed(void **unused)
{
    (void)unused;
    static const struct {
        uint64_t produced, consumed, producer_at, consumer_at;
    } cases[] = {
        {7, 7, 7, 7},
        {7, 3, 7, 3},
        {3 + CAPACITY, 3, 3 + CAPACITY, 3},
        {2, UINT64_MAX, 2, UINT64_MAX},
        {4 + CAPACITY, 3, 3, 4 + CAPACITY}, // more than there is room for
        {3, 4, 4, 3},                       // more taken than was there
        {UINT64_C(1) << 63, 0, 0, UINT64_C(1) << 63},
    };
    struct ring_shared shared = {0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        shared.produced = cases[i].produced;
        shared.consumed = cases[i].consumed;
        assert_int_equal(ring_resume_producing(&shared, CAPACITY), cases[i].producer_at);
        assert_int_equal(ring_resume_consuming(&shared, CAPACITY), cases[i].consumer_at);
    }
}

static void test_flags(void **unused)
{
    (void)unused;
    struct ring p, c;

    open_both(&p, &c, 1, 0);
    assert_true(ring_sleep_empty(&c));
    assert_true(ring_publish_produced(&p, 16));
    assert_false(ring_publish_produced(&p, 16)); // once
    assert_false(ring_sleep_empty(&c));
    assert_true(ring_sleep_full(&p, 1));
    assert_true(ring_publish_consumed(&c, 1));
    assert_false(ring_sleep_full(&p, 1));
    assert_true(ring_sleep_full(&p, 2));
}

// ---- two threads ----

enum { STRESS = 3000000, RECORD = 12 };

static struct {
    sem_t data, room; // stand for the notifications
    uint64_t signals;
} bells;

static void wait_bell(sem_t *bell)
{
    while (sem_wait(bell)) {
    }
}

static void open_last(struct ring *r, uint64_t position)
{
    if (!ring_open(r, memory[0], MEMORY, CAPACITY, RECORD, position)) {
        abort();
    }
}

// Both ends forget everything now and then, as a new incarnation without state, and signal once then.
static void *stress_producer(void *unused)
{
    (void)unused;
    struct ring p;
    uint32_t random = 1;

    open_last(&p, ring_last_produced(memory[0]));
    for (uint32_t next = 0; next < STRESS;) {
        uint32_t room;
        if (!ring_room(&p, &room)) {
            abort();
        }
        if (room == 0) {
            if (ring_sleep_full(&p, 1)) {
                wait_bell(&bells.room);
            }
            continue;
        }
        random = random * 1664525 + 1013904223;
        uint32_t count = 1 + (random >> 20) % room;
        for (uint32_t i = 0; i < count; i++, next++) {
            uint32_t record[3] = {next, ~next, next * 7};
            ring_put(&p, p.position + i, record, 1);
        }
        if (ring_publish_produced(&p, p.position + count)) {
            sem_post(&bells.data);
            bells.signals++;
        }
        if (random >> 28 == 0) {
            open_last(&p, ring_last_produced(memory[0]));
            sem_post(&bells.data);
        }
    }
    return NULL;
}

static void stress_consumer(void)
{
    struct ring c;
    uint32_t random = 2;

    open_last(&c, ring_last_consumed(memory[0]));
    for (uint32_t next = 0; next < STRESS;) {
        uint32_t count;
        assert_true(ring_filled(&c, &count));
        if (count == 0) {
            if (ring_sleep_empty(&c)) {
                wait_bell(&bells.data);
            }
            continue;
        }
        random = random * 1664525 + 1013904223;
        count = 1 + (random >> 20) % count;
        for (uint32_t i = 0; i < count; i++, next++) {
            uint32_t record[3];
            ring_get(&c, c.position + i, record, 1);
            if (record[0] != next || record[1] != ~next || record[2] != next * 7) {
                fail_msg("record %u is %u", next, record[0]);
            }
        }
        if (ring_publish_consumed(&c, c.position + count)) {
            sem_post(&bells.room);
        }
        if (random >> 28 == 0) {
            open_last(&c, ring_last_consumed(memory[0]));
            sem_post(&bells.room);
        }
    }
}

static void test_two_threads(void **unused)
{
    (void)unused;
    pthread_t producer;
    struct ring p, c;

    open_both(&p, &c, RECORD, UINT64_C(0xffffff00));
    assert_int_equal(sem_init(&bells.data, 0, 0), 0);
    assert_int_equal(sem_init(&bells.room, 0, 0), 0);
    alarm(300); // a lost wake-up is a hang
    assert_int_equal(pthread_create(&producer, NULL, stress_producer, NULL), 0);
    stress_consumer();
    assert_int_equal(pthread_join(producer, NULL), 0);
    alarm(0);
    print_message("%u records, %llu signals for data\n", STRESS, (unsigned long long)bells.signals);
}

// ---- a server between two rings ----

enum { STREAM = 3000 };

struct pump {
    uint64_t in, out; // positions
    uint64_t count;   // goes into every byte: one done twice or left out would show
};

static const struct state_section sections[] = {{1, sizeof(struct pump)}};
static const struct state_layout layout = {1, 1, 512, 1, sections};
static uint8_t object[4096] __attribute__((aligned(STATE_ALIGN)));

// A place to die.
static void step(void)
{
    static uint8_t nothing;
    cutoff_store(&nothing, 0, 1, false);
}

static void pump_once(struct state *s, struct pump *pump, struct ring *in, struct ring *out)
{
    uint8_t bytes[CAPACITY];
    uint32_t count, room;

    assert_true(ring_filled(in, &count));
    assert_true(ring_room(out, &room));
    count = count < room ? count : room;
    if (count == 0) {
        return;
    }
    ring_get(in, pump->in, bytes, count);
    for (uint32_t i = 0; i < count; i++) {
        bytes[i] ^= (uint8_t)(pump->count++ * 31);
    }
    step();
    ring_put(out, pump->out, bytes, count);
    step();
    pump->in += count;
    pump->out += count;
    assert_int_equal(state_commit(s, pump, sizeof(*pump)), STATE_OK);
    (void)!ring_publish_produced(out, pump->out);
    step();
    (void)!ring_publish_consumed(in, pump->in);
    step();
}

// One life of the server, up to `limit` steps long.
static void pump_life(uint64_t limit, struct ring *feeder, struct ring *drain, uint64_t *fed,
                      uint64_t *drained)
{
    struct state s;
    struct ring in, out;

    if (setjmp(cutoff.out)) {
        return;
    }
    cutoff_arm(limit, limit);
    assert_int_equal(state_open(&s, object, sizeof(object), &layout, START_RESTART), STATE_OK);
    struct pump *pump = state_section(&s, 1);
    assert_true(ring_open(&in, memory[0], MEMORY, CAPACITY, 1, pump->in));
    assert_true(ring_open(&out, memory[1], MEMORY, CAPACITY, 1, pump->out));
    (void)!ring_publish_produced(&out, pump->out);
    step();
    (void)!ring_publish_consumed(&in, pump->in);
    step();
    while (*drained < STREAM) {
        uint32_t count;
        assert_true(ring_room(feeder, &count));
        for (uint32_t i = 0; i < count && *fed < STREAM; i++, ++*fed) {
            uint8_t byte = (uint8_t)(*fed * 13);
            ring_put(feeder, feeder->position, &byte, 1);
            (void)!ring_publish_produced(feeder, feeder->position + 1);
        }
        assert_true(ring_filled(drain, &count));
        for (uint32_t i = 0; i < count; i++, ++*drained) {
            uint8_t byte;
            ring_get(drain, drain->position, &byte, 1);
            assert_int_equal(byte, (uint8_t)(*drained * 13) ^ (uint8_t)(*drained * 31));
            (void)!ring_publish_consumed(drain, drain->position + 1);
        }
        pump_once(&s, pump, &in, &out);
    }
    cutoff.armed = false;
}

static void test_a_server_between_two_rings(void **unused)
{
    (void)unused;
    struct ring feeder, drain;
    struct state s;
    uint64_t fed = 0, drained = 0, lives = 0;

    memset(memory, 0, sizeof(memory));
    assert_int_equal(state_open(&s, object, sizeof(object), &layout, START_FRESH), STATE_EMPTY);
    state_adopt(&s);
    assert_true(ring_open(&feeder, memory[0], MEMORY, CAPACITY, 1, 0));
    assert_true(ring_open(&drain, memory[1], MEMORY, CAPACITY, 1, 0));
    for (; drained < STREAM; lives++) {
        pump_life(1 + lives * 7 % 997, &feeder, &drain, &fed, &drained);
    }
    assert_int_equal(fed, STREAM);
    print_message("%u bytes through %llu lives\n", STREAM, (unsigned long long)lives);
    assert_true(lives > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_wraps),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_hostile_positions),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_a_server_between_two_rings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
