// The kernel's calls, and stores into pages of the pools.
// SPDX-License-Identifier: MIT
#include "servers/memory/pages.h"

#include <immintrin.h>
#include <string.h>

#include "libipc/proto/layout.h"
#include "libipc/syscall.h"
#include "servers/common/copy.h"

#define WINDOW (UINT64_C(1) << 40) // of each pool and each guest's memory

enum { RIGHTS_ALL = RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE };

static void *at(struct place p)
{
    return (void *)(MEMORY_MAP_POOL + p.pool * WINDOW + p.page * PAGE_BYTES);
}

static void *ram_at(uint32_t ram, uint64_t page)
{
    return (void *)(MEMORY_MAP_RAM + ram * WINDOW + page * PAGE_BYTES);
}

MUST_CHECK enum status pages_supply(uint32_t ram, uint64_t page, struct place from, uint64_t pages)
{
    return sys_supply(MEMORY_SLOT_RAM + ram, page, MEMORY_SLOT_POOL + from.pool, from.page, pages,
                      SUPPLY_MOVE);
}

MUST_CHECK enum status large_supply(uint32_t ram, uint64_t page, struct place from)
{
    return sys_supply(MEMORY_SLOT_RAM + ram, page, MEMORY_SLOT_POOL + from.pool, from.page, CHUNK_PAGES,
                      SUPPLY_LARGE);
}

MUST_CHECK enum status pages_borrow(uint32_t ram, uint64_t page, uint64_t archive_page, uint64_t pages)
{
    return sys_supply(MEMORY_SLOT_RAM + ram, page, MEMORY_SLOT_ARCHIVE, archive_page, pages, SUPPLY_BORROW);
}

MUST_CHECK enum status pages_withdraw(uint32_t ram, uint64_t page, struct place to, uint64_t pages)
{
    return sys_withdraw(MEMORY_SLOT_RAM + ram, page, MEMORY_SLOT_POOL + to.pool, to.page, pages, SUPPLY_MOVE);
}

MUST_CHECK enum status large_withdraw(uint32_t ram, uint64_t page, struct place to)
{
    return sys_withdraw(MEMORY_SLOT_RAM + ram, page, MEMORY_SLOT_POOL + to.pool, to.page, CHUNK_PAGES,
                        SUPPLY_LARGE);
}

uint64_t ram_filled(uint32_t ram)
{
    const struct info_memory *info = (const struct info_memory *)(const void *)utcb()->words;
    return sys_info(MEMORY_SLOT_RAM + ram, INFO_OBJECT) == STATUS_OK ? info->filled : 0;
}

// Gives the page the rights that it has already; the kernel's answer tells what it is.
enum page_kind page_kind(uint32_t ram, uint64_t page)
{
    switch (sys_protect(MEMORY_SLOT_RAM + ram, page, 1, RIGHTS_ALL)) {
    case STATUS_OK: return PAGE_OWN;
    case STATUS_NO_RIGHT: return PAGE_BORROWED;
    default: return PAGE_MISSING;
    }
}

bool place_is_filled(struct place p)
{
    return sys_protect(MEMORY_SLOT_POOL + p.pool, p.page, 1, RIGHTS_ALL) == STATUS_OK;
}

// The widest stores that each machine with AVX has: an instruction for 32 bytes.
__attribute__((target("avx"))) static void zero_wide(void *to, uint64_t bytes)
{
    __m256i zero = _mm256_setzero_si256();
    for (__m256i *v = to, *end = (__m256i *)((uint8_t *)to + bytes); v != end; v += 64)
#pragma GCC unroll 64
        for (unsigned i = 0; i < 64; i++)
            _mm256_store_si256(v + i, zero);
}

void place_zero(struct place p, uint64_t pages)
{
    if (has_avx())
        zero_wide(at(p), pages * PAGE_BYTES);
    else
        memset(at(p), 0, pages * PAGE_BYTES);
}

void place_copy(struct place p, uint32_t ram, uint64_t page, uint64_t pages)
{
    memcpy(at(p), ram_at(ram, page), pages * PAGE_BYTES);
}

void page_restore(uint32_t ram, uint64_t page, uint64_t archive_page)
{
    memcpy(ram_at(ram, page), (const void *)(MEMORY_MAP_ARCHIVE + archive_page * PAGE_BYTES), PAGE_BYTES);
}
