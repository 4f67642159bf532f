// The machine's management: JSON over the host's second serial line.
// SPDX-License-Identifier: MIT
//
// It is called by nobody: bits of its notification tell of the line and of events. What it is told to do it
// tells the supervisor.
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "servers/control/session.h"

const char program_name[] = "control";

enum { KIND = 0x6c727463, VERSION = 1, LOG_BYTES = 2 << 10, SECTION_SESSION = 1 };

static struct session session;
static struct state state;

static void publish(struct server *s)
{
    (void)s;
    session_publish(&session);
    if (session.signals)
        (void)!sys_signal(CONTROL_SLOT_UART); // its notification outlives it
    session.signals = false;
}

static void bits(struct server *s, uint64_t bits)
{
    (void)bits;
    while (session_step(&session)) {
        server_changed(s, session.state, sizeof *session.state);
        server_commit(s);
    }
}

static void open_session(void)
{
    static const struct state_section sections[] = {{SECTION_SESSION, sizeof(struct session_state)}};
    static const struct state_layout layout = {KIND, VERSION, LOG_BYTES, 1, sections};
    enum state_status status =
        state_open(&state, (void *)MAP_STATE, CONTROL_STATE_BYTES, &layout, program_start.kind);
    if (status != STATE_OK && status != STATE_EMPTY)
        die("the state object cannot be used (%u, damage %u)", status, state.damage);
    session.state = state_section(&state, SECTION_SESSION);
    if (!session_open(&session, (void *)CONTROL_MAP_INPUT, (void *)CONTROL_MAP_OUTPUT,
                      (void *)CONTROL_MAP_EVENTS))
        die("the rings do not fit");
    if (status == STATE_EMPTY) {
        session_begin(&session);
        state_adopt(&state);
    }
    session.signals = true; // the dead server may have owed one
}

int main(void)
{
    static struct server server = {
        .replies = SLOT_REPLY, .reply_count = 1, .bits = bits, .publish = publish, .state = &state};
    log_use_ring(SLOT_LOG_SIGNAL);
    open_session();
    enum status status = server_init(&server);
    if (status == STATUS_OK)
        status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status != STATUS_OK)
        die("cannot start: %s", status_name(status));
    publish(&server);
    bits(&server, 0); // what peers signalled to the dead server
    status = server_run(&server);
    die("the endpoint is gone: %s", status_name(status));
}
