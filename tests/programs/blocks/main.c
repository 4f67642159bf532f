// A client of a host disk's driver: writes blocks that tell what they are, and reads back what it wrote.
// SPDX-License-Identifier: MIT
//
// Its configuration says what to do: {"do": "work" | "check" | "errors" | "absent", "requests": n}. "work"
// keeps as many requests under way as there are slots, of a block each: writes in which each word says which
// block and which version of it this is, reads that must find the last one written, a flush now and then;
// then all is read. "check" finds what a former run left. It ends the machine by the end of a VM that is
// nothing but its name.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/proto/block.h"
#include "libipc/proto/init.h"
#include "libipc/proto/layout.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/thread.h"
#include "libipc/time.h"

const char program_name[] = "blocks";

enum todo { DO_WORK, DO_CHECK, DO_ERRORS, DO_ABSENT, DO_FAILS };
static const char *const todo_names[] = {"work", "check", "errors", "absent", "fails", NULL};

struct config {
    uint32_t todo;
    uint64_t requests;
};

enum {
    BLOCK_PAGES_EACH = BLOCK_PAGES / BLOCK_REQUESTS,
    BYTES = BLOCK_PAGES_EACH * BLOCK_PAGE,
    SECTORS = BYTES / BLOCK_SECTOR,
    WORDS = BYTES / 8,
    BLOCKS_MAX = 4096,
    NOBODY = 0xffff,
    FLUSH_EVERY = 50,
    PATIENCE_S = 600
};

static struct block_channel *const channel = (struct block_channel *)DEVICE_MAP_CHANNEL;
static uint64_t *const pages = (uint64_t *)DEVICE_MAP_BUFFER;

static uint32_t blocks;
static uint32_t version[BLOCKS_MAX]; // the last that was written, 0: none
static bool used[BLOCKS_MAX];        // by a request under way
static struct {
    uint32_t block, version;
} job[BLOCK_REQUESTS];
static unsigned failures, errors; // `errors` of a disk that is not there any more

static struct config read_config(void)
{
    static const struct json_field fields[] = {
        {.key = "do", .offset = offsetof(struct config, todo), .kind = JSON_CHOICE, .names = todo_names},
        {.key = "requests",
         .offset = offsetof(struct config, requests),
         .kind = JSON_NUMBER,
         .optional = true},
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

static uint32_t random32(void)
{
    static uint64_t state = 0x2545f491;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (++failures < 20)
        log_error("not ok: %s", text);
}

static _Noreturn void end(void)
{
    struct message m = MESSAGE(LABEL_INIT_VM_OFF, VM_END_POWER_OFF, failures < 100 ? failures : 100);
    (void)!sys_call(SLOT_INIT, &m);
    die("the machine runs on");
}

static void wait_for_driver(void)
{
    struct message m = {0};
    uint64_t badge;
    utcb()->deadline = deadline_in(PATIENCE_S * NS_PER_S);
    if (sys_reply_wait(SLOT_NONE, WAIT_DEADLINE, SLOT_NONE, SLOT_NONE, &m, &badge) == STATUS_OK)
        return;
    fail("the driver is silent");
    end();
}

static uint64_t word_of(uint32_t block, uint32_t v, uint32_t i)
{
    return (uint64_t)block << 48 | (uint64_t)i << 32 | v;
}

static void submit(uint32_t slot, enum block_op op, uint64_t sector, uint32_t bytes)
{
    struct block_request *r = &channel->request[slot];
    r->op = (uint16_t)op;
    r->page = (uint8_t)(slot * BLOCK_PAGES_EACH);
    r->sector = sector;
    r->bytes = bytes;
    __atomic_store_n(&r->state, BLOCK_SUBMITTED, __ATOMIC_RELEASE);
    (void)!sys_signal(DEVICE_SLOT_PEER);
}

static void submit_block(uint32_t slot, enum block_op op, uint32_t block)
{
    uint64_t *data = pages + (size_t)slot * WORDS;
    job[slot].block = block;
    job[slot].version = version[block] + (op == BLOCK_WRITE);
    used[block] = true;
    for (uint32_t i = 0; i < WORDS; i++)
        data[i] = op == BLOCK_WRITE ? word_of(block, job[slot].version, i) : 0;
    submit(slot, op, (uint64_t)block * SECTORS, BYTES);
}

static void check_data(uint32_t slot)
{
    const uint64_t *data = pages + (size_t)slot * WORDS;
    for (uint32_t i = 0; i < WORDS; i++) {
        uint64_t wanted = job[slot].version ? word_of(job[slot].block, job[slot].version, i) : 0;
        if (data[i] == wanted)
            continue;
        fail("block %u, word %u: %llx, expected %llx", job[slot].block, i, (unsigned long long)data[i],
             (unsigned long long)wanted);
        return;
    }
}

static bool is_absent(void)
{
    return __atomic_load_n(&channel->presence, __ATOMIC_ACQUIRE) == BLOCK_ABSENT;
}

static void finish(uint32_t slot)
{
    struct block_request *r = &channel->request[slot];
    if (r->status == BLOCK_ERROR && is_absent())
        errors++;
    else if (r->status != BLOCK_OK)
        fail("op %u of block %u: status %u", r->op, job[slot].block, r->status);
    else if (r->op == BLOCK_READ)
        check_data(slot);
    if (r->op == BLOCK_WRITE)
        version[job[slot].block] = job[slot].version;
    if (r->op != BLOCK_FLUSH)
        used[job[slot].block] = false;
    __atomic_store_n(&r->state, BLOCK_FREE, __ATOMIC_RELEASE);
}

static uint32_t state_of(uint32_t slot)
{
    return __atomic_load_n(&channel->request[slot].state, __ATOMIC_ACQUIRE);
}

// Every slot that is done is freed, and given to `next`, which may leave it free. False: none is under way.
static bool turn(void (*next)(uint32_t slot))
{
    uint32_t under_way = 0;
    for (uint32_t slot = 0; slot < BLOCK_REQUESTS; slot++) {
        if (state_of(slot) == BLOCK_DONE)
            finish(slot);
        if (state_of(slot) == BLOCK_FREE)
            next(slot);
        under_way += state_of(slot) != BLOCK_FREE;
    }
    return under_way;
}

static uint64_t left, done;

static void next_random(uint32_t slot)
{
    uint32_t block = random32() % blocks;
    if (!left || used[block] || is_absent())
        return;
    left--;
    done++;
    if (done % FLUSH_EVERY == 0)
        submit(slot, BLOCK_FLUSH, 0, 0);
    else
        submit_block(slot, random32() & 1 ? BLOCK_WRITE : BLOCK_READ, block);
}

static void next_in_order(uint32_t slot)
{
    if (left)
        submit_block(slot, BLOCK_READ, (uint32_t)--left);
}

static void run(void (*next)(uint32_t slot))
{
    while (turn(next) || left)
        wait_for_driver();
}

static void do_work(void)
{
    run(next_random);
    left = blocks;
    run(next_in_order);
    log_info("%llu requests, then all %u blocks: %u failures", (unsigned long long)done, blocks, failures);
}

// Until there is none any more.
static void do_fails(void)
{
    while (turn(next_random) || !is_absent())
        wait_for_driver();
    log_info("the disk has failed: %u requests with errors, %u failures", errors, failures);
}

// What is there tells itself which version of which block it is.
static void do_check(void)
{
    uint32_t written = 0;
    for (uint32_t block = 0; block < blocks; block++) {
        version[block] = 0;
        submit_block(0, BLOCK_READ, block);
        while (state_of(0) != BLOCK_DONE)
            wait_for_driver();
        job[0].version = (uint32_t)pages[0];
        written += job[0].version != 0;
        finish(0);
    }
    log_info("%u blocks of %u were written: %u failures", written, blocks, failures);
}

static uint8_t outcome(enum block_op op, uint64_t sector, uint32_t bytes)
{
    submit(0, op, sector, bytes);
    while (state_of(0) != BLOCK_DONE)
        wait_for_driver();
    uint8_t status = channel->request[0].status;
    __atomic_store_n(&channel->request[0].state, BLOCK_FREE, __ATOMIC_RELEASE);
    return status;
}

// The disk has a bad sector in block 1, and may be read-only.
static void do_errors(void)
{
    log_info("bad sector: %u, its neighbour: %u", outcome(BLOCK_READ, SECTORS, BYTES),
             outcome(BLOCK_READ, 0, BYTES));
    log_info("beyond the end: %u, of no op: %u", outcome(BLOCK_READ, channel->sectors, BYTES),
             outcome(BLOCK_OPS, 0, BYTES));
    log_info("write: %u, errors in all: %llu", outcome(BLOCK_WRITE, 0, BYTES),
             (unsigned long long)channel->errors);
}

static void open_channel(void)
{
    log_use_ring(SLOT_LOG_SIGNAL);
    if (thread_bind(SLOT_THREAD, SLOT_NOTIFICATION) != STATUS_OK)
        die("the notification cannot be bound");
    channel->epoch = 1;
    (void)!sys_signal(DEVICE_SLOT_PEER);
    while (__atomic_load_n(&channel->presence, __ATOMIC_ACQUIRE) == BLOCK_UNKNOWN ||
           __atomic_load_n(&channel->confirmed, __ATOMIC_ACQUIRE) != 1)
        wait_for_driver();
    uint64_t all = channel->sectors / SECTORS;
    blocks = all < BLOCKS_MAX ? (uint32_t)all : BLOCKS_MAX;
    log_info("%llu sectors, flags %u, presence %u", (unsigned long long)channel->sectors, channel->flags,
             channel->presence);
}

int main(void)
{
    struct config c = read_config();
    open_channel();
    left = c.requests;
    if (c.todo == DO_WORK)
        do_work();
    else if (c.todo == DO_CHECK)
        do_check();
    else if (c.todo == DO_ERRORS)
        do_errors();
    else if (c.todo == DO_FAILS)
        do_fails();
    else
        log_info("a request where nothing is: %u", outcome(BLOCK_READ, 0, BYTES));
    end();
}
