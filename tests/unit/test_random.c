// Random channels: no byte goes out twice or to two clients, whoever dies when; nobody waits for ever
// SPDX-License-Identifier: MIT
//
// LINK: servers/common/host_function.c servers/common/host_queue.c servers/common/virtq_stream.c
// LINK: servers/rng/channel.c
//
// The driver's source is compiled into this file, with the stores that a client sees replaced: it may die
// behind each of them. The device never writes a word twice.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "servers/rng/channel.h"
#include "tests/unit/host_model.h"
#include "tests/unit/last_line.h"

static jmp_buf dead;
static unsigned stores_left; // until the driver dies; 0: it lives

static void stored(void)
{
    if (stores_left && --stores_left == 0)
        longjmp(dead, 1);
}

#define RANDOM_STORE(at, value) (*(at) = (value), stored())
#include "servers/drivers/virtio-rng/source.c"

enum { CLIENTS = 10, QUEUE = 4, WORDS = 1 << 20, SHORTEST = 8 };

static struct random_channel shared[CLIENTS];
static struct client {
    struct channel channel;
    bool woken;
    uint64_t words, zeros;
} client[CLIENTS];
static struct source source;
static uint64_t signals; // to the driver
static uint64_t next_word;
static bool seen[WORDS];
static bool device_pretends; // writes nothing of what it says
static uint8_t memory[HOST_QUEUE_PAGES + SOURCE_PAGES][4096] __attribute__((aligned(4096)));

static bool device_serve(void)
{
    uint16_t head;
    const struct virtq_descriptor *d = model_take(0, &head);
    if (!d)
        return false;
    assert_int_equal(d->flags, VIRTQ_FLAG_WRITE);
    assert_int_equal(d->bytes, RANDOM_BYTES);
    uint32_t bytes = SHORTEST * (1 + (uint32_t)rand() % (RANDOM_BYTES / SHORTEST));
    if (model.lie == LIE_BYTES)
        bytes = RANDOM_BYTES;
    uint64_t *to = (uint64_t *)(uintptr_t)d->address;
    for (uint32_t i = 0; i < bytes / 8 && !device_pretends; i++)
        to[i] = ++next_word;
    assert_true(next_word < WORDS);
    model_end(0, head, bytes);
    return true;
}

// As after the death of a driver: its own memory is new, but for what the device reaches.
static void driver_start(void)
{
    source = (struct source){.function.places = model_places, .count = CLIENTS};
    model_queue(&source.queue, memory);
    for (unsigned i = 0; i < SOURCE_PAGES; i++)
        source.buffers[i] = model_page(memory[HOST_QUEUE_PAGES + i]);
    for (unsigned n = 0; n < CLIENTS; n++)
        source.channel[n] = &shared[n];
    signals = UINT64_MAX;
    source_open(&source);
}

static void driver_serve(void)
{
    uint64_t taken = signals;
    signals = 0;
    uint64_t told = source_serve(&source, taken);
    for (unsigned n = 0; n < CLIENTS; n++)
        client[n].woken |= told >> n & 1;
}

static void driver_dies_in(unsigned stores)
{
    stores_left = stores;
    if (setjmp(dead) == 0)
        driver_serve();
    stores_left = 0;
    driver_start();
}

static void publish(unsigned n)
{
    signals |= client[n].channel.tell ? UINT64_C(1) << n : 0;
    client[n].channel.tell = false;
}

static void client_start(unsigned n)
{
    channel_open(&client[n].channel, &shared[n]);
    client[n].woken = true;
    publish(n);
}

// The guest has one buffer of `words`.
static void client_takes(unsigned n, unsigned words)
{
    uint64_t buffer[RANDOM_BYTES / 8] = {0};
    struct virtq_segment segment = {(uint8_t *)buffer, words * 8};
    struct virtq_stream stream = {&segment, 1, words * 8};
    if (!channel_ready(&client[n].channel))
        client[n].woken = false;
    else {
        uint32_t bytes = channel_fill(&client[n].channel, &stream);
        assert_true(bytes && bytes % 8 == 0 && bytes <= words * 8);
        for (uint32_t i = 0; i < bytes / 8; i++) {
            assert_false(buffer[i] && seen[buffer[i]]);
            client[n].zeros += !buffer[i];
            seen[buffer[i]] = true;
        }
        client[n].words += bytes / 8;
    }
    publish(n);
}

static int set_up(void **state)
{
    (void)state;
    model_init(0);
    model.common.queue_size = QUEUE;
    memset(shared, 0, sizeof shared);
    memset(client, 0, sizeof client);
    memset(seen, 0, sizeof seen);
    memset(memory, 0x77, sizeof memory);
    device_pretends = false;
    next_word = 0;
    last_line[0] = 0;
    for (unsigned n = 0; n < CLIENTS; n++)
        client_start(n);
    driver_start();
    return 0;
}

// Nobody dies, nobody knocks without a reason: all get so many words.
static void run_until(uint64_t words)
{
    for (unsigned n = 0; n < CLIENTS; n++)
        for (unsigned turns = 0; client[n].words < words; turns++) {
            assert_true(turns < 100000);
            driver_serve();
            while (device_serve())
                ;
            driver_serve();
            for (unsigned i = 0; i < CLIENTS; i++)
                while (client[i].woken)
                    client_takes(i, 1 + (unsigned)rand() % 16);
        }
}

static void works(void **state)
{
    (void)state;
    run_until(1000);
    assert_int_equal(model.resets, 1);
    assert_true(model.doorbells > 0);
    assert_int_equal(model.agreed, VIRTIO_F_VERSION_1);
    for (unsigned n = 0; n < CLIENTS; n++)
        assert_int_equal(client[n].zeros, 0);
}

// The queue has fewer places than there are clients, and one is never satisfied.
static void takes_turns(void **state)
{
    (void)state;
    uint64_t answers[CLIENTS] = {0};
    for (unsigned round = 0; round < 1000; round++) {
        driver_serve();
        device_serve();
        for (unsigned n = 0; n < CLIENTS; n++) {
            uint64_t before = shared[n].answered;
            for (unsigned i = 0; i < (n == 3 ? 100 : 1); i++)
                client_takes(n, RANDOM_BYTES / 8);
            signals |= UINT64_C(1) << 3;
            answers[n] = before;
        }
    }
    for (unsigned n = 0; n < CLIENTS; n++)
        assert_in_range(answers[n], 95, 105);
}

static void survives(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60000; i++) {
        unsigned n = (unsigned)rand() % CLIENTS, what = (unsigned)rand() % 16;
        if (what < 5)
            client_takes(n, 1 + (unsigned)rand() % 16);
        else if (what == 5)
            client_start(n);
        else if (what < 10)
            device_serve();
        else if (what == 10)
            driver_dies_in(1 + (unsigned)rand() % 8);
        else
            driver_serve();
    }
    for (unsigned n = 0; n < CLIENTS; n++)
        assert_int_equal(client[n].zeros, 0);
    run_until(client[0].words + 1000);
}

// Whatever it says that it wrote: what a client gets was no other's.
static void pretends(void **state)
{
    (void)state;
    run_until(1000);
    uint64_t before = client[0].words;
    device_pretends = true;
    run_until(before + 500);
    for (unsigned n = 0; n < CLIENTS; n++)
        assert_true(client[n].zeros > 0);
}

static void lies(void **state)
{
    (void)state;
    for (enum model_lie lie = LIE_HEAD_BEYOND; lie <= LIE_INDEX; lie++) {
        set_up(NULL);
        driver_serve();
        model.lie = lie;
        model.lies_left = 1;
        run_until(100);
        assert_int_equal(model.resets, 2);
        assert_int_equal(source.dead, false);
    }
}

static void gives_nothing(void **state)
{
    (void)state;
    driver_serve();
    model.lie = LIE_HEAD_BEYOND;
    model.lies_left = UINT32_MAX;
    for (unsigned i = 0; i < 10; i++) {
        device_serve();
        driver_serve();
    }
    assert_true(source.dead);
    assert_int_equal(model.resets, 1 + SOURCE_RESETS);
    assert_string_equal(last_line, "the device gives nothing: who asks for random numbers waits");
    assert_int_equal(model.common.status, 0);
    model.lies_left = 0;
    driver_start(); // a new incarnation tries again
    run_until(100);
}

static void device_goes_on(void)
{
    (void)device_serve();
}

// The driver goes to sleep only when it has seen all, or is about to be interrupted.
static void comes_late(void **state)
{
    (void)state;
    driver_serve();
    model.meanwhile = device_goes_on;
    for (unsigned i = 1; i <= CLIENTS; i++) {
        driver_serve();
        assert_true(model.taken[0] >= i);
        assert_true(model.isr || !host_queue_has_used(&source.queue));
    }
}

static void gives_up(void **state)
{
    (void)state;
    driver_serve();
    model.isr = VIRTIO_ISR_CONFIG; // something changed, but it is well
    driver_serve();
    assert_int_equal(model.resets, 1);
    model.common.status |= VIRTIO_NEEDS_RESET;
    model.isr = VIRTIO_ISR_CONFIG;
    driver_serve();
    assert_int_equal(model.resets, 2);
    run_until(100);
}

static void cannot_be_used(void **state)
{
    (void)state;
    model.offered = 0;
    driver_start();
    assert_string_equal(last_line, "the device cannot be used: it is of virtio's first version; who asks for "
                                   "random numbers waits");
    driver_serve();
    assert_false(device_serve());
    model.offered = VIRTIO_F_VERSION_1;
    model.common.queue_size = 3;
    driver_start();
    assert_non_null(strstr(last_line, "too short"));
    model.common.queue_size = QUEUE;
    driver_start();
    run_until(100);
}

// A driver that says what cannot be gets no more of its client than that.
static void bad_driver(void **state)
{
    (void)state;
    struct channel *c = &client[0].channel;
    shared[0].bytes = UINT32_MAX;
    shared[0].answered = shared[0].asked;
    assert_true(channel_ready(c));
    assert_int_equal(c->bytes, RANDOM_BYTES);
    client_start(0);
    shared[0].bytes = 0;
    shared[0].answered = shared[0].asked;
    assert_false(channel_ready(c));
    assert_int_equal(shared[0].asked, shared[0].answered + 1); // and is asked again
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(works, set_up),      cmocka_unit_test_setup(takes_turns, set_up),
        cmocka_unit_test_setup(survives, set_up),   cmocka_unit_test_setup(pretends, set_up),
        cmocka_unit_test_setup(lies, set_up),       cmocka_unit_test_setup(gives_nothing, set_up),
        cmocka_unit_test_setup(gives_up, set_up),   cmocka_unit_test_setup(cannot_be_used, set_up),
        cmocka_unit_test_setup(bad_driver, set_up), cmocka_unit_test_setup(comes_late, set_up),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
