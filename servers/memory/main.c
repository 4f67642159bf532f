// The pager of all guest memory.
// SPDX-License-Identifier: MIT
//
// Life: read the configuration, find the guests' memory objects and images, open the books, then answer page
// faults by supply. Pages for its stock are zeroed by a second thread, when the CPU has nothing else to do.
#include <stdlib.h>

#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/proto/init.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/memory.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "libipc/time.h"
#include "servers/memory/config.h"
#include "servers/memory/fill.h"
#include "servers/memory/pager.h"

const char program_name[] = "memory";

enum { KIND = 0x6d656d6f, VERSION = 1, LOG_BYTES = 64 << 10 };
enum section { SECTION_BOOKS = 1, SECTION_SCRATCH };

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
    (void)s;
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
    books_fill(&pager.books);
    return NO_REPLY;
}

static enum reply_how handle_image(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)s;
    const uint64_t *w = in->message.words;
    uint64_t ram = in->badge - MEMORY_BADGE_MONITOR;
    enum status status = STATUS_BAD_ARG;
    if (ram < pager.rams && TAG_WORDS(in->message.tag) == MEMORY_IMAGE_WORDS)
        status = pager_image(&pager, (uint32_t)ram, w[MEMORY_IMAGE_NUMBER], w[MEMORY_IMAGE_FIRST],
                             w[MEMORY_IMAGE_PAGE], w[MEMORY_IMAGE_PAGES]);
    answer->tag = TAG(status, 0);
    return REPLY_NOW;
}

// ---- memories that come and go ----

static uint64_t pages_of(uint32_t slot)
{
    return sys_info(slot, INFO_OBJECT) == STATUS_OK ? ((const struct info_memory *)utcb()->words)->pages : 0;
}

// A number may be another memory's by now: it was empty in between, and the pager was told.
static void find_ram(uint32_t ram)
{
    uint64_t pages = pages_of(MEMORY_SLOT_RAM + ram);
    if (pages == pager.ram_pages[ram])
        return;
    free(pager.broken[ram]);
    pager.broken[ram] = pages ? calloc(pages / CHUNK_PAGES / 8 + 1, 1) : NULL;
    if (pages && !pager.broken[ram])
        die("no heap for the books of guest memory %u", ram);
    pager.ram_pages[ram] = pages;
    if (pages && pager.commit) // it is open already
        pager_add_ram(&pager, ram);
}

static uint32_t find_rams(void)
{
    uint32_t count = 0;
    pager.rams = 0;
    for (uint32_t ram = 0; ram < PAGER_RAMS_MAX; ram++) {
        find_ram(ram);
        if (!pager.ram_pages[ram])
            continue;
        count++;
        pager.rams = ram + 1;
    }
    return count;
}

enum { CHUNKS_AT_ONCE = 4, PAUSE_NS = 10000 };

static uint64_t next_chunk; // of the memory that is being emptied

static struct ram_entry *entry(uint32_t ram)
{
    return &((struct ram_table *)MEMORY_MAP_RAMS)->ram[ram];
}

static bool is_wanted(uint32_t ram)
{
    return pager.ram_pages[ram] &&
           __atomic_load_n(&entry(ram)->wanted, __ATOMIC_ACQUIRE) != entry(ram)->emptied;
}

// The supervisor is told before the table is: a death in between tells it once more.
static void emptied(uint32_t ram)
{
    uint32_t wanted = entry(ram)->wanted;
    struct message m = MESSAGE(LABEL_INIT_RAM_EMPTY, ram);
    pager_emptied(&pager, ram);
    if (sys_call(SLOT_INIT, &m) != STATUS_OK)
        log_error("guest memory %u: the supervisor does not hear that it is empty", ram);
    entry(ram)->emptied = wanted;
    find_ram(ram);
    next_chunk = 0;
}

// Some of it; faults come in between.
static void empty(struct server *s, uint32_t ram)
{
    uint64_t chunks = (pager.ram_pages[ram] + CHUNK_PAGES - 1) / CHUNK_PAGES;
    for (unsigned i = 0; i < CHUNKS_AT_ONCE && ram_filled(ram); i++) {
        next_chunk = next_chunk < chunks ? next_chunk : 0;
        if (!pager_take_back(&pager, ram, next_chunk++))
            die("guest memory %u cannot be taken back", ram);
    }
    if (!ram_filled(ram))
        emptied(ram);
    s->due_at = deadline_in(PAUSE_NS);
}

static void due(struct server *s)
{
    for (uint32_t ram = 0; ram < pager.rams; ram++)
        if (is_wanted(ram)) {
            empty(s, ram);
            return;
        }
    books_fill(&pager.books);
}

static void bits(struct server *s, uint64_t bits)
{
    if (bits & MEMORY_BIT_FILLED)
        books_fill(&pager.books);
    if (!(bits & MEMORY_BIT_RAMS))
        return;
    (void)find_rams();
    due(s);
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

static void open_pager(void)
{
    char error[JSON_ERROR_MAX];
    if (!config_read(&config, (const char *)MAP_CONFIG, error))
        die("%s", error);
    open_state();
    uint32_t rams = find_rams();
    pager.table = (const struct ram_table *)MEMORY_MAP_RAMS;
    pager.commit = commit;
    books_open(&pager.books, state_section(&state, SECTION_BOOKS),
               (const struct pool_table *)MEMORY_MAP_POOLS, (uint32_t)config.stock / 2);
    pager_open(&pager);
    log_info("%llu MiB are free for %u memories of guests", (unsigned long long)pager.books.free >> 8, rams);
}

int main(void)
{
    static const struct server_handler handlers[] = {
        {LABEL_PAGE_FAULT, LABEL_PAGE_FAULT, handle_fault},
        {LABEL_MEMORY_IMAGE, LABEL_MEMORY_IMAGE, handle_image},
    };
    static struct server server = {.endpoint = SLOT_ENDPOINT,
                                   .replies = SLOT_REPLY,
                                   .reply_count = 1,
                                   .handlers = handlers,
                                   .handler_count = sizeof handlers / sizeof handlers[0],
                                   .bits = bits,
                                   .due = due,
                                   .state = &state};
    log_use_ring(SLOT_LOG_SIGNAL);
    open_pager();
    enum status status = server_init(&server);
    if (status == STATUS_OK)
        status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status == STATUS_OK)
        status = fill_init();
    if (status != STATUS_OK)
        die("cannot start: %s", status_name(status));
    due(&server); // what a dead one did not finish
    status = server_run(&server);
    die("the endpoint is gone: %s", status_name(status));
}
