// Memory objects: their trees of page tables, and the edits: supply, withdraw, protect.
// SPDX-License-Identifier: MIT
//
// Every edit has two halves. The first checks all slots and makes the tables that will be needed; it may
// fail, and then nothing has changed but that some empty tables are there already. The second cannot fail.
#include "kernel/memory.h"

#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/platform/layout.h"
#include "kernel/syscalls.h"

enum { RIGHTS_RX = RIGHT_READ | RIGHT_EXECUTE };

// The entry of the page's chunk, 2 MiB.
static uint64_t *chunk_of(const struct memory *m, enum paging_format f, uint64_t page)
{
    return &m->tree[f][page / ENTRIES];
}

// The table that holds the page's entry; NULL where there is none (nothing there, or a 2 MiB page).
static uint64_t *table_of(const struct memory *m, enum paging_format f, uint64_t page)
{
    uint64_t chunk = *chunk_of(m, f, page);
    return !chunk || entry_is_large(chunk) ? NULL : pool_pointer(entry_address(chunk));
}

uint64_t memory_slot(const struct memory *m, uint64_t page)
{
    const uint64_t *table = table_of(m, PAGING_X86, page);
    uint64_t chunk = *chunk_of(m, PAGING_X86, page);
    if (table)
        return table[page % ENTRIES];
    return chunk ? entry_part(chunk, page % ENTRIES) : 0;
}

// Writes a slot, or a whole chunk, in all formats.
static void set(struct memory *m, uint64_t page, bool whole, uint64_t x86)
{
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        if (m->tree[f])
            *(whole ? chunk_of(m, f, page) : &table_of(m, f, page)[page % ENTRIES]) = entry_convert(f, x86);
}

// A table for the page's chunk: an empty one where nothing was, one of 512 entries where a 2 MiB page was.
static enum status ensure_table(struct memory *m, uint64_t page)
{
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++) {
        if (!m->tree[f] || table_of(m, f, page))
            continue;
        uint64_t *table = kmem_alloc(m->object.payer, PAGE_SIZE), *chunk = chunk_of(m, f, page);
        if (!table)
            return STATUS_NO_QUOTA;
        for (uint64_t i = 0; *chunk && i < ENTRIES; i++)
            table[i] = entry_part(*chunk, i);
        if (*chunk && f == PAGING_X86)
            m->large -= ENTRIES;
        *chunk = entry_table(f, phys_of(table), RIGHTS_RWX);
    }
    return STATUS_OK;
}

static uint64_t chunks(const struct memory *m)
{
    return m->directories ? (uint64_t)m->directories * ENTRIES : 1;
}

static size_t tree_bytes(const struct memory *m)
{
    return chunks(m) * sizeof(uint64_t);
}

static void tree_free(struct memory *m, enum paging_format f)
{
    for (uint64_t page = 0; m->tree[f] && page < chunks(m) * ENTRIES; page += ENTRIES)
        kmem_free(m->object.payer, table_of(m, f, page), PAGE_SIZE);
    kmem_free(m->object.payer, m->tree[f], tree_bytes(m));
    m->tree[f] = NULL;
}

// The tree in another format begins as a copy of the book.
enum status memory_add_format(struct memory *m, enum paging_format f)
{
    if (m->tree[f])
        return STATUS_OK;
    m->tree[f] = kmem_alloc(m->object.payer, tree_bytes(m));
    if (!m->tree[f])
        return STATUS_NO_QUOTA;
    for (uint64_t page = 0; page < chunks(m) * ENTRIES; page += ENTRIES) {
        const uint64_t *book = table_of(m, PAGING_X86, page);
        if (!book) {
            *chunk_of(m, f, page) = entry_convert(f, *chunk_of(m, PAGING_X86, page));
        } else if (ensure_table(m, page) != STATUS_OK) {
            tree_free(m, f);
            return STATUS_NO_QUOTA;
        }
        for (uint64_t i = 0; book && i < ENTRIES; i++)
            table_of(m, f, page)[i] = entry_convert(f, book[i]);
    }
    return STATUS_OK;
}

size_t memory_cost(const struct memory *m)
{
    size_t cost = kmem_cost(m->object.bytes);
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++) {
        cost += m->tree[f] ? kmem_cost(tree_bytes(m)) : 0;
        for (uint64_t page = 0; m->tree[f] && page < chunks(m) * ENTRIES; page += ENTRIES)
            cost += table_of(m, f, page) ? PAGE_SIZE : 0;
    }
    return cost;
}

enum status memory_make(void *o, const struct request *r)
{
    struct memory *m = o;
    uint64_t pages = r->a[2];
    list_init(&m->mappings);
    list_init(&m->waiters);
    if (!pages || pages > MEMORY_PAGES_MAX)
        return STATUS_BAD_ARG;
    m->pages = pages;
    m->directories = pages <= SMALL_PAGES ? 0 : (uint32_t)((pages + DIRECTORY_SPAN - 1) / DIRECTORY_SPAN);
    m->pager = named(r, 3);
    m->base = named(r, 4).ref;
    m->tree[PAGING_X86] = kmem_alloc(m->object.payer, tree_bytes(m));
    if (!m->tree[PAGING_X86])
        return STATUS_NO_QUOTA;
    return m->directories ? STATUS_OK : ensure_table(m, 0);
}

bool memory_release(void *o)
{
    struct memory *m = o, *base = (struct memory *)ref_get(m->base);
    if (!list_empty(&m->mappings)) {
        mapping_end(CONTAINER(m->mappings.next, struct mapping, node));
        return false;
    }
    memory_wake(m, 0, m->pages);
    if (base)
        base->lent -= m->borrowed;
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        tree_free(m, f);
    return true;
}

bool memory_is_empty(const struct memory *m)
{
    return m->filled == m->borrowed && !m->lent;
}

static void flush(struct memory *m, uint64_t page, uint64_t pages)
{
    for (struct node *n = m->mappings.next; n != &m->mappings; n = n->next) {
        struct mapping *map = CONTAINER(n, struct mapping, node);
        aspace_flush(map->aspace, map->address + page * PAGE_SIZE, pages);
    }
}

// The page's chunk as one entry: nothing where all slots are empty, a 2 MiB page where they hold a
// contiguous, aligned, unprotected run. False: they hold something else. CPUs may remember the entries that
// lead to the tables, whatever is in them, until the flush [SDM] 3A 4.10.3.
static bool join(struct memory *m, uint64_t page)
{
    uint64_t *tables[PAGING_FORMATS] = {0};
    const uint64_t *book = table_of(m, PAGING_X86, page);
    if (!book)
        return true;
    uint64_t frame = entry_address(book[0]);
    for (uint64_t i = 0; i < ENTRIES; i++)
        if (book[i] != (book[0] ? entry_leaf(PAGING_X86, frame + i * PAGE_SIZE, RIGHTS_RWX, false) : 0))
            return false;
    if (frame % PAGE_2M)
        return false;
    m->large += book[0] ? ENTRIES : 0;
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        tables[f] = m->tree[f] ? table_of(m, f, page) : NULL;
    set(m, page, true, book[0] ? entry_leaf(PAGING_X86, frame, RIGHTS_RWX, true) : 0);
    flush(m, page, 1);
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        kmem_free(m->object.payer, tables[f], PAGE_SIZE);
    return true;
}

static bool in_range(const struct memory *m, uint64_t page, uint64_t pages)
{
    return pages && page < m->pages && pages <= m->pages - page;
}

static enum status supply_large(struct memory *m, uint64_t page, struct memory *source, uint64_t source_page,
                                uint64_t pages)
{
    if (page % ENTRIES || source_page % ENTRIES || pages % ENTRIES || pages > ENTRIES * ENTRIES ||
        !m->directories || !source->directories)
        return STATUS_BAD_ARG;
    for (uint64_t i = 0; i < pages; i += ENTRIES) {
        if (!join(source, source_page + i) || !*chunk_of(source, PAGING_X86, source_page + i))
            return STATUS_NOT_FOUND;
        if (!join(m, page + i) || *chunk_of(m, PAGING_X86, page + i))
            return STATUS_EXISTS;
    }
    for (uint64_t i = 0; i < pages; i += ENTRIES) {
        set(m, page + i, true, *chunk_of(source, PAGING_X86, source_page + i));
        set(source, source_page + i, true, 0);
    }
    source->filled -= pages;
    source->large -= pages;
    m->filled += pages;
    m->large += pages;
    flush(source, source_page, pages);
    memory_wake(m, page, pages);
    return STATUS_OK;
}

static enum status check_slot(struct memory *m, uint64_t page, struct memory *source, uint64_t source_page,
                              uint32_t how)
{
    uint64_t slot = memory_slot(source, source_page);
    if (!slot || (slot & ENTRY_BORROWED))
        return how == SUPPLY_WITHDRAWN ? STATUS_OK : STATUS_NOT_FOUND;
    if (memory_slot(m, page))
        return STATUS_EXISTS;
    enum status s = ensure_table(m, page);
    return s == STATUS_OK && how != SUPPLY_BORROW ? ensure_table(source, source_page) : s;
}

static void supply_slot(struct memory *m, uint64_t page, struct memory *source, uint64_t source_page,
                        uint32_t how)
{
    uint64_t slot = memory_slot(source, source_page), frame = entry_address(slot);
    if (!slot)
        return;
    if (how == SUPPLY_BORROW) {
        set(m, page, false, entry_leaf(PAGING_X86, frame, RIGHTS_RX, false) | ENTRY_BORROWED);
        m->filled++;
        m->borrowed++;
        source->lent++;
        return;
    }
    set(source, source_page, false, 0);
    source->filled--;
    if (slot & ENTRY_BORROWED) {
        source->borrowed--;
        ((struct memory *)ref_get(source->base))->lent--; // which lives while it lends
        return;
    }
    set(m, page, false, entry_leaf(PAGING_X86, frame, RIGHTS_RWX, false));
    m->filled++;
}

enum status memory_supply(struct memory *m, uint64_t page, struct memory *source, uint64_t source_page,
                          uint64_t pages, uint32_t how)
{
    if (m == source || !in_range(m, page, pages) || !in_range(source, source_page, pages))
        return STATUS_BAD_ARG;
    if (how == SUPPLY_BORROW && ref_get(m->base) != &source->object)
        return STATUS_BAD_ARG;
    if (how != SUPPLY_BORROW && source->lent)
        return STATUS_BUSY;
    if (how == SUPPLY_LARGE)
        return supply_large(m, page, source, source_page, pages);
    if (pages > ENTRIES)
        return STATUS_BAD_ARG;
    for (uint64_t i = 0; i < pages; i++) {
        enum status s = check_slot(m, page + i, source, source_page + i, how);
        if (s != STATUS_OK)
            return s;
    }
    for (uint64_t i = 0; i < pages; i++)
        supply_slot(m, page + i, source, source_page + i, how);
    if (how != SUPPLY_BORROW)
        flush(source, source_page, pages);
    memory_wake(m, page, pages);
    return STATUS_OK;
}

enum status memory_protect(struct memory *m, uint64_t page, uint64_t pages, uint32_t rights)
{
    if (pages > ENTRIES || !in_range(m, page, pages) || !(rights & RIGHT_READ) ||
        (rights & ~(uint32_t)RIGHTS_RWX))
        return STATUS_BAD_ARG;
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t slot = memory_slot(m, page + i);
        if (!slot)
            return STATUS_NOT_FOUND;
        if ((slot & ENTRY_BORROWED) && (rights & RIGHT_WRITE))
            return STATUS_NO_RIGHT;
        if (ensure_table(m, page + i) != STATUS_OK)
            return STATUS_NO_QUOTA;
    }
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t slot = memory_slot(m, page + i);
        set(m, page + i, false,
            entry_leaf(PAGING_X86, entry_address(slot), rights, false) | (slot & ENTRY_BORROWED));
    }
    flush(m, page, pages);
    memory_wake(m, page, pages);
    return STATUS_OK;
}

enum status memory_adopt(struct memory *m, uint64_t page, uint64_t frame, uint64_t pages)
{
    for (uint64_t n, end = page + pages; page < end; page += n, frame += n * PAGE_SIZE) {
        bool large = page % ENTRIES == 0 && frame % PAGE_2M == 0 && end - page >= ENTRIES && m->directories &&
                     !*chunk_of(m, PAGING_X86, page);
        if (!large && ensure_table(m, page) != STATUS_OK)
            return STATUS_NO_QUOTA;
        n = large ? ENTRIES : 1;
        set(m, page, large, entry_leaf(PAGING_X86, frame, RIGHTS_RWX, large));
        m->filled += n;
        m->large += large ? n : 0;
    }
    return STATUS_OK;
}

enum fault_verdict memory_fault(const struct mapping *map, uint64_t address, uint32_t rights, uint64_t *page)
{
    const struct memory *m = map->memory;
    *page = (address - map->address) / PAGE_SIZE;
    if (*page >= m->pages || (rights & ~map->rights))
        return FAULT_VIOLATION;
    uint64_t slot = memory_slot(m, *page);
    if (slot && !(rights & ~entry_allows(slot)))
        return FAULT_RETRY;
    return ref_get(m->pager.ref) ? FAULT_PAGER : FAULT_VIOLATION;
}
