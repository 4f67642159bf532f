// A console between a guest and a terminal, which can be killed around each commit.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/proto/layout.h"
#include "servers/console/console.h"

enum { WORLD_LINE_MAX = 1 << 20 };

static uint64_t world_output_memory[STREAM_PAGES * 512];
static uint64_t world_input_memory[RING_PAGES(INPUT_RING_BYTES) * 512];

static struct {
    struct console console;
    struct line_page line;
    struct console_port port, committed_port;
    struct ring to_console; // the terminal's ends
    struct stream from_console;
    char got[WORLD_LINE_MAX]; // what the terminal has seen
    size_t got_bytes;
} world;

static inline void world_open_console(void)
{
    struct console *c = &world.console;
    *c = (struct console){.port = &world.port, .line = &world.line};
    world.port = world.committed_port;
    if (!console_open(c, world_output_memory, world_input_memory))
        abort();
    console_publish(c);
}

static inline void world_begin(void)
{
    memset(&world, 0, sizeof world);
    memset(world_output_memory, 0, sizeof world_output_memory);
    memset(world_input_memory, 0, sizeof world_input_memory);
    uart_reset(&world.committed_port.uart);
    world.from_console = stream_open(world_output_memory, 0);
    if (!ring_open(&world.to_console, world_input_memory, sizeof world_input_memory, INPUT_RING_BYTES, 1, 0))
        abort();
    world_open_console();
}

// What the server loop does after each message. `kill`: 1 dies in front of the commit, 2 behind it. True:
// what was done counts.
static inline bool world_commit(int kill)
{
    bool counts = kill != 1;
    if (counts) {
        world.committed_port = world.port;
        world.console.changed = false;
    }
    if (kill)
        world_open_console();
    else
        console_publish(&world.console);
    return counts;
}

// An access is repeated until it counts.
static inline uint8_t world_read(uint32_t reg, int kill)
{
    uint8_t value;
    do {
        value = (uint8_t)console_read(&world.console, reg, 1);
        if (!world.console.changed)
            return value; // pure
    } while (!world_commit(kill) && (kill = 0) == 0);
    return value;
}

static inline void world_write(uint32_t reg, uint8_t value, int kill)
{
    do
        console_write(&world.console, reg, 1, value);
    while (!world_commit(kill) && (kill = 0) == 0);
}

// The terminal types; false: no room.
static inline bool world_type(uint8_t byte)
{
    uint32_t room;
    if (!ring_room(&world.to_console, &room) || !room)
        return false;
    ring_put(&world.to_console, world.to_console.position, &byte, 1);
    if (ring_publish_produced(&world.to_console, world.to_console.position + 1)) {
        console_stir(&world.console);
        world_commit(0);
    }
    return true;
}

// The terminal shows up to `most` bytes. How many it is too late for.
static inline uint64_t world_show(uint32_t most)
{
    uint64_t missed = stream_catch_up(&world.from_console);
    if (world.got_bytes + most > sizeof world.got ||
        !stream_read(&world.from_console, world.got + world.got_bytes, &most))
        abort();
    world.from_console.position += most;
    world.got_bytes += most;
    return missed;
}

static inline bool world_got(const char *text)
{
    return world.got_bytes == strlen(text) && memcmp(world.got, text, world.got_bytes) == 0;
}
