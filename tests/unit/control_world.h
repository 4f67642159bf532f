// Control between its rings, with a client at one end and a supervisor that is told what to do; it may die
// whenever it asks something, and before whatever it did is committed. SPDX-License-Identifier: MIT
#pragma once

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/abi/vcpu.h"
#include "servers/control/ask.h"
#include "servers/control/session.h"

enum {
    WORLD_INPUT = RING_PAGES(CONTROL_INPUT_BYTES) * 4096,
    WORLD_OUTPUT = RING_PAGES(CONTROL_OUTPUT_BYTES) * 4096,
    WORLD_SAID = 1 << 20
};

static struct world {
    _Alignas(64) uint8_t input[WORLD_INPUT], output[WORLD_OUTPUT], events[INIT_EVENT_BYTES];
    struct session_state working, committed;
    struct session session;
    struct ring typed, heard, sent; // the other ends
    char said[WORLD_SAID + 1];      // all that the client got
    size_t said_bytes;
    bool deaf; // the client reads nothing
    uint64_t last_sequence;
    struct init_answer last_answer;
    struct init_command last_command;
    unsigned carried_out; // commands
    unsigned crashes;
    uint64_t place, cut; // places where it may die; the one where it does
    jmp_buf out;
} w;

static inline void world_place(void)
{
    if (++w.place == w.cut)
        longjmp(w.out, 1);
}

enum status ask_status(struct init_status *to)
{
    world_place();
    *to = (struct init_status){.name = "t", .uptime_ns = 5, .vms = 1, .servers = 1};
    return STATUS_OK;
}

enum status ask_server(uint64_t number, struct init_server *to)
{
    world_place();
    *to = (struct init_server){.name = "s", .kind = "k", .state = INIT_SERVER_RUNNING};
    return number ? STATUS_NOT_FOUND : STATUS_OK;
}

enum status ask_vm(uint64_t number, struct init_vm *to)
{
    world_place();
    *to = (struct init_vm){.state = INIT_VM_RUNNING, .exits_by_kind = {[6] = 3}};
    if (number == 1) // nothing is at 0
        strcpy(to->name, "a");
    return number > 1 ? STATUS_NOT_FOUND : STATUS_OK;
}

enum status ask_crash(uint64_t number, struct init_crash *to)
{
    *to = (struct init_crash){.server = "s", .why = "w\"", .deaths = 2};
    return number < w.crashes ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status ask_crash_text(uint64_t number, uint64_t from, char *to, uint64_t *bytes)
{
    (void)number;
    *bytes = from < 3000 ? INIT_TEXT_MAX : 7;
    memset(to, from ? '\x01' : 'c', *bytes);
    return STATUS_OK;
}

enum status ask_config(uint64_t server, uint64_t from, char *to, uint64_t *bytes)
{
    static const char text[] = "{\"size\": 4096, \"store\": \"ram\", \"base\": 1, \"more\": []}";
    (void)server, (void)from;
    *bytes = sizeof text - 1;
    memcpy(to, text, *bytes);
    return STATUS_OK;
}

enum status ask_printed(const char *name, uint64_t *from, char *to, uint64_t *bytes)
{
    world_place();
    if (strcmp(name, "nobody") == 0)
        return STATUS_NOT_FOUND;
    *bytes = *from < 40000 ? ASK_PRINTED : 0;
    memset(to, name[0], *bytes);
    *from += *bytes;
    return STATUS_OK;
}

enum status ask_counters(uint64_t server, uint64_t first, struct stats_entry to[ASK_COUNTERS],
                         uint64_t *count)
{
    (void)server;
    *count = first ? 0 : 1;
    to[0] = (struct stats_entry){.name = "reads", .value = 9};
    return STATUS_OK;
}

enum status ask_route(uint64_t vm, uint64_t place, struct init_route *to)
{
    static const struct init_route routes[] = {
        {.server = "s", .first = 1016, .last = 1023, .count = 5, .use = INIT_ROUTE_READS},
        {.first = 0x4000, .last = 0x4001, .count = 6, .place = 66, .use = INIT_ROUTE_DOORBELLS},
        {.server = "s", .first = 1, .last = 2, .count = 7, .place = 255, .space = ACCESS_MEMORY, .use = 1}};
    world_place();
    for (size_t i = 0; vm == 1 && i < sizeof routes / sizeof routes[0]; i++)
        if (routes[i].place >= place) {
            *to = routes[i];
            return STATUS_OK;
        }
    return STATUS_NOT_FOUND;
}

// As the supervisor does it: the same number again gets the same answer.
enum status ask_command(const struct init_command *c, struct init_answer *to)
{
    world_place();
    if (c->sequence != w.last_sequence) {
        w.last_sequence = c->sequence;
        w.last_command = *c;
        w.carried_out++;
        w.last_answer = (struct init_answer){0};
        if (strcmp(c->name, "nobody") == 0) {
            w.last_answer.outcome = INIT_NOT_FOUND;
            strcpy(w.last_answer.text, "there is no VM nobody");
        }
        struct init_event e = {.kind = EVENT_VM_PAUSED, .unix_ns = 1500000000, .name = "e"};
        ring_put(&w.sent, w.sent.position, &e, 1);
        (void)!ring_publish_produced(&w.sent, w.sent.position + 1);
    }
    *to = w.last_answer;
    world_place();
    return STATUS_OK;
}

void ask_definition(const char *text, uint32_t bytes)
{
    (void)text, (void)bytes;
}

static inline void world_starts(bool fresh)
{
    w.working = w.committed;
    w.session = (struct session){.state = &w.working};
    if (!session_open(&w.session, w.input, w.output, w.events))
        abort();
    if (fresh) {
        session_begin(&w.session);
        w.committed = w.working;
    }
    session_publish(&w.session);
}

static inline void world_hears(void)
{
    uint32_t filled;
    if (w.deaf || !ring_filled(&w.heard, &filled))
        return;
    if (filled > WORLD_SAID - w.said_bytes)
        abort();
    ring_get(&w.heard, w.heard.position, w.said + w.said_bytes, filled);
    w.said_bytes += filled;
    w.said[w.said_bytes] = 0;
    (void)!ring_publish_consumed(&w.heard, w.heard.position + filled);
}

static inline void world_begin(void)
{
    memset(&w, 0, sizeof w);
    if (!ring_open(&w.typed, w.input, sizeof w.input, CONTROL_INPUT_BYTES, 1, 0) ||
        !ring_open(&w.heard, w.output, sizeof w.output, CONTROL_OUTPUT_BYTES, 1, 0) ||
        !ring_open(&w.sent, w.events, sizeof w.events, INIT_EVENT_CAPACITY, sizeof(struct init_event), 0))
        abort();
    world_starts(true);
    world_hears();
}

// Until there is nothing to do. It dies at place `cut` and starts again.
static inline void world_runs(void)
{
    if (setjmp(w.out))
        world_starts(false);
    while (session_step(&w.session)) {
        world_place();
        w.committed = w.working;
        world_place();
        session_publish(&w.session);
        world_hears();
    }
    world_hears();
}

static inline void world_types(const char *text, size_t bytes)
{
    while (bytes) {
        uint32_t room;
        if (!ring_room(&w.typed, &room))
            abort();
        uint32_t n = bytes < room ? (uint32_t)bytes : room;
        ring_put(&w.typed, w.typed.position, text, n);
        (void)!ring_publish_produced(&w.typed, w.typed.position + n);
        text += n;
        bytes -= n;
        world_runs();
        if (!n)
            return; // it waits for a client that does not read
    }
}
