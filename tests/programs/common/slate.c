// The slate that parts work on, and children.
// SPDX-License-Identifier: MIT
#include "tests/programs/common/slate.h"

#include "libipc/runtime.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "libipc/time.h"
#include "tests/programs/common/cpio.h"

enum {
    SETTLE_NS = 200000,
    FILLS_MAX = 64,
    STOCK_PAGES = 2048,
    LARGE = 512,
    STACKS = 16,
    STACK_BYTES = 8192,
    SLOT_STOCK = ROOT_SLOT_FREE,
    SLOT_IDLE,
    SLOT_FIRST, // of the slate
    IDLE_STACK_WORDS = 512,
    SETTLES_MAX = 1000
};

#define LOOK_SMALL       UINT64_C(0x4000000000)
#define LOOK_SMALL_BYTES (UINT64_C(1) << 21)
#define LOOK_LARGE       UINT64_C(0x4040000000)
#define LOOK_LARGE_BYTES (UINT64_C(1) << 30)

static uint32_t next_slot;
static unsigned looks;
static unsigned stacks_used;
static char stacks[STACKS][STACK_BYTES] __attribute__((aligned(16)));

static uint64_t stock_used;
static unsigned fill_count;
static struct fill {
    uint32_t memory;
    uint64_t page, pages, from;
} fills[FILLS_MAX];

static void must(enum status s, const char *what)
{
    if (s != STATUS_OK)
        tap_bail_out("the test's own %s failed: %s", what, status_name(s));
}

static const void *info(uint32_t slot, enum info_kind kind)
{
    must(sys_info(slot, kind), "INFO");
    return utcb()->words;
}

uint64_t kernel_memory_used(void)
{
    return ((const struct info_process *)info(SELF, INFO_OBJECT))->used;
}

uint64_t pool_free(void)
{
    return ((const struct info_system *)info(SLOT_NONE, INFO_SYSTEM))->pool_free;
}

uint32_t slot_new(void)
{
    return next_slot++;
}

uint32_t make(enum object_type type, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint32_t slot = slot_new();
    must(sys_create(type, slot, SELF, a, b, c, d), "CREATE");
    return slot;
}

uint32_t make_endpoint(void)
{
    return make(OBJECT_ENDPOINT, 0, 0, 0, 0);
}

uint32_t make_reply(void)
{
    return make(OBJECT_REPLY, 0, 0, 0, 0);
}

uint32_t make_notification(void)
{
    return make(OBJECT_NOTIFICATION, 0, 0, 0, 0);
}

uint32_t make_memory(uint64_t pages)
{
    return make(OBJECT_MEMORY, pages, SLOT_NONE, SLOT_NONE, 0);
}

uint32_t make_copy(uint32_t slot, uint64_t rights, uint64_t badge)
{
    uint32_t copy = slot_new();
    must(sys_grant(SELF, copy, slot, rights, badge), "GRANT");
    return copy;
}

uint32_t stock(void)
{
    return SLOT_STOCK;
}

// 2 MiB pages of free RAM, and their tables of single pages made once and for all.
static void make_stock(void)
{
    const struct info_system *i = info(SLOT_NONE, INFO_SYSTEM);
    uint32_t region = 0;
    uint64_t first = 0;
    for (uint32_t r = 0; r < i->ram_regions; r++)
        if (i->ram_pages[r] >= STOCK_PAGES + 2 * LARGE && !region) {
            region = ROOT_SLOT_RAM + r;
            first = (i->ram_first[r] + LARGE - 1) / LARGE * LARGE;
        }
    must(sys_create(OBJECT_MEMORY, SLOT_STOCK, SELF, STOCK_PAGES, SLOT_NONE, SLOT_NONE, 0), "stock");
    must(sys_supply(SLOT_STOCK, 0, region, first, STOCK_PAGES, SUPPLY_LARGE), "supply of the stock");
    for (uint64_t page = 0; page < STOCK_PAGES; page += LARGE)
        must(sys_protect(SLOT_STOCK, page, 1, RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE),
             "split of the stock");
}

void fill(uint32_t memory, uint64_t page, uint64_t pages)
{
    if (fill_count == FILLS_MAX || stock_used + pages > STOCK_PAGES)
        tap_bail_out("a part uses too many pages");
    must(sys_supply(memory, page, SLOT_STOCK, stock_used, pages, SUPPLY_MOVE), "SUPPLY");
    fills[fill_count++] = (struct fill){memory, page, pages, stock_used};
    stock_used += pages;
}

// Small and large objects do not go into the same 1 GiB: a table of the former stands in the latter's way.
void *look(uint32_t memory, uint64_t rights)
{
    const struct info_memory *i = info(memory, INFO_OBJECT);
    uint64_t at =
        i->pages > LARGE ? LOOK_LARGE + looks * LOOK_LARGE_BYTES : LOOK_SMALL + looks * LOOK_SMALL_BYTES;
    looks++;
    must(sys_map(SELF, at, memory, rights), "MAP");
    return (void *)(uintptr_t)at;
}

const uint8_t *archive_file(const char *name, size_t *size)
{
    const struct info_system *i = info(SLOT_NONE, INFO_SYSTEM);
    size_t bytes = i->archive_bytes, offset = i->archive_offset;
    const uint8_t *archive = look(ROOT_SLOT_ARCHIVE, RIGHT_READ);
    return cpio_find(archive + offset, bytes, name, size);
}

void child_make(struct child *c, uint32_t handler)
{
    uint64_t rx = RIGHT_READ | RIGHT_EXECUTE, rw = RIGHT_READ | RIGHT_WRITE;
    c->handler = handler;
    c->index = 0;
    c->process = make(OBJECT_PROCESS, CHILD_QUOTA, CHILD_SLOTS, handler, 0);
    must(sys_map(c->process, PROGRAM_TEXT, ROOT_SLOT_IMAGE_TEXT, rx), "map of a child's text");
    must(sys_map(c->process, PROGRAM_DATA, ROOT_SLOT_IMAGE_DATA, rw), "map of a child's data");
}

void child_give(const struct child *c, uint32_t slot, uint32_t own, uint64_t rights, uint64_t badge)
{
    must(sys_grant(c->process, slot, own, rights, badge), "GRANT to a child");
}

void child_thread(struct child *c, unsigned priority, void (*run)(void *), void *argument)
{
    if (stacks_used == STACKS)
        tap_bail_out("a part uses too many threads");
    uint64_t *top = (uint64_t *)(void *)(stacks[stacks_used++] + STACK_BYTES);
    *--top = (uintptr_t)argument;
    *--top = (uintptr_t)run;
    c->thread = make(OBJECT_THREAD, c->process, CREATE_EXEC(c->index++, priority, 0), (uintptr_t)thread_entry,
                     (uintptr_t)top);
}

void child_run(struct child *c, unsigned priority, void (*run)(void *), void *argument)
{
    child_thread(c, priority, run, argument);
    must(sys_thread_ctl(c->thread, THREAD_RESUME, 0), "start of a child");
}

enum thread_state child_state(const struct child *c)
{
    return (enum thread_state)((const struct info_thread *)info(c->thread, INFO_OBJECT))->state;
}

void child_end(const struct child *c)
{
    must(sys_destroy(c->process), "DESTROY of a child");
}

enum status receive_call(uint32_t endpoint, uint32_t reply, struct message *m, uint64_t *badge)
{
    return sys_reply_wait(endpoint, WAIT_POLL, SLOT_NONE, reply, m, badge);
}

enum status answer_call(uint32_t reply, uint64_t word)
{
    struct message m = MESSAGE(0, word);
    uint64_t badge;
    enum status s = sys_reply_wait(SLOT_NONE, WAIT_POLL, reply, SLOT_NONE, &m, &badge);
    return s == STATUS_TIMEOUT ? STATUS_OK : s;
}

// The least urgent thread of all gets a turn when nobody else can run. Time alone would prove nothing: the
// emulator's CPU may stand still while its clock goes on.
static volatile uint64_t idle_turns;

static void idle(void *unused)
{
    (void)unused;
    for (;;)
        idle_turns++;
}

static void start_idle(void)
{
    static uint64_t stack[IDLE_STACK_WORDS] __attribute__((aligned(16)));
    uint64_t *top = stack + IDLE_STACK_WORDS;
    *--top = 0;
    *--top = (uintptr_t)idle;
    must(sys_create(OBJECT_THREAD, SLOT_IDLE, SELF, SELF, CREATE_EXEC(UTCB_COUNT_MAX - 1, 0, 0),
                    (uintptr_t)thread_entry, (uintptr_t)top),
         "idle thread");
}

void settle(void)
{
    uint64_t before = idle_turns;
    must(sys_thread_ctl(SLOT_IDLE, THREAD_RESUME, 0), "RESUME");
    for (unsigned i = 0; i < SETTLES_MAX && idle_turns == before; i++)
        thread_sleep(deadline_in(SETTLE_NS));
    must(sys_thread_ctl(SLOT_IDLE, THREAD_SUSPEND, 0), "SUSPEND");
}

static void give_frames_back(void)
{
    while (fill_count) {
        const struct fill *f = &fills[--fill_count];
        (void)!sys_withdraw(f->memory, f->page, SLOT_STOCK, f->from, f->pages, SUPPLY_MOVE);
    }
    stock_used = 0;
}

// Processes first: they map memory and hold what others wait for.
void slate_wipe(void)
{
    (void)!sys_thread_ctl(SELF_THREAD, THREAD_BIND, SLOT_NONE);
    for (; looks; looks--) {
        (void)!sys_unmap(SELF, LOOK_SMALL + (looks - 1) * LOOK_SMALL_BYTES);
        (void)!sys_unmap(SELF, LOOK_LARGE + (looks - 1) * LOOK_LARGE_BYTES);
    }
    give_frames_back();
    for (uint32_t slot = next_slot; slot-- > SLOT_FIRST;)
        if (sys_destroy(slot) != STATUS_OK)
            (void)!sys_revoke(SELF, slot);
    next_slot = SLOT_FIRST;
    stacks_used = 0;
}

bool slate_clean(void)
{
    return ((const struct info_memory *)info(SLOT_STOCK, INFO_OBJECT))->filled == STOCK_PAGES;
}

void slate_init(void)
{
    make_stock();
    start_idle();
    next_slot = SLOT_FIRST;
    (void)look(make_memory(1), RIGHT_READ); // page tables of the windows stay
    (void)look(SLOT_STOCK, RIGHT_READ);
    slate_wipe();
}
