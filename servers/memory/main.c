// The pager of all guest memory.
// SPDX-License-Identifier: MIT
//
// Life: read the configuration, find the guests' memory objects, open the books, then answer page faults by
// supply. Between messages it zeroes pages for its stock, a slice at a time with pauses, so that neither
// faults nor guests wait for that.
#include <stdlib.h>

#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/memory.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/time.h"
#include "servers/memory/config.h"

const char program_name[] = "memory";

enum { KIND = 0x6d656d6f, VERSION = 1, LOG_BYTES = 64 << 10 };
enum section { SECTION_BOOKS = 1, SECTION_SCRATCH };
#define PAUSE_NS (250 * NS_PER_US)

static struct pager pager;
static struct memory_config config;
static struct state state;

static void commit(const struct state_range *ranges, size_t count)
{
    enum state_status status = state_commit_ranges(&state, ranges, count);
    if (status != STATE_OK)
        die("the state object refuses a commit (%u)", status);
}

// ---- messages ----

static void report(uint32_t ram, uint64_t page, enum pager_outcome outcome)
{
    if (outcome == PAGER_REFUSED)
        log_error("guest memory %u: page %llx cannot be had, who wants it waits for ever", ram,
                  (unsigned long long)page);
    else if (pager.scratch[ram].faults == 1)
        log_warning("guest memory %u: no memory is left, page %llx and others are scratch pages", ram,
                    (unsigned long long)page);
}

// Only the kernel sends it with such a badge; it wants no answer.
static enum reply_how handle_fault(struct server *s, const struct message_in *in, struct message *answer)
{
    const uint64_t *w = in->message.words;
    uint64_t ram = in->badge - 1;
    if (ram >= pager.rams || w[PAGE_FAULT_PAGE] >= pager.ram_pages[ram]) {
        log_warning("a page fault of nobody's, badge %llx", (unsigned long long)in->badge);
        answer->tag = TAG(STATUS_BAD_ARG, 0);
        return REPLY_NOW;
    }
    enum pager_outcome outcome =
        pager_fault(&pager, (uint32_t)ram, w[PAGE_FAULT_PAGE], (uint32_t)w[PAGE_FAULT_RIGHTS]);
    if (outcome != PAGER_GIVEN)
        report((uint32_t)ram, w[PAGE_FAULT_PAGE], outcome);
    s->due_at = deadline_in(PAUSE_NS);
    return NO_REPLY;
}

static enum reply_how handle_stats(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)s;
    uint64_t ram = in->message.words[0];
    if (ram >= pager.rams || sys_info(MEMORY_SLOT_RAM + ram, INFO_OBJECT) != STATUS_OK) {
        answer->tag = TAG(STATUS_BAD_ARG, 0);
        return REPLY_NOW;
    }
    const struct info_memory *i = (const struct info_memory *)utcb()->words;
    *answer = MESSAGE(STATUS_OK, i->filled, i->large, i->borrowed, pager.scratch[ram].faults);
    return REPLY_NOW;
}

static enum reply_how handle_pool(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)s, (void)in;
    *answer = MESSAGE(STATUS_OK, pager.books.free, books_zeroed(&pager.books));
    return REPLY_NOW;
}

static void fill_stock(struct server *s)
{
    s->due_at = books_fill(&pager.books) ? deadline_in(PAUSE_NS) : 0;
}

// ---- start ----

static void open_state(void)
{
    static const struct state_section sections[] = {
        {SECTION_BOOKS, sizeof(struct books_state)},
        {SECTION_SCRATCH, PAGER_RAMS_MAX * sizeof(struct scratch)},
    };
    static const struct state_layout layout = {KIND, VERSION, LOG_BYTES, 2, sections};
    enum state_status status =
        state_open(&state, (void *)MAP_STATE, MEMORY_STATE_BYTES, &layout, program_start.kind);
    if (status == STATE_EMPTY)
        state_adopt(&state);
    else if (status != STATE_OK)
        die("the state object cannot be used (%u, damage %u)", status, state.damage);
    pager.scratch = state_section(&state, SECTION_SCRATCH);
}

static uint64_t pages_of(uint32_t slot)
{
    return sys_info(slot, INFO_OBJECT) == STATUS_OK ? ((const struct info_memory *)utcb()->words)->pages : 0;
}

static void find_rams(void)
{
    for (pager.rams = 0; pager.rams < PAGER_RAMS_MAX; pager.rams++) {
        uint64_t pages = pages_of(MEMORY_SLOT_RAM + pager.rams);
        if (!pages)
            return;
        pager.ram_pages[pager.rams] = pages;
        pager.broken[pager.rams] = calloc(pages / CHUNK_PAGES / 8 + 1, 1);
        if (!pager.broken[pager.rams])
            die("no heap for the books of guest memory %u", pager.rams);
    }
}

static void take_backings(void)
{
    uint64_t archive_pages = pages_of(MEMORY_SLOT_ARCHIVE);
    for (uint32_t i = 0; i < config.backings; i++) {
        const struct backing *b = &config.backing[i];
        uint64_t pages = b->ram < pager.rams ? pager.ram_pages[b->ram] : 0;
        if (b->first >= pages || b->pages > pages - b->first || b->archive >= archive_pages ||
            b->pages > archive_pages - b->archive)
            die("backing %u does not lie within its memory and the archive", i);
        pager.backing[pager.backings++] = *b;
    }
}

static void open_pager(void)
{
    char error[JSON_ERROR_MAX];
    if (!config_read(&config, (const char *)MAP_CONFIG, error))
        die("%s", error);
    open_state();
    find_rams();
    take_backings();
    pager.commit = commit;
    books_open(&pager.books, state_section(&state, SECTION_BOOKS),
               (const struct pool_table *)MEMORY_MAP_POOLS, (uint32_t)config.stock / 2);
    pager_open(&pager);
    log_info("%llu MiB are free for %u memories of guests", (unsigned long long)pager.books.free >> 8,
             pager.rams);
}

int main(void)
{
    static const struct server_handler handlers[] = {
        {LABEL_PAGE_FAULT, LABEL_PAGE_FAULT, handle_fault},
        {LABEL_MEMORY_STATS, LABEL_MEMORY_STATS, handle_stats},
        {LABEL_MEMORY_POOL, LABEL_MEMORY_POOL, handle_pool},
    };
    static struct server server = {.endpoint = SLOT_ENDPOINT,
                                   .replies = SLOT_REPLY,
                                   .reply_count = 1,
                                   .handlers = handlers,
                                   .handler_count = sizeof handlers / sizeof handlers[0],
                                   .due = fill_stock,
                                   .state = &state};
    log_use_ring(SLOT_LOG_SIGNAL);
    open_pager();
    enum status status = server_init(&server);
    if (status != STATUS_OK)
        die("cannot start: %s", status_name(status));
    server.due_at = now();
    status = server_run(&server);
    die("the endpoint is gone: %s", status_name(status));
}
