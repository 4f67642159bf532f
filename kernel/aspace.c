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

enum status aspace_init(struct aspace *a, enum object_type kind, enum paging_format format,
                        struct process *payer)
{
    *a = (struct aspace){.format = (uint8_t)format, .kind = (uint8_t)kind, .payer = payer};
    a->root = kmem_alloc(payer, PAGE_SIZE);
    a->map = kmem_alloc(payer, MAPPINGS_MAX * sizeof *a->map);
    return a->root && a->map ? STATUS_OK : STATUS_NO_QUOTA;
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

// The entry that stands for `unit` bytes at the address, its tables made on the way; NULL: no quota.
uint64_t *aspace_entry(struct aspace *a, uint64_t address, uint64_t unit)
{
    uint64_t *table = a->root;
    for (uint64_t span = (uint64_t)PAGE_1G * ENTRIES;; span /= ENTRIES) {
        uint64_t *e = &table[address / span % ENTRIES];
        if (span == unit)
            return e;
        if (!*e) {
            const uint64_t *next = kmem_alloc(a->payer, PAGE_SIZE);
            if (!next)
                return NULL;
            *e = entry_table(a->format, phys_of(next), RIGHTS_RWX);
        }
        table = pool_pointer(entry_address(*e));
    }
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

// What one entry of an address space covers when it links to the object.
static uint64_t unit_of(const struct memory *m)
{
    return m->directories ? PAGE_1G : PAGE_2M;
}

static void link(const struct mapping *map, bool present)
{
    const struct memory *m = map->memory;
    enum paging_format f = map->aspace->format;
    uint64_t table = m->directories ? phys_of(m->tree[f]) : entry_address(*m->tree[f]);
    for (uint64_t at = 0; at < map->size; at += unit_of(m), table += PAGE_SIZE)
        *aspace_entry(map->aspace, map->address + at, unit_of(m)) =
            present ? entry_table(f, table, map->rights) : 0;
}

static enum status check_map(struct aspace *a, uint64_t address, uint64_t size, struct memory *m,
                             uint32_t rights)
{
    if (address % unit_of(m) || !window_ok(a, address, size) || !(rights & RIGHT_READ) ||
        (rights & ~(uint32_t)RIGHTS_RWX))
        return STATUS_BAD_ARG;
    if (a->kind == OBJECT_PROCESS && (rights & RIGHT_WRITE) && (rights & RIGHT_EXECUTE))
        return STATUS_NO_RIGHT; // W^X
    uint32_t next = position(a, address);
    if (next < a->count && a->map[next]->address < address + size)
        return STATUS_EXISTS;
    if (a->count == MAPPINGS_MAX)
        return STATUS_NO_QUOTA;
    for (uint64_t at = 0; at < size; at += unit_of(m)) {
        const uint64_t *e = aspace_entry(a, address + at, unit_of(m));
        if (!e)
            return STATUS_NO_QUOTA;
        if (*e)
            return STATUS_EXISTS; // a table for small objects stands where a large one should go
    }
    return memory_add_format(m, a->format);
}

enum status memory_map(struct aspace *a, uint64_t address, struct memory *m, uint32_t rights)
{
    uint64_t size = unit_of(m) * (m->directories ? m->directories : 1);
    enum status s = check_map(a, address, size, m, rights);
    if (s != STATUS_OK)
        return s;
    struct mapping *map = kmem_alloc(a->payer, sizeof *map);
    if (!map)
        return STATUS_NO_QUOTA;
    *map = (struct mapping){.aspace = a, .memory = m, .address = address, .size = size, .rights = rights};
    link(map, true);
    uint32_t at = position(a, address), i = a->count++;
    for (; i > at; i--)
        a->map[i] = a->map[i - 1];
    a->map[at] = map;
    list_append(&m->mappings, &map->node);
    return STATUS_OK;
}

void mapping_end(struct mapping *map)
{
    struct aspace *a = map->aspace;
    link(map, false);
    aspace_flush(a, map->address, map->size / PAGE_SIZE);
    list_remove(&map->node);
    uint32_t at = position(a, map->address);
    a->count--;
    for (uint32_t i = at; i < a->count; i++)
        a->map[i] = a->map[i + 1];
    kmem_free(a->payer, map, sizeof *map);
}

enum status memory_unmap(struct aspace *a, uint64_t address)
{
    struct mapping *map = aspace_find(a, address);
    if (!map || map->address != address)
        return STATUS_NOT_FOUND;
    mapping_end(map);
    return STATUS_OK;
}

bool aspace_release(struct aspace *a)
{
    if (a->count) {
        mapping_end(a->map[a->count - 1]);
        return false;
    }
    uint32_t user = a->kind == OBJECT_PROCESS ? ENTRIES / 2 : ENTRIES;
    for (uint32_t i = 0; a->root && i < user; i++) {
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
    return true;
}
