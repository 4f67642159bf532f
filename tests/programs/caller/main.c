// Calls servers that die, and counts what they counted: nothing lost, nothing twice.
// SPDX-License-Identifier: MIT
//
// Its configuration says what to do: {"do": "crashes" | "calls" | "poison", "calls": n}. It ends the machine
// by the end of a VM that is nothing but its name.
#include <stdlib.h>
#include <string.h>

#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/proto/init.h"
#include "libipc/proto/layout.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/syscall.h"
#include "tests/programs/fragile/fragile.h"

const char program_name[] = "caller";

enum caller_slot { SLOT_FIRST = 32, SLOT_SECOND }; // send: two such servers
enum todo { DO_CRASHES, DO_CALLS, DO_POISON };

static const char *const todo_names[] = {"crashes", "calls", "poison", NULL};
static const char *const crash_names[CRASHES] = {
    "read",  "write_text", "execute_data", "stack",   "divide", "invalid",  "exit",
    "abort", "loop",       "call_self",    "suspend", "thread", "committed"};

struct config {
    uint32_t todo;
    uint64_t calls;
};

static unsigned failures;

static struct config read_config(void)
{
    static const struct json_field fields[] = {
        {.key = "do", .offset = offsetof(struct config, todo), .kind = JSON_CHOICE, .names = todo_names},
        {.key = "calls", .offset = offsetof(struct config, calls), .kind = JSON_NUMBER, .optional = true},
    };
    const char *text = (const char *)MAP_CONFIG;
    struct config c = {0};
    struct json j;
    struct json_node root;
    uint32_t count = json_count(&j, text, strlen(text));
    void *tokens = malloc(json_token_bytes(count));
    if (!count || !tokens || !json_parse(&j, tokens, &root) ||
        !json_read(&j, root, "the configuration", JSON_FIELDS(fields), &c))
        die("configuration, %s", j.error);
    return c;
}

static void expect(uint64_t got, uint64_t wanted, const char *what, const char *of)
{
    if (got == wanted)
        return;
    failures++;
    log_error("not ok: %s of %s: %llu, expected %llu", what, of, (unsigned long long)got,
              (unsigned long long)wanted);
}

static struct message call(uint32_t slot, enum crash crash, uint64_t times)
{
    struct message m = MESSAGE(LABEL_FRAGILE_COUNT, crash, times);
    enum status s = sys_call(slot, &m);
    expect(s, STATUS_OK, "the call's status", "a server");
    return m;
}

// Each way to die once: the next incarnation answers the same call, and has counted all before it. The other
// server, of the same program, notices nothing.
static void do_crashes(void)
{
    uint64_t count = 1;
    expect(call(SLOT_FIRST, CRASHES, 0).words[FRAGILE_START_KIND], START_FRESH, "the first start",
           "the server");
    for (enum crash c = 0; c < CRASHES; c++) {
        struct message m = call(SLOT_FIRST, c, 1);
        expect(m.words[FRAGILE_COUNT], ++count, "the count", crash_names[c]);
        expect(call(SLOT_FIRST, CRASHES, 0).words[FRAGILE_STARTS], c + 2, "the starts", crash_names[c]);
        expect(call(SLOT_FIRST, CRASHES, 0).words[FRAGILE_START_KIND], START_RESTART, "the start",
               crash_names[c]);
        count += 2;
        expect(call(SLOT_SECOND, CRASHES, 0).words[FRAGILE_STARTS], 1, "the other's starts", crash_names[c]);
        log_info("survived: %s", crash_names[c]);
    }
}

static void do_calls(uint64_t calls)
{
    struct message m = {0};
    for (uint64_t i = 1; i <= calls; i++) {
        m = call(SLOT_FIRST, CRASHES, 0);
        expect(m.words[FRAGILE_COUNT], i, "the count", "call");
    }
    log_info("%llu calls, %llu starts", (unsigned long long)calls,
             (unsigned long long)m.words[FRAGILE_STARTS]);
}

static struct message access(uint32_t slot, uint64_t offset)
{
    struct message m = {.tag = TAG(LABEL_ACCESS, ACCESS_WORDS)};
    m.words[ACCESS_OFFSET] = offset;
    expect(sys_call(slot, &m), STATUS_OK, "the access's status", "a server");
    return m;
}

// An access that kills its server is failed alone; a call that does so goes on until nothing but errors is
// left of the server.
static void do_poison(void)
{
    expect(access(SLOT_SECOND, FRAGILE_POISON).words[0], UINT64_MAX, "the value", "the poisonous access");
    expect(access(SLOT_SECOND, 0).words[0], 0, "the value", "another access");
    expect(call(SLOT_SECOND, CRASHES, 0).words[FRAGILE_STARTS], 1 + SERVER_TRIES, "the starts", "its server");
    struct message m = call(SLOT_FIRST, CRASH_READ, UINT64_MAX);
    expect(TAG_LABEL(m.tag), STATUS_UNSUPPORTED, "the answer", "what stands in");
    expect(access(SLOT_FIRST, 0).words[0], UINT64_MAX, "the value", "what stands in");
    log_info("poisoned");
}

int main(void)
{
    struct config c = read_config();
    if (c.todo == DO_CRASHES)
        do_crashes();
    else if (c.todo == DO_CALLS)
        do_calls(c.calls);
    else
        do_poison();
    struct message m = MESSAGE(LABEL_INIT_VM_OFF, VM_END_POWER_OFF, failures < 100 ? failures : 100);
    (void)!sys_call(SLOT_INIT, &m);
    die("the machine runs on");
}
