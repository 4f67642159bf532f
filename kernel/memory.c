// Memory objects: slots, supply, withdraw, protect.
// SPDX-License-Identifier: MIT
//
// Every edit has two halves. The first checks all slots and makes the tables that will be needed; it may
// fail, and then nothing has changed but that some empty tables are there already. The second cannot fail.
#include "kernel/memory.h"

#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/platform/layout.h"

enum { RIGHTS_RWX = RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE, RIGHTS_RX = RIGHT_READ | RIGHT_EXECUTE };

static bool is_small(const struct memory *m)
{
    return m->directories == 0;
}

// The directory entry of a large object's page.
static uint64_t *directory_entry(const struct memory *m, enum paging_format f, uint64_t page)
{
    return &m->tree[f][page / DIRECTORY_SPAN][page / ENTRIES % ENTRIES];
}

// The table that holds the page's entry; NULL where there is none (nothing there, or a 2 MiB page).
static uint64_t *table_of(const struct memory *m, enum paging_format f, uint64_t page)
{
    if (is_small(m))
        return m->tree[f][0];
    uint64_t x86 = *directory_entry(m, PAGING_X86, page);
    if (!x86 || entry_is_large(x86))
        return NULL;
    return pool_pointer(entry_address(*directory_entry(m, f, page)));
}

uint64_t memory_slot(const struct memory *m, uint64_t page)
{
    const uint64_t *table = table_of(m, PAGING_X86, page);
    if (table)
        return table[page % ENTRIES];
    uint64_t large = *directory_entry(m, PAGING_X86, page);
    return large ? (large & ~PTE_PS) + page % ENTRIES * PAGE_SIZE : 0;
}

static bool has_format(const struct memory *m, enum paging_format f)
{
    return m->tree[f];
}

static void put(struct memory *m, uint64_t page, uint64_t frame, uint32_t rights, uint64_t flags)
{
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        if (has_format(m, f))
            table_of(m, f, page)[page % ENTRIES] =
                entry_leaf(f, frame, rights, false) | (f == PAGING_X86 ? flags : 0);
}

static void clear(struct memory *m, uint64_t page)
{
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        if (has_format(m, f))
            table_of(m, f, page)[page % ENTRIES] = 0;
}

static void put_large(struct memory *m, uint64_t page, uint64_t frame)
{
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        if (has_format(m, f))
            *directory_entry(m, f, page) = frame ? entry_leaf(f, frame, RIGHTS_RWX, true) : 0;
}

// Allocates one table a format; all or none.
static bool new_tables(struct memory *m, uint64_t *tables[PAGING_FORMATS])
{
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++) {
        tables[f] = has_format(m, f) ? kmem_alloc(m->object.payer, PAGE_SIZE) : NULL;
        if (has_format(m, f) && !tables[f]) {
            while (f-- > 0)
                if (tables[f])
                    kmem_free(m->object.payer, tables[f], PAGE_SIZE);
            return false;
        }
    }
    return true;
}

// A table for the page's 2 MiB: an empty one where nothing was, one of 512 entries where a 2 MiB page was.
static enum status ensure_table(struct memory *m, uint64_t page)
{
    if (table_of(m, PAGING_X86, page))
        return STATUS_OK;
    uint64_t *tables[PAGING_FORMATS];
    if (!new_tables(m, tables))
        return STATUS_NO_QUOTA;
    uint64_t large = *directory_entry(m, PAGING_X86, page);
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++) {
        if (!tables[f])
            continue;
        for (uint64_t i = 0; large && i < ENTRIES; i++)
            tables[f][i] = entry_leaf(f, entry_address(large) + i * PAGE_SIZE, RIGHTS_RWX, false);
        *directory_entry(m, f, page) = entry_table(f, phys_of(tables[f]), RIGHTS_RWX);
    }
    if (large)
        m->large -= ENTRIES;
    return STATUS_OK;
}

static void flush(struct memory *m, uint64_t page, uint64_t pages)
{
    for (struct node *n = m->mappings.next; n != &m->mappings; n = n->next) {
        struct mapping *map = CONTAINER(n, struct mapping, node);
        aspace_flush(map->aspace, map->address + page * PAGE_SIZE, pages);
    }
}

// A 2 MiB page (0: nothing) instead of tables. CPUs may remember the entries that lead to these, whatever is
// in them [SDM] 3A 4.10.3.
static void replace_tables(struct memory *m, uint64_t page, uint64_t frame)
{
    uint64_t *tables[PAGING_FORMATS];
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        tables[f] = has_format(m, f) ? table_of(m, f, page) : NULL;
    put_large(m, page, frame);
    flush(m, page, 1);
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        if (tables[f])
            kmem_free(m->object.payer, tables[f], PAGE_SIZE);
}

// 2 MiB out of 512 slots that hold a contiguous, aligned, unprotected run.
static bool join(struct memory *m, uint64_t page)
{
    const uint64_t *table = table_of(m, PAGING_X86, page);
    if (!table)
        return entry_is_large(*directory_entry(m, PAGING_X86, page));
    uint64_t frame = entry_address(table[0]);
    if (frame % PAGE_2M)
        return false;
    for (uint64_t i = 0; i < ENTRIES; i++)
        if (table[i] != entry_leaf(PAGING_X86, frame + i * PAGE_SIZE, RIGHTS_RWX, false))
            return false;
    replace_tables(m, page, frame);
    m->large += ENTRIES;
    return true;
}

// No slot of the page's 2 MiB holds anything; an empty table goes.
static bool clear_chunk(struct memory *m, uint64_t page)
{
    const uint64_t *table = table_of(m, PAGING_X86, page);
    if (!table)
        return !*directory_entry(m, PAGING_X86, page);
    for (uint64_t i = 0; i < ENTRIES; i++)
        if (table[i])
            return false;
    replace_tables(m, page, 0);
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
        is_small(m) || is_small(source))
        return STATUS_BAD_ARG;
    for (uint64_t i = 0; i < pages; i += ENTRIES) {
        if (!join(source, source_page + i))
            return STATUS_NOT_FOUND;
        if (!clear_chunk(m, page + i))
            return STATUS_EXISTS;
    }
    for (uint64_t i = 0; i < pages; i += ENTRIES) {
        put_large(m, page + i, entry_address(*directory_entry(source, PAGING_X86, source_page + i)));
        put_large(source, source_page + i, 0);
    }
    source->filled -= pages;
    source->large -= pages;
    m->filled += pages;
    m->large += pages;
    flush(source, source_page, pages);
    memory_wake(m, page, pages);
    return STATUS_OK;
}

static enum status check_supply(struct memory *m, uint64_t page, struct memory *source, uint64_t source_page,
                                uint64_t pages, bool borrow)
{
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t have = memory_slot(source, source_page + i);
        if (!have || (have & ENTRY_BORROWED))
            return STATUS_NOT_FOUND;
        if (memory_slot(m, page + i))
            return STATUS_EXISTS;
    }
    for (uint64_t i = 0; i < pages; i++) {
        enum status s = ensure_table(m, page + i);
        if (s == STATUS_OK && !borrow)
            s = ensure_table(source, source_page + i);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

enum status memory_supply(struct memory *m, uint64_t page, struct memory *source, uint64_t source_page,
                          uint64_t pages, uint32_t how)
{
    if (m == source || !in_range(m, page, pages) || !in_range(source, source_page, pages))
        return STATUS_BAD_ARG;
    bool borrow = how == SUPPLY_BORROW;
    if (borrow ? ref_get(m->base) != &source->object : source->lent != 0)
        return borrow ? STATUS_BAD_ARG : STATUS_BUSY;
    if (how == SUPPLY_LARGE)
        return supply_large(m, page, source, source_page, pages);
    if (how > SUPPLY_LARGE || pages > ENTRIES)
        return STATUS_BAD_ARG;
    enum status s = check_supply(m, page, source, source_page, pages, borrow);
    if (s != STATUS_OK)
        return s;
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t frame = entry_address(memory_slot(source, source_page + i));
        put(m, page + i, frame, borrow ? RIGHTS_RX : RIGHTS_RWX, borrow ? ENTRY_BORROWED : 0);
        if (!borrow)
            clear(source, source_page + i);
    }
    m->filled += pages;
    if (borrow) {
        m->borrowed += pages;
        source->lent += pages;
    } else {
        source->filled -= pages;
        flush(source, source_page, pages);
    }
    memory_wake(m, page, pages);
    return STATUS_OK;
}

static void give_back(struct memory *m, uint64_t pages)
{
    struct memory *base = (struct memory *)ref_get(m->base);
    kassert(base && base->lent >= pages);
    base->lent -= pages;
    m->borrowed -= pages;
}

// Borrowed slots become empty, empty ones stay so, the others' frames move to the same place of `to`.
enum status memory_withdraw(struct memory *m, uint64_t page, struct memory *to, uint64_t to_page,
                            uint64_t pages)
{
    if (m == to || pages > ENTRIES || !in_range(m, page, pages) || !in_range(to, to_page, pages))
        return STATUS_BAD_ARG;
    if (m->lent)
        return STATUS_BUSY;
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t slot = memory_slot(m, page + i);
        if (!slot)
            continue;
        bool moves = !(slot & ENTRY_BORROWED);
        if (moves && memory_slot(to, to_page + i))
            return STATUS_EXISTS;
        enum status s = ensure_table(m, page + i);
        if (s == STATUS_OK && moves)
            s = ensure_table(to, to_page + i);
        if (s != STATUS_OK)
            return s;
    }
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t slot = memory_slot(m, page + i);
        if (!slot)
            continue;
        clear(m, page + i);
        m->filled--;
        if (slot & ENTRY_BORROWED) {
            give_back(m, 1);
        } else {
            put(to, to_page + i, entry_address(slot), RIGHTS_RWX, 0);
            to->filled++;
        }
    }
    flush(m, page, pages);
    memory_wake(to, to_page, pages);
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
        enum status s = ensure_table(m, page + i);
        if (s != STATUS_OK)
            return s;
    }
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t slot = memory_slot(m, page + i);
        uint64_t flags = (slot & ENTRY_BORROWED) | (rights == RIGHTS_RWX ? 0 : ENTRY_SEALED);
        put(m, page + i, entry_address(slot), rights, flags);
    }
    flush(m, page, pages);
    memory_wake(m, page, pages);
    return STATUS_OK;
}

enum status memory_adopt(struct memory *m, uint64_t page, uint64_t frame, uint64_t pages, uint32_t rights)
{
    if (!in_range(m, page, pages))
        return STATUS_BAD_ARG;
    while (pages) {
        bool large = !is_small(m) && page % ENTRIES == 0 && frame % PAGE_2M == 0 && pages >= ENTRIES &&
                     rights == RIGHTS_RWX && clear_chunk(m, page);
        uint64_t n = large ? ENTRIES : 1;
        if (large) {
            put_large(m, page, frame);
            m->large += n;
        } else {
            enum status s = ensure_table(m, page);
            if (s != STATUS_OK)
                return s;
            put(m, page, frame, rights, rights == RIGHTS_RWX ? 0 : ENTRY_SEALED);
        }
        m->filled += n;
        page += n;
        frame += n * PAGE_SIZE;
        pages -= n;
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
    return ref_get(m->pager) ? FAULT_PAGER : FAULT_VIOLATION;
}

bool memory_is_empty(const struct memory *m)
{
    return m->filled == m->borrowed && !m->lent;
}
