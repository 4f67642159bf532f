// Memory objects: creation, their trees of tables, and the end.
// SPDX-License-Identifier: MIT
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/memory.h"
#include "kernel/platform/layout.h"

static uint32_t roots(const struct memory *m)
{
    return m->directories ? m->directories : 1;
}

static void tree_free(struct memory *m, enum paging_format f)
{
    struct process *payer = m->object.payer;
    for (uint32_t d = 0; d < roots(m) && m->tree[f][d]; d++) {
        const uint64_t *directory = m->tree[f][d];
        for (uint32_t i = 0; m->directories && i < ENTRIES; i++) {
            bool large = f == PAGING_EPT ? directory[i] & EPT_LARGE : entry_is_large(directory[i]);
            if (directory[i] && !large)
                kmem_free(payer, pool_pointer(entry_address(directory[i])), PAGE_SIZE);
        }
        kmem_free(payer, m->tree[f][d], PAGE_SIZE);
    }
    kmem_free(payer, m->tree[f], roots(m) * sizeof(uint64_t *));
    m->tree[f] = NULL;
}

static size_t tree_cost(const struct memory *m, enum paging_format f)
{
    size_t cost = kmem_cost(roots(m) * sizeof(uint64_t *)) + roots(m) * (size_t)PAGE_SIZE;
    for (uint32_t i = 0; i < m->directories * ENTRIES; i++) {
        uint64_t e = m->tree[PAGING_X86][i / ENTRIES][i % ENTRIES];
        cost += e && !entry_is_large(e) ? PAGE_SIZE : 0;
    }
    return m->tree[f] ? cost : 0;
}

size_t memory_cost(const struct memory *m)
{
    return kmem_cost(m->object.bytes) + tree_cost(m, PAGING_X86) + tree_cost(m, PAGING_EPT);
}

static bool tree_new(struct memory *m, enum paging_format f)
{
    m->tree[f] = kmem_alloc(m->object.payer, roots(m) * sizeof(uint64_t *));
    for (uint32_t d = 0; m->tree[f] && d < roots(m); d++) {
        m->tree[f][d] = kmem_alloc(m->object.payer, PAGE_SIZE);
        if (!m->tree[f][d])
            tree_free(m, f);
    }
    return m->tree[f];
}

static uint64_t translate(enum paging_format f, uint64_t x86, bool large)
{
    return x86 ? entry_leaf(f, entry_address(x86), entry_allows(x86), large) : 0;
}

// One 2 MiB of the x86 tree copied into another format. False: no quota.
static bool copy_chunk(struct memory *m, enum paging_format f, uint64_t from, uint64_t *to)
{
    if (!from)
        return true;
    if (entry_is_large(from)) {
        *to = translate(f, from, true);
        return true;
    }
    uint64_t *table = kmem_alloc(m->object.payer, PAGE_SIZE);
    if (!table)
        return false;
    const uint64_t *x86 = pool_pointer(entry_address(from));
    for (uint32_t i = 0; i < ENTRIES; i++)
        table[i] = translate(f, x86[i], false);
    *to = entry_table(f, phys_of(table), RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE);
    return true;
}

enum status memory_add_format(struct memory *m, enum paging_format f)
{
    if (m->tree[f])
        return STATUS_OK;
    if (!tree_new(m, f))
        return STATUS_NO_QUOTA;
    for (uint32_t d = 0; d < roots(m); d++) {
        for (uint32_t i = 0; i < ENTRIES; i++) {
            uint64_t from = m->tree[PAGING_X86][d][i];
            if (!m->directories) {
                m->tree[f][d][i] = translate(f, from, false);
            } else if (!copy_chunk(m, f, from, &m->tree[f][d][i])) {
                tree_free(m, f);
                return STATUS_NO_QUOTA;
            }
        }
    }
    return STATUS_OK;
}

enum status memory_create(struct process *payer, uint64_t pages, struct ref pager, uint64_t badge,
                          struct ref base, struct memory **out)
{
    if (!pages || pages > MEMORY_PAGES_MAX)
        return STATUS_BAD_ARG;
    struct memory *m = (struct memory *)object_new(OBJECT_MEMORY, sizeof *m, payer);
    if (!m)
        return STATUS_NO_QUOTA;
    m->pages = pages;
    m->directories = pages <= SMALL_PAGES ? 0 : (uint32_t)((pages + DIRECTORY_SPAN - 1) / DIRECTORY_SPAN);
    m->pager = pager;
    m->pager_badge = badge;
    m->base = base;
    list_init(&m->mappings);
    list_init(&m->waiters);
    if (!tree_new(m, PAGING_X86)) {
        object_free(&m->object);
        return STATUS_NO_QUOTA;
    }
    *out = m;
    return STATUS_OK;
}

void memory_release_step(struct memory *m)
{
    struct mapping *map = CONTAINER(m->mappings.next, struct mapping, node);
    enum status s = memory_unmap(map->aspace, map->address);
    kassert(s == STATUS_OK);
}

void memory_release(struct memory *m)
{
    struct memory *base = (struct memory *)ref_get(m->base);
    if (base)
        base->lent -= m->borrowed;
    for (enum paging_format f = 0; f < PAGING_FORMATS; f++)
        if (m->tree[f])
            tree_free(m, f);
    object_free(&m->object);
}
