// A terminal between a host's line, consoles and logs, which can be killed around each commit.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/time.h"
#include "servers/terminal/terminal.h"

enum { WORLD_CONSOLES = 3, WORLD_LOGS = 2, WORLD_LINE_MAX = 1 << 22 };

static uint64_t world_output_memory[RING_PAGES(OUTPUT_RING_BYTES) * 512];
static uint64_t world_input_memory[RING_PAGES(INPUT_RING_BYTES) * 512];
static uint64_t world_log_stream[STREAM_PAGES * 512];

struct world_state {
    struct terminal_view view;
    struct terminal_stream stream[STREAMS_MAX];
    struct terminal_log log[TERMINAL_LOGS_MAX];
};

static struct {
    struct terminal t;
    struct terminal_names names;
    struct world_state state, committed;
    uint8_t *consoles, *logs;
    struct ring from_terminal, to_terminal; // the driver's ends
    struct stream guest[WORLD_CONSOLES];    // the consoles' ends
    struct ring keyboard[WORLD_CONSOLES];
    struct ring server[WORLD_LOGS]; // the servers' ends
    uint64_t now;
    int kills; // one commit of so many dies; 0: none
    char got[WORLD_LINE_MAX + 1];
    size_t got_bytes;
} world;

uint64_t tsc_per_ns = UINT64_C(1) << 32; // a tick is a nanosecond

static inline void world_open(void)
{
    world.state = world.committed;
    world.t = (struct terminal){.view = &world.state.view,
                                .stream = world.state.stream,
                                .log = world.state.log,
                                .names = &world.names,
                                .level = LOG_INFO,
                                .logs = world.logs,
                                .consoles = world.consoles};
    terminal_open(&world.t, world_output_memory, world_input_memory, world_log_stream);
}

static inline bool world_commit(bool did);

// A start, until there is nothing that a dead incarnation owed.
static inline void world_start(void)
{
    world_open();
    world_commit(true);
}

static inline void *world_memory(void *old, size_t bytes)
{
    if (old)
        munmap(old, bytes);
    void *new = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (new == MAP_FAILED)
        abort();
    return new;
}

static inline bool world_open_ring(struct ring *r, void *memory, uint32_t bytes)
{
    return ring_open(r, memory, RING_PAGES(bytes) * 4096, bytes, 1, 0);
}

static inline void world_name(struct name_entry *entry, const char *text)
{
    entry->use++;
    snprintf(entry->text, sizeof entry->text, "%s", text);
}

// So many consoles called c0, c1, ... and logs called l0, l1.
static inline void world_begin(unsigned consoles)
{
    uint8_t *old[] = {world.consoles, world.logs};
    memset(&world, 0, sizeof world);
    memset(world_output_memory, 0, sizeof world_output_memory);
    memset(world_input_memory, 0, sizeof world_input_memory);
    memset(world_log_stream, 0, sizeof world_log_stream);
    world.consoles = world_memory(old[0], WORLD_CONSOLES * TERMINAL_CONSOLE_STRIDE);
    world.logs = world_memory(old[1], WORLD_LOGS * TERMINAL_LOG_STRIDE);
    world.now = NS_PER_S;
    bool good = world_open_ring(&world.from_terminal, world_output_memory, OUTPUT_RING_BYTES) &&
                world_open_ring(&world.to_terminal, world_input_memory, INPUT_RING_BYTES);
    for (unsigned i = 0; i < WORLD_CONSOLES; i++) {
        uint8_t *at = world.consoles + i * TERMINAL_CONSOLE_STRIDE;
        world.guest[i] = stream_open(at, 0);
        good = good && world_open_ring(&world.keyboard[i], at + TERMINAL_CONSOLE_INPUT, INPUT_RING_BYTES);
        if (i < consoles)
            world_name(&world.names.console[i], (const char[]){'c', (char)('0' + i), 0});
    }
    for (unsigned i = 0; i < WORLD_LOGS; i++) {
        good =
            good && world_open_ring(&world.server[i], world.logs + i * TERMINAL_LOG_STRIDE, LOG_RING_BYTES);
        world_name(&world.names.log[i], (const char[]){'l', (char)('0' + i), 0});
    }
    if (!good)
        abort();
    world_open();
    terminal_begin(&world.t);
    world.committed = world.state;
    world_start();
}

static inline bool world_commit(bool did)
{
    int kill = did && world.kills && rand() % world.kills == 0 ? rand() % 2 + 1 : 0;
    if (did && kill != 1)
        world.committed = world.state;
    if (kill)
        world_start();
    else if (did)
        terminal_publish(&world.t);
    return did;
}

// What the server does until there is nothing more to do.
static inline void world_work(void)
{
    for (bool more = true; more;) {
        more = world_commit(terminal_look(&world.t));
        more = world_commit(terminal_take_log(&world.t)) || more;
        more = world_commit(terminal_take_input(&world.t)) || more;
        more = world_commit(terminal_show(&world.t, world.now)) || more;
    }
}

// A guest prints: always.
static inline void world_print(unsigned console, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    for (uint32_t piece; count; at += piece, count -= piece) {
        piece = count < 1000 ? (uint32_t)count : 1000;
        stream_write(&world.guest[console], world.guest[console].position, at, piece);
        (void)!stream_publish(&world.guest[console], world.guest[console].position + piece);
    }
}

static inline void world_prints(unsigned console, const char *text)
{
    world_print(console, text, strlen(text));
}

static inline bool world_put(struct ring *r, const char *text)
{
    uint32_t room, bytes = (uint32_t)strlen(text);
    if (!ring_room(r, &room) || room < bytes)
        return false;
    ring_put(r, r->position, text, bytes);
    (void)!ring_publish_produced(r, r->position + bytes);
    return true;
}

static inline bool world_log(unsigned log, const char *line)
{
    return world_put(&world.server[log], line);
}

static inline bool world_type(const char *keys)
{
    return world_put(&world.to_terminal, keys);
}

// What a console has been sent; it takes it all.
static inline const char *world_typed(unsigned console)
{
    static char text[INPUT_RING_BYTES + 1];
    struct ring *r = &world.keyboard[console];
    uint32_t filled;
    if (!ring_filled(r, &filled))
        abort();
    ring_get(r, r->position, text, filled);
    text[filled] = 0;
    (void)!ring_publish_consumed(r, r->position + filled);
    return text;
}

// The host takes up to `most` bytes from the line.
static inline void world_drain(uint32_t most)
{
    struct ring *r = &world.from_terminal;
    uint32_t count;
    if (!ring_filled(r, &count))
        abort();
    count = count < most ? count : most;
    if (world.got_bytes + count > WORLD_LINE_MAX)
        abort();
    ring_get(r, r->position, world.got + world.got_bytes, count);
    world.got_bytes += count;
    world.got[world.got_bytes] = 0;
    (void)!ring_publish_consumed(r, r->position + count);
}

// All that comes out now, as text.
static inline const char *world_shown(void)
{
    world.got_bytes = 0;
    world.got[0] = 0;
    for (size_t before = 1; before != world.got_bytes;) {
        before = world.got_bytes;
        world_work();
        world_drain(OUTPUT_RING_BYTES);
    }
    return world.got;
}

static inline const char *world_does(const char *keys)
{
    if (!world_type(keys))
        abort();
    return world_shown();
}
