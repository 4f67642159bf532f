// Block channels: requests of good and of lying clients, epochs, and a driver that dies at every step
// SPDX-License-Identifier: MIT
// LINK: libipc/gpt.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/block_world.h"
#include "tests/unit/last_line.h"

static struct block_request *slot(unsigned port, unsigned number)
{
    return &world.channel[port].request[number];
}

static void start(void)
{
    block_service_start(&world.service);
    assert_false(block_service_serve(&world.service, UINT64_MAX));
}

static void serve_all(void)
{
    for (unsigned i = 0; i < 100; i++)
        block_service_serve(&world.service, UINT64_MAX);
}

static enum block_status request(unsigned port, unsigned number, struct block_request r)
{
    struct block_request *s = slot(port, number);
    r.state = BLOCK_SUBMITTED;
    r.status = 0xee;
    *s = r;
    serve_all();
    assert_int_equal(s->state, BLOCK_DONE);
    s->state = BLOCK_FREE;
    return s->status;
}

static void presence(void **state)
{
    (void)state;
    world_init(1);
    start();
    assert_int_equal(world.channel[0].presence, BLOCK_PRESENT);
    assert_int_equal(world.channel[0].sectors, WORLD_SIZE);
    assert_int_equal(world.channel[0].flags, BLOCK_CACHED);
    assert_int_equal(world.signals[0], 1);

    world_init(1);
    strcpy(world.service.ports[1].partition, "gamma");
    start();
    assert_string_equal(last_line, "there is no partition 'gamma'");
    assert_int_equal(world.channel[1].presence, BLOCK_ABSENT);
    assert_int_equal(request(1, 0, (struct block_request){.bytes = 512}), BLOCK_ERROR);
    assert_int_equal(request(0, 0, (struct block_request){.bytes = 512}), BLOCK_OK);

    world_init(1);
    world.disk[GPT_MBR_TYPE] = 0;
    start();
    assert_int_equal(world.channel[0].presence, BLOCK_ABSENT);
}

// Two disks: each has its own partitions, and a name that both have is nobody's.
static void two_disks(void **state)
{
    (void)state;
    world_init(1);
    world.service.backend.disk_count = 2;
    world.service.backend.disks[1] = (struct block_disk){"d1", WORLD_SECTORS, 0};
    start();
    assert_string_equal(last_line, "d0 and d1 both have a partition 'beta.root': neither is used");
    assert_int_equal(world.channel[0].presence, BLOCK_ABSENT);
    assert_int_equal(world.channel[1].presence, BLOCK_ABSENT);
    world_init(1);
    world.service.backend.disk_count = 2;
    world.service.backend.disks[1] = (struct block_disk){"none", 0, 0};
    start();
    assert_int_equal(world.channel[0].presence, BLOCK_PRESENT);
}

static void reads_and_writes(void **state)
{
    (void)state;
    world_init(2);
    start();
    memset(world.buffer[1], 0x5a, 2 * BLOCK_PAGE);
    assert_int_equal(request(1, 3, (struct block_request){.op = BLOCK_WRITE, .sector = 60, .bytes = 2048}),
                     BLOCK_OK);
    assert_int_equal(world.disk[(WORLD_FIRST + WORLD_SIZE + 60) * BLOCK_SECTOR], 0x5a);
    assert_int_equal(request(1, 15, (struct block_request){.page = 7, .sector = 63, .bytes = 512}), BLOCK_OK);
    assert_int_equal(world.buffer[1][7 * BLOCK_PAGE + 511], 0x5a);
    assert_int_equal(world.buffer[1][7 * BLOCK_PAGE + 512], 0);
    assert_int_equal(request(1, 0, (struct block_request){.op = BLOCK_FLUSH}), BLOCK_OK);
    assert_int_equal(world.flushes, 1);
    world.service.ports[0].flags = 0; // a disk that keeps what it says that it wrote
    assert_int_equal(request(0, 0, (struct block_request){.op = BLOCK_FLUSH}), BLOCK_OK);
    assert_int_equal(world.flushes, 1);
}

static void lies(void **state)
{
    (void)state;
    static const struct {
        struct block_request r;
        enum block_status status;
    } cases[] = {
        {{.op = BLOCK_READ, .bytes = 0}, BLOCK_RANGE},
        {{.op = BLOCK_READ, .bytes = 513}, BLOCK_RANGE},
        {{.op = BLOCK_READ, .sector = 63, .bytes = 1024}, BLOCK_RANGE},
        {{.op = BLOCK_READ, .sector = 64, .bytes = 512}, BLOCK_RANGE},
        {{.op = BLOCK_READ, .sector = UINT64_MAX, .bytes = 1024}, BLOCK_RANGE},
        {{.op = BLOCK_READ, .sector = UINT64_MAX - WORLD_FIRST, .bytes = 512}, BLOCK_RANGE},
        {{.op = BLOCK_READ, .page = 32, .bytes = 512}, BLOCK_RANGE},
        {{.op = BLOCK_READ, .page = 255, .bytes = 512}, BLOCK_RANGE},
        {{.op = BLOCK_READ, .page = 31, .bytes = 4608}, BLOCK_RANGE},
        {{.op = BLOCK_READ, .bytes = 0xfffffe00}, BLOCK_RANGE},
        {{.op = BLOCK_FLUSH, .bytes = 512}, BLOCK_RANGE},
        {{.op = BLOCK_OPS, .bytes = 512}, BLOCK_REFUSED},
        {{.op = 0xffff, .bytes = 512}, BLOCK_REFUSED},
        {{.op = BLOCK_WRITE, .bytes = 512}, BLOCK_REFUSED},
        {{.op = BLOCK_READ, .page = 31, .sector = 63, .bytes = 512}, BLOCK_OK},
        {{.op = BLOCK_READ, .page = 30, .sector = 48, .bytes = 8192}, BLOCK_OK},
    };
    world_init(3);
    world.service.backend.disks[0].flags |= BLOCK_READ_ONLY;
    start();
    assert_int_equal(world.channel[0].flags, BLOCK_CACHED | BLOCK_READ_ONLY);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(request(0, i % BLOCK_REQUESTS, cases[i].r), cases[i].status);
    assert_int_equal(world.channel[0].errors, 0); // the disk's are counted there
    assert_string_equal(last_line,
                        "'alpha.root': refused op 0, 512 bytes at sector 0 of 64, page 255 (8 refused)");
    slot(0, 0)->state = 77; // no state at all: nobody's
    serve_all();
    assert_int_equal(slot(0, 0)->state, 77);
}

static void errors(void **state)
{
    (void)state;
    world_init(4);
    start();
    world.broken = WORLD_FIRST + 10;
    assert_int_equal(request(0, 0, (struct block_request){.sector = 8, .bytes = 4096}), BLOCK_ERROR);
    assert_string_equal(
        last_line, "d0: read of 4096 bytes at sector 14, sector 8 of 'alpha.root', failed (1 errors of it)");
    lines = 0;
    for (unsigned i = 0; i < 100; i++)
        request(0, 0, (struct block_request){.op = BLOCK_WRITE, .sector = 10, .bytes = 512});
    assert_int_equal(world.channel[0].errors, 101);
    assert_int_equal(lines, 7 + 3); // 2 to 8, 16, 32, 64
    assert_int_equal(request(0, 0, (struct block_request){.sector = 11, .bytes = 512}), BLOCK_OK);
}

// More than the device takes: nobody waits for ever, and who asks for most does not get all.
static void back_pressure(void **state)
{
    (void)state;
    world_init(5);
    start();
    for (unsigned i = 0; i < BLOCK_REQUESTS; i++)
        *slot(0, i) = (struct block_request){.state = BLOCK_SUBMITTED, .sector = i, .bytes = 512};
    world.full = true;
    assert_false(block_service_serve(&world.service, 1));
    world.full = false;
    *slot(1, 0) = (struct block_request){.state = BLOCK_SUBMITTED, .bytes = 512};
    for (unsigned i = 0; slot(1, 0)->state != BLOCK_DONE; i++) {
        assert_true(i < 20);
        block_service_serve(&world.service, 2);
    }
    unsigned done = 0;
    for (unsigned i = 0; i < BLOCK_REQUESTS; i++)
        done += slot(0, i)->state == BLOCK_DONE;
    assert_true(done < BLOCK_REQUESTS);
    for (unsigned i = 0; i < 100; i++)
        block_service_serve(&world.service, 0); // completions alone keep it going
    for (unsigned i = 0; i < BLOCK_REQUESTS; i++)
        assert_int_equal(slot(0, i)->state, BLOCK_DONE);
}

static void flood(void)
{
    slot(0, 0)->state = slot(0, 1)->state = BLOCK_SUBMITTED;
}

static void floods(void **state)
{
    (void)state;
    world_init(6);
    start();
    slot(0, 0)->op = slot(0, 1)->op = 99;
    world.meanwhile = flood; // a client that is faster than the driver
    assert_true(block_service_serve(&world.service, 1));
}

// A new client waits until nothing of the old one is under way.
static void epochs(void **state)
{
    (void)state;
    world_init(7);
    start();
    *slot(0, 0) = (struct block_request){.state = BLOCK_SUBMITTED, .op = BLOCK_WRITE, .bytes = 512};
    *slot(0, 1) = (struct block_request){.state = BLOCK_DONE};
    while (!world.service.busy)
        block_service_serve(&world.service, 1);
    world.channel[0].epoch++;
    *slot(0, 2) = (struct block_request){.state = BLOCK_SUBMITTED, .op = BLOCK_WRITE, .bytes = 512};
    while (world.channel[0].confirmed != world.channel[0].epoch) {
        assert_true(slot(0, 0)->state == BLOCK_SUBMITTED);
        block_service_serve(&world.service, 1);
    }
    assert_int_equal(world.service.busy, 0);
    assert_true(world.writes <= 1); // the one that was under way; the other never
    for (unsigned i = 0; i < BLOCK_REQUESTS; i++)
        assert_int_equal(slot(0, i)->state, BLOCK_FREE);
    assert_int_equal(request(0, 0, (struct block_request){.bytes = 512}), BLOCK_OK);
}

// ---- clients that count, and deaths ----

enum { BLOCKS = 8, ROUNDS = 24 }; // a block is a page

static struct client {
    uint32_t acknowledged[BLOCKS]; // version of each that the disk must have
    uint32_t written[BLOCKS];      // or a later one, up to this
    uint32_t slot_block[BLOCK_REQUESTS], slot_least[BLOCK_REQUESTS];
    bool slot_writes[BLOCK_REQUESTS], slot_used[BLOCK_REQUESTS];
    uint32_t done;
    bool waits; // for its epoch
} clients[WORLD_PORTS];

static uint32_t *version_in(uint8_t *page)
{
    return (uint32_t *)page;
}

static void client_takes(unsigned port, unsigned number)
{
    struct client *c = &clients[port];
    struct block_request *s = slot(port, number);
    uint32_t block = c->slot_block[number];
    assert_int_equal(s->status, BLOCK_OK);
    if (c->slot_writes[number]) {
        c->acknowledged[block] = c->written[block];
    } else {
        uint32_t version = *version_in(world.buffer[port] + (size_t)number * BLOCK_PAGE);
        assert_true(version >= c->slot_least[number] && version <= c->written[block]);
    }
    c->slot_used[number] = false;
    s->state = BLOCK_FREE;
    c->done++;
}

static void client_asks(unsigned port, unsigned number)
{
    struct client *c = &clients[port];
    uint32_t block = world_random(BLOCKS),
             *page = version_in(world.buffer[port] + (size_t)number * BLOCK_PAGE);
    bool writes = world_random(2) && c->written[block] == c->acknowledged[block];
    if (writes)
        *page = ++c->written[block];
    c->slot_block[number] = block;
    c->slot_least[number] = c->acknowledged[block];
    c->slot_writes[number] = writes;
    c->slot_used[number] = true;
    struct block_request r = {.state = BLOCK_SUBMITTED,
                              .op = writes ? BLOCK_WRITE : BLOCK_READ,
                              .page = (uint8_t)number,
                              .sector = block * 8u,
                              .bytes = BLOCK_PAGE};
    *slot(port, number) = r;
}

// What a client may do at any time.
static void client_acts(unsigned port)
{
    struct client *c = &clients[port];
    struct block_channel *ch = &world.channel[port];
    if (ch->presence != BLOCK_PRESENT || (c->waits && ch->confirmed != ch->epoch))
        return;
    if (c->waits) { // what the disk has now stays: nothing of the dead one comes any more
        for (unsigned b = 0; b < BLOCKS; b++) {
            uint32_t first = WORLD_FIRST + port * WORLD_SIZE + b * 8;
            uint32_t version = *version_in(world.disk + (size_t)first * BLOCK_SECTOR);
            assert_true(version >= c->acknowledged[b] && version <= c->written[b]);
            c->acknowledged[b] = c->written[b] = version;
        }
        c->waits = false;
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_true(c->slot_used[i] || slot(port, i)->state == BLOCK_FREE);
        if (c->slot_used[i] && slot(port, i)->state == BLOCK_DONE)
            client_takes(port, i);
        else if (!c->slot_used[i] && world_random(2))
            client_asks(port, i);
    }
}

static void client_dies(unsigned port)
{
    memset(clients[port].slot_used, 0, sizeof clients[port].slot_used);
    clients[port].waits = true;
    world.channel[port].epoch++;
}

static void clients_act(void)
{
    if (world_random(4) == 0)
        client_acts(world_random(WORLD_PORTS));
}

// Both work until each has had so many answers. The driver dies at every `every`-th step from `first` on; a
// start takes some 40.
static void run_with_deaths(uint64_t seed, uint64_t first, uint64_t every, bool clients_die)
{
    uint64_t all = ~UINT64_C(0);
    world_init(seed);
    memset(clients, 0, sizeof clients);
    world.cut = first;
    world.meanwhile = clients_act;
    if (setjmp(world.out)) {
        world.cut += every;
        world_restart();
    }
    block_service_start(&world.service);
    while (clients[0].done < ROUNDS || clients[1].done < ROUNDS) {
        block_service_serve(&world.service, all);
        client_acts(0);
        client_acts(1);
        if (clients_die && world_random(40) == 0)
            client_dies(world_random(WORLD_PORTS));
    }
    world.meanwhile = NULL;
}

static void one_death(void **state)
{
    (void)state;
    run_with_deaths(1, 0, 0, false);
    uint64_t steps = world.steps;
    assert_true(steps > 300);
    for (uint64_t cut = 1; cut <= steps; cut++)
        for (uint64_t seed = 1; seed <= 3; seed++)
            run_with_deaths(seed, cut, 1u << 30, seed == 3);
}

static void many_deaths(void **state)
{
    (void)state;
    for (uint64_t every = 70; every < 150; every++)
        for (uint64_t seed = 1; seed <= 6; seed++)
            run_with_deaths(seed * 100 + every, every, every, seed & 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presence),    cmocka_unit_test(two_disks), cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(lies),        cmocka_unit_test(errors),    cmocka_unit_test(back_pressure),
        cmocka_unit_test(floods),      cmocka_unit_test(epochs),    cmocka_unit_test(one_death),
        cmocka_unit_test(many_deaths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
