// A console between a guest, the host's line and two logs, which can be killed around each commit.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/time.h"
#include "servers/console/console.h"

enum { WORLD_LOGS = 2, WORLD_LINE_MAX = 1 << 20 };

static uint64_t world_log_memory[WORLD_LOGS][RING_PAGES(LOG_RING_BYTES) * 512];
static uint64_t world_output_memory[RING_PAGES(OUTPUT_RING_BYTES) * 512];
static uint64_t world_input_memory[RING_PAGES(INPUT_RING_BYTES) * 512];

static struct {
    struct console console;
    struct log_names config;
    struct line_page line;
    struct console_port port, committed_port;
    struct console_logs logs, committed_logs;
    struct ring to_console, from_console; // the driver's ends
    struct ring log[WORLD_LOGS];          // the servers' ends
    uint64_t now;
    char got[WORLD_LINE_MAX]; // what the host's line has seen
    size_t got_bytes;
} world;

uint64_t tsc_per_ns = UINT64_C(1) << 32; // a tick is a nanosecond

static inline void world_open_console(void)
{
    struct console *c = &world.console;
    *c = (struct console){
        .port = &world.port, .logs = &world.logs, .config = &world.config, .line = &world.line};
    world.port = world.committed_port;
    world.logs = world.committed_logs;
    if (!console_open(c, world_output_memory, world_input_memory, (uint8_t *)world_log_memory,
                      sizeof world_log_memory[0]))
        abort();
    console_publish(c);
}

static inline void world_begin(void)
{
    memset(&world, 0, sizeof world);
    memset(world_log_memory, 0, sizeof world_log_memory);
    memset(world_output_memory, 0, sizeof world_output_memory);
    memset(world_input_memory, 0, sizeof world_input_memory);
    world.config = (struct log_names){LOG_INFO, WORLD_LOGS, {"alpha", "memory"}};
    world.now = NS_PER_S;
    uart_reset(&world.committed_port.uart);
    bool good =
        ring_open(&world.from_console, world_output_memory, sizeof world_output_memory, OUTPUT_RING_BYTES, 1,
                  0) &&
        ring_open(&world.to_console, world_input_memory, sizeof world_input_memory, INPUT_RING_BYTES, 1, 0);
    for (unsigned i = 0; i < WORLD_LOGS; i++)
        good = good && ring_open(&world.log[i], world_log_memory[i], sizeof world_log_memory[i],
                                 LOG_RING_BYTES, 1, 0);
    if (!good)
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
        world.committed_logs = world.logs;
        world.console.changes = 0;
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
        if (!world.console.changes)
            return value; // pure
    } while (!world_commit(kill) && (kill = 0) == 0);
    return value;
}

static inline void world_write(uint32_t reg, uint8_t value, int kill)
{
    do
        console_write(&world.console, reg, 1, value, world.now);
    while (!world_commit(kill) && (kill = 0) == 0);
}

// The driver types; false: no room.
static inline bool world_type(uint8_t byte)
{
    uint32_t room;
    if (!ring_room(&world.to_console, &room) || !room)
        return false;
    ring_put(&world.to_console, world.to_console.position, &byte, 1);
    if (ring_publish_produced(&world.to_console, world.to_console.position + 1)) {
        console_stir(&world.console, world.now);
        world_commit(0);
    }
    return true;
}

static inline void world_print_logs(int kill)
{
    while (console_print_log(&world.console, world.now)) {
        world_commit(kill);
        kill = 0;
    }
}

// The driver sends up to `most` bytes to the line.
static inline void world_drain(uint32_t most)
{
    uint32_t count;
    if (!ring_filled(&world.from_console, &count))
        abort();
    count = count < most ? count : most;
    if (world.got_bytes + count > sizeof world.got)
        abort();
    ring_get(&world.from_console, world.from_console.position, world.got + world.got_bytes, count);
    world.got_bytes += count;
    if (ring_publish_consumed(&world.from_console, world.from_console.position + count)) {
        console_stir(&world.console, world.now);
        world_commit(0);
        world_print_logs(0);
    }
}

static inline bool world_log(unsigned log, const char *line)
{
    uint32_t room;
    uint32_t bytes = (uint32_t)strlen(line);
    if (!ring_room(&world.log[log], &room) || room < bytes)
        return false;
    ring_put(&world.log[log], world.log[log].position, line, bytes);
    if (ring_publish_produced(&world.log[log], world.log[log].position + bytes))
        world_print_logs(0);
    return true;
}

static inline bool world_got(const char *text)
{
    return world.got_bytes == strlen(text) && memcmp(world.got, text, world.got_bytes) == 0;
}
