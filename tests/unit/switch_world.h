// A switch that may die between any two steps, and honest servers at its ports.
// SPDX-License-Identifier: MIT
//
// A frame of the tests: addresses, perhaps a tag, a type, then the same byte again and again; its number in
// front tells it from others.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/log.h"
#include "servers/switch/switch.h"

enum { WORLD_PORTS = 8, WORLD_HZ = 1000000, WORLD_TYPE = 0x88b5, WORLD_TAG = 0x8100 };

static struct {
    struct switch_server s;
    struct switch_state state[NET_PORTS_MAX], committed[NET_PORTS_MAX];
    struct name_entry names[NET_PORTS_MAX];
    struct net_counts counts;
    const char *rules[WORLD_PORTS];
    struct ring to[WORLD_PORTS], from[WORLD_PORTS]; // the servers' ends
    uint64_t now, signals, random;
    unsigned one_in; // the switch dies at one step of so many; 0: never
    unsigned deaths, logged;
} world;

static uint8_t world_memory[WORLD_PORTS][NET_PORT_BYTES] __attribute__((aligned(64)));

void log_line(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
    world.logged++;
}

static inline uint32_t world_random(uint32_t below)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 7;
    world.random ^= world.random << 17;
    return (uint32_t)(world.random % below);
}

// ---- the switch ----

static void *world_memory_of(uint32_t port)
{
    return world_memory[port];
}

static const char *world_rules_of(uint32_t port)
{
    return world.rules[port];
}

static void world_start(void)
{
    memset(&world.s, 0, sizeof world.s);
    memcpy(world.state, world.committed, sizeof world.state);
    world.s.names = world.names;
    world.s.state = world.state;
    world.s.counts = &world.counts;
    world.s.hz = WORLD_HZ;
    world.s.memory = world_memory_of;
    world.s.rules = world_rules_of;
    switch_open(&world.s, world.now);
}

// True: it died, and goes on where it had committed.
static bool world_dies(void)
{
    if (!world.one_in || world_random(world.one_in))
        return false;
    world.deaths++;
    world_start();
    return true;
}

static void world_commit(void)
{
    uint32_t bytes;
    const struct switch_state *changed = switch_changed(&world.s, &bytes);
    size_t first = (size_t)(changed - world.state);
    memcpy(&world.committed[first], changed, bytes);
}

// One turn of a port. A switch that dies while it publishes has published some ports.
static bool world_turn(uint32_t port)
{
    bool more = switch_serve(&world.s, port, 1 + world_random(8), world.now);
    if (world_dies())
        return true;
    world_commit();
    if (world_dies())
        return true;
    if (world.one_in && !world_random(world.one_in)) {
        world.s.changed &= world_random(1 << WORLD_PORTS);
        switch_publish(&world.s);
        world.deaths++;
        world_start();
        return true;
    }
    switch_publish(&world.s);
    world.signals |= world.s.signals;
    world.s.signals = 0;
    return !world_dies() && (more || !switch_sleeps(&world.s, port));
}

static inline void world_run(void)
{
    for (uint32_t port = 0; port < WORLD_PORTS; port++)
        while (world_turn(port))
            ;
}

// ---- its ports ----

static inline void world_plug(uint32_t port, const char *rules)
{
    static uint64_t uses;
    uint8_t *memory = world_memory[port];
    memset(memory, 0, NET_PORT_BYTES);
    world.rules[port] = rules;
    (void)!ring_open(&world.to[port], memory + NET_AT_TO, NET_RING_BYTES, NET_CELLS, NET_CELL, 0);
    (void)!ring_open(&world.from[port], memory + NET_AT_FROM, NET_RING_BYTES, NET_CELLS, NET_CELL, 0);
    strcpy(world.names[port].text, "port");
    world.names[port].use = ++uses;
}

static inline void world_begin(void)
{
    memset(&world, 0, sizeof world);
    world.random = 88172645463325252u;
    world.now = 5 * WORLD_HZ;
    world_start();
}

// Puts bytes where a frame is to be, unseen yet.
static inline void world_put(uint32_t port, const struct net_head *head, const uint8_t *frame)
{
    const struct ring *r = &world.to[port];
    uint8_t *at;
    net_span(r, r->position, 0, sizeof *head, &at);
    memcpy(at, head, sizeof *head);
    for (uint32_t done = 0, piece; done < head->bytes; done += piece) {
        piece = net_span(r, r->position, (uint32_t)sizeof *head + done, head->bytes - done, &at);
        memcpy(at, frame + done, piece);
    }
}

// False: there is no room.
static inline bool world_send_head(uint32_t port, const struct net_head *head, const uint8_t *frame)
{
    struct ring *r = &world.to[port];
    if (!net_has_room(r, r->position, net_cells(head->bytes)))
        return false;
    world_put(port, head, frame);
    (void)!ring_publish_produced(r, r->position + net_cells(head->bytes));
    return true;
}

static inline bool world_send(uint32_t port, const uint8_t *frame, uint32_t bytes)
{
    const struct net_head head = {.bytes = bytes};
    return world_send_head(port, &head, frame);
}

// The next frame for a port; its bytes, 0: there is none.
static inline uint32_t world_receive(uint32_t port, struct net_head *head, uint8_t *frame)
{
    struct ring *r = &world.from[port];
    struct net_first first;
    uint8_t *at;
    if (net_look(r, r->position, &first) != NET_FRAME)
        return 0;
    *head = first.head;
    for (uint32_t done = 0, piece; done < head->bytes; done += piece) {
        piece = net_span(r, r->position, (uint32_t)sizeof *head + done, head->bytes - done, &at);
        memcpy(frame + done, at, piece);
    }
    (void)!ring_publish_consumed(r, r->position + net_cells(head->bytes));
    return head->bytes;
}

static inline uint64_t world_count(uint32_t port, enum net_counter which)
{
    return world.counts.port[port][which];
}

// ---- frames ----

static inline uint8_t *world_address(uint8_t *at, uint64_t address)
{
    for (unsigned i = 0; i < NET_ADDRESS; i++)
        at[i] = (uint8_t)(address >> (8 * (NET_ADDRESS - 1 - i)));
    return at + NET_ADDRESS;
}

static inline uint8_t *world_word(uint8_t *at, uint32_t word)
{
    at[0] = (uint8_t)(word >> 8);
    at[1] = (uint8_t)word;
    return at + 2;
}

struct world_frame {
    uint64_t to, from;
    uint32_t tag; // 0: none; else with 1 << 16
    uint32_t number, bytes;
};
#define WORLD_TAGGED(tci) ((tci) | 1u << 16)

static inline void world_make(uint8_t *at, struct world_frame f)
{
    const uint8_t *begin = at;
    at = world_address(world_address(at, f.to), f.from);
    if (f.tag)
        at = world_word(world_word(at, WORLD_TAG), f.tag);
    at = world_word(at, WORLD_TYPE);
    at = world_word(world_word(at, f.number >> 16), f.number);
    memset(at, (int)(f.number * 31 + 7), f.bytes - (size_t)(at - begin));
}

static inline bool world_is(const uint8_t *frame, uint32_t bytes, struct world_frame f)
{
    static uint8_t wanted[NET_FRAME_MAX];
    f.bytes = bytes;
    world_make(wanted, f);
    return memcmp(wanted, frame, bytes) == 0;
}
