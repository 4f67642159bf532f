// What control asks the supervisor.
// SPDX-License-Identifier: MIT
#include "servers/control/ask.h"

#include <string.h>

#include "libipc/proto/layout.h"
#include "libipc/syscall.h"

// Sends words, gets up to `bytes` of the answer's from word `at` on; *words: what came.
static enum status call(uint32_t label, const void *from, size_t sent, uint32_t at, void *to, size_t bytes,
                        uint64_t *first)
{
    uint64_t words[MESSAGE_WORDS_MAX] = {0};
    memcpy(words, from, sent);
    struct message m = {.tag = TAG(label, (sent + 7) / 8)};
    memcpy(m.words, words, sizeof m.words);
    memcpy(utcb()->words + MESSAGE_REGISTERS, words + MESSAGE_REGISTERS, sizeof words - sizeof m.words);
    enum status s = sys_call(SLOT_INIT, &m);
    if (s != STATUS_OK)
        return s;
    memcpy(words, m.words, sizeof m.words);
    memcpy(words + MESSAGE_REGISTERS, utcb()->words + MESSAGE_REGISTERS, sizeof words - sizeof m.words);
    memcpy(to, words + at, bytes);
    if (first)
        *first = words[0];
    return (enum status)TAG_LABEL(m.tag);
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

enum status ask_crash_text(uint64_t number, uint64_t from, char *to, uint64_t *bytes)
{
    uint64_t words[] = {number, from};
    enum status s = call(LABEL_INIT_CRASH_TEXT, words, sizeof words, 1, to, INIT_TEXT_MAX, bytes);
    *bytes = *bytes < INIT_TEXT_MAX ? *bytes : INIT_TEXT_MAX;
    return s;
}

enum status ask_counters(uint64_t server, uint64_t first, struct stats_entry to[ASK_COUNTERS],
                         uint64_t *count)
{
    uint64_t words[] = {server, first};
    enum status s = call(LABEL_INIT_COUNTERS, words, sizeof words, 1, to,
                         ASK_COUNTERS * sizeof(struct stats_entry), count);
    *count = *count < ASK_COUNTERS ? *count : ASK_COUNTERS;
    return s;
}

enum status ask_command(const struct init_command *c, struct init_answer *to)
{
    return call(LABEL_INIT_COMMAND, c, sizeof *c, 0, to, sizeof *to, NULL);
}

void ask_definition(const char *text, uint32_t bytes)
{
    memcpy((void *)CONTROL_MAP_DEFINITION, text, bytes);
}
