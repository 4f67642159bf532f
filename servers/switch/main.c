// The virtual network switch as a process.
// SPDX-License-Identifier: MIT
//
// Ports take turns: so many frames of one, a commit, then the next. It sleeps when no port has anything, and
// nobody calls it.
#include "servers/switch/switch.h"

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "libipc/time.h"

const char program_name[] = "switch";

enum {
    KIND = 0x68637773,
    VERSION = 1,
    LOG_BYTES = 44 << 10,
    SECTION_PORTS = 1,
    WINDOW = 2 << 20,
    TURN = 64,          // frames of a port at once
    TURNS_AT_ONCE = 256 // without a wait
};
#define ALL_PORTS (SWITCH_BIT_PORT(NET_PORTS_MAX) - 1)

static struct state state;
static struct switch_server service;
static uint64_t waiting = ALL_PORTS; // a bit a port that may have something
static uint32_t next;                // the port whose turn it is

static void *memory_of(uint32_t port)
{
    return (uint8_t *)SWITCH_MAP_PORT + (uint64_t)port * WINDOW;
}

static const char *rules_of(uint32_t port)
{
    return (const char *)SWITCH_MAP_RULES + (uint64_t)port * WINDOW;
}

static void open_state(void)
{
    static const struct state_section sections[] = {
        {SECTION_PORTS, NET_PORTS_MAX * sizeof(struct switch_state)}};
    static const struct state_layout layout = {KIND, VERSION, LOG_BYTES, 1, sections};
    enum state_status status =
        state_open(&state, (void *)MAP_STATE, SWITCH_STATE_BYTES, &layout, program_start.kind);
    if (status != STATE_OK && status != STATE_EMPTY && status != STATE_DAMAGED)
        die("the state object cannot be used (%u)", status);
    service.state = state_section(&state, SECTION_PORTS);
    if (status == STATE_DAMAGED) {
        log_error("the state object is damaged (%u): ports go on where their rings say", state.damage);
        for (uint32_t i = 0; i < NET_PORTS_MAX; i++)
            service.state[i] = (struct switch_state){0};
    }
    if (status != STATE_OK)
        state_adopt(&state);
}

static void publish(struct server *s)
{
    (void)s;
    switch_publish(&service);
    for (; service.signals; service.signals &= service.signals - 1)
        (void)!sys_signal(SWITCH_SLOT_PORT + (uint32_t)__builtin_ctzll(service.signals));
}

static void commit(struct server *s)
{
    uint32_t bytes;
    const struct switch_state *changed = switch_changed(&service, &bytes);
    if (bytes)
        server_changed(s, changed, bytes);
    server_commit(s);
}

static uint32_t take_turn(void)
{
    uint64_t behind = waiting >> next << next;
    uint32_t port = (uint32_t)__builtin_ctzll(behind ? behind : waiting);
    next = (port + 1) % NET_PORTS_MAX;
    return port;
}

static void work(struct server *s)
{
    for (unsigned i = 0; waiting && i < TURNS_AT_ONCE; i++) {
        uint32_t port = take_turn();
        bool more = switch_serve(&service, port, TURN, now());
        commit(s);
        if (!more && switch_sleeps(&service, port))
            waiting &= ~SWITCH_BIT_PORT(port);
    }
    s->due_at = waiting ? now() : 0;
}

static void handle_bits(struct server *s, uint64_t bits)
{
    waiting |= bits & ALL_PORTS;
    work(s);
}

int main(void)
{
    static struct server server = {
        .reply_count = 1, .bits = handle_bits, .due = work, .publish = publish, .state = &state};
    log_use_ring(SLOT_LOG_SIGNAL);
    service.names = (const struct name_entry *)SWITCH_MAP_NAMES;
    service.counts = (struct net_counts *)SWITCH_MAP_COUNTS;
    service.hz = tsc_khz * 1000;
    service.memory = memory_of;
    service.rules = rules_of;
    open_state();
    enum status status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status != STATUS_OK)
        die("cannot start: %s", status_name(status));
    switch_open(&service, now());
    commit(&server);
    publish(&server); // signals that the dead server owed
    handle_bits(&server, ALL_PORTS);
    status = server_run(&server);
    die("the notification is gone: %s", status_name(status));
}
