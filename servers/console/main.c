// The console server.
// SPDX-License-Identifier: MIT
//
// Life: open the state object, the stream and the ring, then serve the guest's accesses, and whenever
// something was typed, move it. A register read that changes nothing commits nothing.
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "servers/console/console.h"

const char program_name[] = "console";

enum { KIND = 0x736e6f63, VERSION = 2, LOG_BYTES = 16 << 10, VCPUS_MAX = 32 };
enum section { SECTION_PORT = 1 };

static struct console console;
static struct state state;

// Signals are sent when what they tell of can be seen.
static void publish(struct server *s)
{
    (void)s;
    console_publish(&console);
    uint32_t signals = console.signals;
    console.signals = 0;
    if (signals & SIGNAL_VMM)
        (void)!sys_signal(CONSOLE_SLOT_VMM); // notifications outlive their servers
    if (signals & SIGNAL_TERMINAL)
        (void)!sys_signal(CONSOLE_SLOT_TERMINAL);
}

static void note_changes(struct server *s)
{
    if (console.changed)
        server_changed(s, console.port, sizeof *console.port);
    console.changed = false;
}

static enum reply_how handle_access(struct server *s, const struct message_in *in, struct message *answer)
{
    const uint64_t *w = in->message.words;
    uint32_t offset = (uint32_t)w[ACCESS_OFFSET], size = ACCESS_INFO_SIZE(w[ACCESS_INFO]);
    answer->tag = TAG(STATUS_OK, 1);
    if (ACCESS_INFO_WRITE(w[ACCESS_INFO]))
        console_write(&console, offset, size, w[ACCESS_VALUE]);
    else
        answer->words[0] = console_read(&console, offset, size);
    if (console.changed)
        note_changes(s);
    return REPLY_NOW;
}

static void handle_bits(struct server *s, uint64_t bits)
{
    (void)bits;
    console_stir(&console);
    note_changes(s);
    server_commit(s);
}

static void open_state(void)
{
    static const struct state_section sections[] = {
        {SECTION_PORT, sizeof(struct console_port)},
        {REPLIES_SECTION, VCPUS_MAX * sizeof(struct stored_reply)},
    };
    static const struct state_layout layout = {KIND, VERSION, LOG_BYTES, 2, sections};
    enum state_status status =
        state_open(&state, (void *)MAP_STATE, CONSOLE_STATE_BYTES, &layout, program_start.kind);
    if (status != STATE_OK && status != STATE_EMPTY)
        die("the state object cannot be used (%u, damage %u)", status, state.damage);
    console.port = state_section(&state, SECTION_PORT);
    if (status == STATE_EMPTY) {
        uart_reset(&console.port->uart);
        // Not the first power-on, perhaps: those at the other ends go on.
        console.port->output = ring_last_produced((void *)CONSOLE_MAP_OUTPUT);
        console.port->input = ring_resume_consuming((void *)CONSOLE_MAP_INPUT, INPUT_RING_BYTES);
        state_adopt(&state);
    }
}

static void open_console(void)
{
    open_state();
    console.line = (struct line_page *)CONSOLE_MAP_LINE;
    if (!console_open(&console, (void *)CONSOLE_MAP_OUTPUT, (void *)CONSOLE_MAP_INPUT))
        die("the ring does not fit");
}

int main(void)
{
    static const struct server_handler handlers[] = {{LABEL_ACCESS, LABEL_ACCESS, handle_access}};
    static struct server server = {.endpoint = SLOT_ENDPOINT,
                                   .replies = SLOT_REPLY,
                                   .reply_count = 1,
                                   .handlers = handlers,
                                   .handler_count = 1,
                                   .bits = handle_bits,
                                   .publish = publish,
                                   .tries = SERVER_TRIES,
                                   .state = &state,
                                   .stored_count = VCPUS_MAX};
    log_use_ring(SLOT_LOG_SIGNAL);
    open_console();
    server.stored = state_section(&state, REPLIES_SECTION);
    enum status status = server_init(&server);
    if (status == STATUS_OK)
        status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status != STATUS_OK)
        die("cannot start: %s", status_name(status));
    handle_bits(&server, 0); // what peers signalled to the dead server
    status = server_run(&server);
    die("the endpoint is gone: %s", status_name(status));
}
