// What control asks the supervisor and the terminal: one call each.
// SPDX-License-Identifier: MIT
#include "servers/control/ask.h"

#include <string.h>

#include "libipc/proto/layout.h"
#include "libipc/proto/terminal.h"
#include "libipc/words.h"

static enum status exchange(uint32_t slot, struct message *m)
{
    enum status s = sys_call(slot, m);
    return s == STATUS_OK ? (enum status)TAG_LABEL(m->tag) : s;
}

// Of the supervisor's answer, `bytes` from word `at` on; *first: its first word.
static enum status call(uint32_t label, const void *from, size_t sent, uint32_t at, void *to, size_t bytes,
                        uint64_t *first)
{
    struct message m = {.tag = TAG(label, WORDS(sent))};
    message_put(&m, 0, from, sent);
    enum status s = exchange(SLOT_INIT, &m);
    message_get(&m, at, to, bytes);
    if (first)
        *first = m.words[0];
    return s;
}

static enum status by_number(uint32_t label, uint64_t number, void *to, size_t bytes)
{
    return call(label, &number, sizeof number, 0, to, bytes, NULL);
}

enum status ask_status(struct init_status *to)
{
    return by_number(LABEL_INIT_STATUS, 0, to, sizeof *to);
}

enum status ask_server(uint64_t number, struct init_server *to)
{
    return by_number(LABEL_INIT_SERVER, number, to, sizeof *to);
}

enum status ask_vm(uint64_t number, struct init_vm *to)
{
    return by_number(LABEL_INIT_VM, number, to, sizeof *to);
}

enum status ask_crash(uint64_t number, struct init_crash *to)
{
    return by_number(LABEL_INIT_CRASH, number, to, sizeof *to);
}

static enum status ask_text(uint32_t label, uint64_t number, uint64_t from, char *to, uint64_t *bytes)
{
    uint64_t words[] = {number, from};
    enum status s = call(label, words, sizeof words, 1, to, INIT_TEXT_MAX, bytes);
    *bytes = *bytes < INIT_TEXT_MAX ? *bytes : INIT_TEXT_MAX;
    return s;
}

enum status ask_crash_text(uint64_t number, uint64_t from, char *to, uint64_t *bytes)
{
    return ask_text(LABEL_INIT_CRASH_TEXT, number, from, to, bytes);
}

enum status ask_config(uint64_t server, uint64_t from, char *to, uint64_t *bytes)
{
    return ask_text(LABEL_INIT_CONFIG, server, from, to, bytes);
}

enum status ask_printed(const char *name, uint64_t *from, char *to, uint64_t *bytes)
{
    uint64_t words[READ_WORDS] = {[READ_POSITION] = *from}, head[TEXT_BEGIN];
    struct message m = {.tag = TAG(LABEL_TERMINAL_READ, READ_WORDS)};
    strncpy((char *)&words[READ_NAME], name, NAME_BYTES - 1);
    message_put(&m, 0, words, sizeof words);
    enum status s = exchange(CONTROL_SLOT_TERMINAL, &m);
    message_get(&m, 0, head, sizeof head);
    *bytes = head[TEXT_BYTES] < TEXT_MAX ? head[TEXT_BYTES] : TEXT_MAX;
    *from = head[TEXT_NEXT];
    message_get(&m, TEXT_BEGIN, to, *bytes);
    return s;
}

_Static_assert((int)ASK_PRINTED == (int)TEXT_MAX, "what comes in one message");

enum status ask_counters(uint64_t server, uint64_t first, struct stats_entry to[ASK_COUNTERS],
                         uint64_t *count)
{
    uint64_t words[] = {server, first};
    enum status s = call(LABEL_INIT_COUNTERS, words, sizeof words, 1, to,
                         ASK_COUNTERS * sizeof(struct stats_entry), count);
    *count = *count < ASK_COUNTERS ? *count : ASK_COUNTERS;
    return s;
}

enum status ask_route(uint64_t vm, uint64_t place, struct init_route *to)
{
    uint64_t words[] = {vm, place};
    return call(LABEL_INIT_ROUTE, words, sizeof words, 0, to, sizeof *to, NULL);
}

enum status ask_command(const struct init_command *c, struct init_answer *to)
{
    return call(LABEL_INIT_COMMAND, c, sizeof *c, 0, to, sizeof *to, NULL);
}

void ask_definition(const char *text, uint32_t bytes)
{
    memcpy((void *)CONTROL_MAP_DEFINITION, text, bytes);
}
