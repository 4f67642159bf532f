// The terminal server.
// SPDX-License-Identifier: MIT
//
// Life: read the configuration, open the state object and all windows, then do what there is to do whenever a
// console, a log or the driver stirs: steps, each committed by itself. It is called only by who reads.
#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/manifest.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "libipc/time.h"
#include "servers/terminal/terminal.h"

const char program_name[] = "terminal";

enum { KIND = 0x6d726574, VERSION = 1, LOG_BYTES = 64 << 10, STEPS_AT_ONCE = 32 };
enum { TOKENS_MAX = 8 };
enum section { SECTION_VIEW = 1, SECTION_STREAMS, SECTION_LOGS };

static struct terminal terminal;
static struct state state;
static bool logs_stirred;

// Signals are sent when what they tell of can be seen; notifications outlive their servers.
static void publish(struct server *s)
{
    (void)s;
    terminal_publish(&terminal);
    uint64_t consoles = terminal.signal_consoles;
    if (terminal.signal_uart)
        (void)!sys_signal(TERMINAL_SLOT_UART);
    for (; consoles; consoles &= consoles - 1)
        (void)!sys_signal(TERMINAL_SLOT_CONSOLE + (uint32_t)__builtin_ctzll(consoles));
    terminal.signal_consoles = 0;
    terminal.signal_uart = false;
}

static bool commit(struct server *s, bool did)
{
    const struct terminal *t = &terminal;
    if (!did)
        return false;
    if (t->changed_view)
        server_changed(s, t->view, sizeof *t->view);
    if (t->changed_stream != STREAM_NONE)
        server_changed(s, &t->stream[t->changed_stream], sizeof *t->stream);
    if (t->changed_log != LOG_NONE)
        server_changed(s, &t->log[t->changed_log], sizeof *t->log);
    server_commit(s);
    return true;
}

// Of what went nothing is to be touched any more.
static bool serve_logs(struct server *s)
{
    while (logs_stirred && commit(s, terminal_look(&terminal)))
        continue;
    logs_stirred = logs_stirred && commit(s, terminal_take_log(&terminal));
    return logs_stirred;
}

// Calls are not to wait until there is nothing more to do.
static void work(struct server *s)
{
    bool more = true;
    for (unsigned i = 0; more && i < STEPS_AT_ONCE; i++) {
        more = serve_logs(s);
        more = commit(s, terminal_take_input(&terminal)) || more;
        more = commit(s, terminal_show(&terminal, now())) || more;
    }
    s->due_at = more ? now() : terminal_show_due(&terminal);
}

// A server that comes says so by the bit of logs.
static void handle_bits(struct server *s, uint64_t bits)
{
    logs_stirred = logs_stirred || bits & TERMINAL_BIT_LOG || terminal.looks_again;
    work(s);
}

static enum reply_how handle_read(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)s;
    uint64_t *words = utcb()->words;
    uint32_t count = 0;
    memcpy(words, in->message.words, sizeof in->message.words);
    enum status status =
        TAG_WORDS(in->message.tag) == READ_WORDS ? terminal_read(&terminal, words, &count) : STATUS_BAD_ARG;
    memcpy(answer->words, words, sizeof answer->words);
    answer->tag = TAG(status, count);
    return REPLY_NOW;
}

static void read_config(void)
{
    static const struct json_field fields[] = {
        {.key = "level", .kind = JSON_CHOICE, .names = log_level_names},
    };
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    struct json j;
    struct json_node root;
    if (!json_open(&j, (const char *)MAP_CONFIG, tokens, sizeof tokens, &root) ||
        !json_read(&j, root, "the terminal's configuration", JSON_FIELDS(fields), &terminal.level))
        die("%s", j.error);
}

static void open_state(void)
{
    static const struct state_section sections[] = {
        {SECTION_VIEW, sizeof(struct terminal_view)},
        {SECTION_STREAMS, STREAMS_MAX * sizeof(struct terminal_stream)},
        {SECTION_LOGS, TERMINAL_LOGS_MAX * sizeof(struct terminal_log)},
    };
    static const struct state_layout layout = {KIND, VERSION, LOG_BYTES, 3, sections};
    enum state_status status =
        state_open(&state, (void *)MAP_STATE, TERMINAL_STATE_BYTES, &layout, program_start.kind);
    if (status != STATE_OK && status != STATE_EMPTY)
        die("the state object cannot be used (%u, damage %u)", status, state.damage);
    terminal.view = state_section(&state, SECTION_VIEW);
    terminal.stream = state_section(&state, SECTION_STREAMS);
    terminal.log = state_section(&state, SECTION_LOGS);
    if (status == STATE_EMPTY) {
        terminal_begin(&terminal);
        state_adopt(&state);
    }
}

static void open_terminal(void)
{
    read_config();
    terminal.names = (const struct terminal_names *)TERMINAL_MAP_NAMES;
    terminal.logs = (uint8_t *)TERMINAL_MAP_LOGS;
    terminal.consoles = (uint8_t *)TERMINAL_MAP_CONSOLES;
    open_state();
    terminal_open(&terminal, (void *)TERMINAL_MAP_OUTPUT, (void *)TERMINAL_MAP_INPUT,
                  (void *)TERMINAL_MAP_LOG);
}

int main(void)
{
    static const struct server_handler handlers[] = {{LABEL_TERMINAL_READ, LABEL_TERMINAL_READ, handle_read}};
    static struct server server = {.endpoint = SLOT_ENDPOINT,
                                   .replies = SLOT_REPLY,
                                   .reply_count = 1,
                                   .handlers = handlers,
                                   .handler_count = 1,
                                   .bits = handle_bits,
                                   .due = work,
                                   .publish = publish,
                                   .state = &state};
    log_use_ring(SLOT_LOG_SIGNAL);
    open_terminal();
    enum status status = server_init(&server);
    if (status == STATUS_OK)
        status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status != STATUS_OK)
        die("cannot start: %s", status_name(status));
    server_changed(&server, terminal.view, sizeof *terminal.view); // by what went meanwhile
    server_changed(&server, terminal.stream, STREAMS_MAX * sizeof *terminal.stream);
    server_changed(&server, terminal.log, TERMINAL_LOGS_MAX * sizeof *terminal.log);
    server_commit(&server);                 // and sends signals that the dead server owed
    handle_bits(&server, TERMINAL_BIT_LOG); // and what peers signalled to it
    status = server_run(&server);
    die("the endpoint is gone: %s", status_name(status));
}
