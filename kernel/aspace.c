// Address spaces: which memory object is linked where.
// SPDX-License-Identifier: MIT
//
// At most MAPPINGS_MAX mappings, sorted by address, so that a fault finds its mapping in eight steps whatever
// a process does.
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/memory.h"
#include "kernel/platform/layout.h"
#include "libipc/abi/utcb.h"

enum { RIGHTS_RWX = RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE };

enum status aspace_init(struct aspace *a, enum object_type kind, enum paging_format format,
                        struct process *payer)
{
    *a = (struct aspace){.format = (uint8_t)format, .kind = (uint8_t)kind, .payer = payer};
    a->root = kmem_alloc(payer, PAGE_SIZE);
    a->map = a->root ? kmem_alloc(payer, MAPPINGS_MAX * sizeof *a->map) : NULL;
    if (a->map)
        return STATUS_OK;
    if (a->root)
        kmem_free(payer, a->root, PAGE_SIZE);
    return STATUS_NO_QUOTA;
}

// Index of the first mapping that ends behind the address.
static uint32_t position(const struct aspace *a, uint64_t address)
{
    uint32_t low = 0, high = a->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (a->map[middle]->address + a->map[middle]->size <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct mapping *aspace_find(const struct aspace *a, uint64_t address)
{
    uint32_t i = position(a, address);
    return i < a->count && a->map[i]->address <= address ? a->map[i] : NULL;
}

static unsigned index_at(uint64_t address, unsigned level)
{
    return (unsigned)(address >> (12 + 9 * level)) % ENTRIES;
}

// The entry of the given level (1: directory, 2: directory pointers) for the address, its tables made on the
// way.
static uint64_t *walk(struct aspace *a, uint64_t address, unsigned level)
{
    uint64_t *table = a->root;
    for (unsigned l = 3; l > level; l--) {
        uint64_t *e = &table[index_at(address, l)];
        if (!*e) {
            uint64_t *next = kmem_alloc(a->payer, PAGE_SIZE);
            if (!next)
                return NULL;
            *e = entry_table(a->format, phys_of(next), RIGHTS_RWX);
        }
        table = pool_pointer(entry_address(*e));
    }
    return &table[index_at(address, level)];
}

static bool window_ok(const struct aspace *a, uint64_t address, uint64_t size)
{
    if (address >= USER_ADDRESS_LIMIT || size > USER_ADDRESS_LIMIT - address)
        return false;
    if (a->kind == OBJECT_SPACE)
        return true;
    // A SYSCALL in the last bytes below the limit would return to an address that faults in the kernel [SDM]
    // 2B SYSRET.
    return address >= UTCB_WINDOW + UTCB_COUNT_MAX * PAGE_SIZE && size < USER_ADDRESS_LIMIT - address;
}

static void link(struct mapping *map, bool present)
{
    struct memory *m = map->memory;
    unsigned level = m->directories ? 2 : 1;
    for (uint32_t d = 0; d < (m->directories ? m->directories : 1); d++) {
        uint64_t *e = walk(map->aspace, map->address + d * (uint64_t)PAGE_1G, level);
        uint64_t table = phys_of(m->tree[map->aspace->format][d]);
        *e = present ? entry_table(map->aspace->format, table, map->rights) : 0;
    }
}

static enum status insert(struct aspace *a, uint32_t at, struct mapping *map)
{
    unsigned level = map->memory->directories ? 2 : 1;
    for (uint64_t offset = 0; offset < map->size; offset += level == 2 ? PAGE_1G : PAGE_2M) {
        const uint64_t *e = walk(a, map->address + offset, level);
        if (!e)
            return STATUS_NO_QUOTA;
        if (*e)
            return STATUS_EXISTS; // a table for small objects stands where a large one should go
    }
    link(map, true);
    for (uint32_t i = a->count++; i > at; i--)
        a->map[i] = a->map[i - 1];
    a->map[at] = map;
    list_append(&map->memory->mappings, &map->node);
    return STATUS_OK;
}

enum status memory_map(struct aspace *a, uint64_t address, struct memory *m, uint32_t rights)
{
    uint64_t unit = m->directories ? PAGE_1G : PAGE_2M;
    uint64_t size = unit * (m->directories ? m->directories : 1);
    if (address % unit || !window_ok(a, address, size) || !(rights & RIGHT_READ) ||
        (rights & ~(uint32_t)RIGHTS_RWX))
        return STATUS_BAD_ARG;
    if (a->kind == OBJECT_PROCESS && (rights & RIGHT_WRITE) && (rights & RIGHT_EXECUTE))
        return STATUS_NO_RIGHT; // W^X
    uint32_t at = position(a, address);
    if (at < a->count && a->map[at]->address < address + size)
        return STATUS_EXISTS;
    if (a->count == MAPPINGS_MAX)
        return STATUS_NO_QUOTA;
    enum status s = memory_add_format(m, a->format);
    if (s != STATUS_OK)
        return s;
    struct mapping *map = kmem_alloc(a->payer, sizeof *map);
    if (!map)
        return STATUS_NO_QUOTA;
    *map = (struct mapping){.aspace = a, .memory = m, .address = address, .size = size, .rights = rights};
    s = insert(a, at, map);
    if (s != STATUS_OK)
        kmem_free(a->payer, map, sizeof *map);
    return s;
}

enum status memory_unmap(struct aspace *a, uint64_t address)
{
    uint32_t at = position(a, address);
    if (at == a->count || a->map[at]->address != address)
        return STATUS_NOT_FOUND;
    struct mapping *map = a->map[at];
    link(map, false);
    aspace_flush(a, map->address, map->size / PAGE_SIZE);
    list_remove(&map->node);
    a->count--;
    for (uint32_t i = at; i < a->count; i++)
        a->map[i] = a->map[i + 1];
    kmem_free(a->payer, map, sizeof *map);
    return STATUS_OK;
}

void aspace_release_step(struct aspace *a)
{
    enum status s = memory_unmap(a, a->map[a->count - 1]->address);
    kassert(s == STATUS_OK);
}

void aspace_release(struct aspace *a)
{
    kassert(a->count == 0);
    uint32_t user = a->kind == OBJECT_PROCESS ? ENTRIES / 2 : ENTRIES;
    for (uint32_t i = 0; i < user; i++) {
        if (!a->root[i])
            continue;
        uint64_t *pointers = pool_pointer(entry_address(a->root[i]));
        for (uint32_t j = 0; j < ENTRIES; j++)
            if (pointers[j])
                kmem_free(a->payer, pool_pointer(entry_address(pointers[j])), PAGE_SIZE);
        kmem_free(a->payer, pointers, PAGE_SIZE);
    }
    kmem_free(a->payer, a->map, MAPPINGS_MAX * sizeof *a->map);
    kmem_free(a->payer, a->root, PAGE_SIZE);
}
