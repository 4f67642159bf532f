// Page-table entries in the formats that we use: x86 (processes, and nested paging of AMD) and Intel's EPT.
// SPDX-License-Identifier: MIT
//
// Rights are enum right's READ, WRITE, EXECUTE. All formats have 512 entries of 8 bytes a table and the
// address in bits 12 to 51. Bits 52 to 58 are ignored by the hardware in all of them, bit 7 marks a large
// leaf [APM] 2 5.4.1, [SDM] 3C 28.3.2.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/platform/layout.h"
#include "kernel/platform/x86.h"
#include "libipc/abi/caps.h"

enum paging_format { PAGING_X86, PAGING_EPT, PAGING_FORMATS };

#define ENTRIES       512u
#define ENTRY_ADDRESS 0x000ffffffffff000ul

// A software bit in the x86 tree of a memory object, which is its book of slots.
#define ENTRY_BORROWED (1ul << 52) // the frame belongs to the object's base

enum { RIGHTS_RWX = RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE };

#define EPT_READ      (1ul << 0)
#define EPT_WRITE     (1ul << 1)
#define EPT_EXECUTE   (1ul << 2)
#define EPT_WRITEBACK (6ul << 3)
#define EPT_ACCESSED  (1ul << 8)
#define EPT_DIRTY     (1ul << 9)

static inline uint64_t entry_rights(enum paging_format format, uint32_t rights)
{
    if (format == PAGING_EPT)
        return ((rights & RIGHT_READ) ? EPT_READ : 0) | ((rights & RIGHT_WRITE) ? EPT_WRITE : 0) |
               ((rights & RIGHT_EXECUTE) ? EPT_EXECUTE : 0);
    return PTE_P | PTE_U | ((rights & RIGHT_WRITE) ? PTE_W : 0) | ((rights & RIGHT_EXECUTE) ? 0 : PTE_NX);
}

// An entry that refers to a table; the rights restrict all below it.
static inline uint64_t entry_table(enum paging_format format, uint64_t table, uint32_t rights)
{
    return table | entry_rights(format, rights);
}

// A leaf of 4 KiB or 2 MiB. Accessed and dirty are set beforehand: nothing of ours reads them yet, and
// hardware then never writes to these tables.
static inline uint64_t entry_leaf(enum paging_format format, uint64_t frame, uint32_t rights, bool large)
{
    uint64_t e = frame | entry_rights(format, rights);
    if (format == PAGING_EPT)
        return e | EPT_WRITEBACK | EPT_ACCESSED | EPT_DIRTY | (large ? PTE_PS : 0);
    return e | PTE_A | PTE_D | (large ? PTE_PS : 0);
}

static inline uint64_t entry_address(uint64_t entry)
{
    return entry & ENTRY_ADDRESS;
}

static inline bool entry_is_large(uint64_t entry)
{
    return entry & PTE_PS;
}

// One of the 512 leaves that a large one stands for.
static inline uint64_t entry_part(uint64_t large, uint64_t index)
{
    return (large & ~PTE_PS) + index * PAGE_SIZE;
}

// Of an x86 entry.
static inline uint32_t entry_allows(uint64_t entry)
{
    return RIGHT_READ | ((entry & PTE_W) ? RIGHT_WRITE : 0) | ((entry & PTE_NX) ? 0 : RIGHT_EXECUTE);
}

// An x86 leaf, or nothing, in another format.
static inline uint64_t entry_convert(enum paging_format format, uint64_t x86)
{
    if (format == PAGING_X86 || !x86)
        return x86;
    return entry_leaf(format, entry_address(x86), entry_allows(x86), entry_is_large(x86));
}
