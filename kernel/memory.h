// Memory objects: page slots that own their page tables; address spaces that link to them.
// SPDX-License-Identifier: MIT
//
// A small object (up to 2 MiB) owns one page table; a large one owns page directories, whose entries are 2
// MiB pages or page tables. A mapping is a link: one entry of an address space refers to the object's table
// (2 MiB aligned, small objects) or to each of its directories (1 GiB aligned, large ones) and restricts the
// rights. So a page that comes or goes is one edit, however many processes and guests map the object.
#pragma once

#include "kernel/object.h"
#include "kernel/paging.h"
#include "libipc/abi/syscall.h"

struct exec;

#define SMALL_PAGES      512u            // pages of a small object
#define DIRECTORY_SPAN   (512ul * 512ul) // pages under one directory
#define MEMORY_PAGES_MAX (DIRECTORY_SPAN * 512ul)

struct memory {
    struct object object;
    uint64_t pages;       // [I]
    uint32_t directories; // [I] 0: small
    uint64_t filled, borrowed, lent, large;
    struct capability pager; // endpoint
    struct ref base;         // of borrowed pages
    struct node mappings;
    struct node waiters; // struct call: page faults that were received; those not received are on the pager's
                         // endpoint
    // The book of slots in x86 format, and a copy in the nested format where that differs and a guest maps it
    // (else NULL): the entries of all directories; of a small object one entry, which leads to its table.
    uint64_t *tree[PAGING_FORMATS];
};

// An address space: of a process, or guest-physical.
enum { MAPPINGS_MAX = 256 };
struct mapping {
    struct node node; // in memory->mappings
    struct aspace *aspace;
    struct memory *memory;
    uint64_t address, size; // bytes
    uint32_t rights;
};

struct aspace {
    uint64_t *root; // [I]
    uint8_t format; // [I] enum paging_format
    uint8_t kind;   // [I] enum object_type: process or space
    uint16_t count;
    struct process *payer; // [I] of tables and mappings
    uint64_t flushes;     // grows with edits that take something away; a guest's CPU that saw less must flush
    struct mapping **map; // sorted by address
};

// aspace_release() is due even if it fails.
enum status aspace_init(struct aspace *a, enum object_type kind, enum paging_format format,
                        struct process *payer) MUST_CHECK;
bool aspace_release(struct aspace *a); // one step; true: nothing is left
uint64_t *aspace_entry(struct aspace *a, uint64_t address, uint64_t unit);
struct mapping *aspace_find(const struct aspace *a, uint64_t address);

enum status memory_make(void *o, const struct request *r) MUST_CHECK;
bool memory_release(void *o);
enum status memory_add_format(struct memory *m, enum paging_format f) MUST_CHECK;
size_t memory_cost(const struct memory *m); // bytes charged to its payer
bool memory_is_empty(const struct memory *m);

// Boot: enters frames that belong to nobody yet.
enum status memory_adopt(struct memory *m, uint64_t page, uint64_t frame, uint64_t pages) MUST_CHECK;

enum status memory_map(struct aspace *a, uint64_t address, struct memory *m, uint32_t rights) MUST_CHECK;
enum status memory_unmap(struct aspace *a, uint64_t address) MUST_CHECK;
void mapping_end(struct mapping *map);

// How: enum supply_flag, or this: what is empty stays so, what is borrowed just ends.
enum { SUPPLY_WITHDRAWN = SUPPLY_LARGE + 1 };
enum status memory_supply(struct memory *m, uint64_t page, struct memory *source, uint64_t source_page,
                          uint64_t pages, uint32_t how) MUST_CHECK;
enum status memory_protect(struct memory *m, uint64_t page, uint64_t pages, uint32_t rights) MUST_CHECK;

// What an edit took away must leave the TLBs (kernel/flush.c; the host's tests have a model TLB instead).
void aspace_flush(struct aspace *a, uint64_t address, uint64_t pages);
// Page faults that wait for pages of this range, filled by now or never, may be tried again (kernel/fault.c).
void memory_wake(struct memory *m, uint64_t page, uint64_t pages);

// The slot's x86 entry (a 4 KiB view of it), 0 when empty.
uint64_t memory_slot(const struct memory *m, uint64_t page);

// What a fault at an address of a mapping is: answered by a retry, a matter for the pager, or a violation.
enum fault_verdict { FAULT_RETRY, FAULT_PAGER, FAULT_VIOLATION };
enum fault_verdict memory_fault(const struct mapping *map, uint64_t address, uint32_t rights, uint64_t *page);
// The same of an address, and the pager, if it is for it, gets its message (kernel/fault.c).
enum fault_verdict exec_fault(struct exec *e, const struct aspace *a, uint64_t address, uint32_t rights);
