// Layout of the kernel's address space
// SPDX-License-Identifier: MIT
//
// The kernel sees itself, its pool and the registers of interrupt controllers and timers, and nothing else:
// no page of a process or guest is ever mapped here, so no bug in the kernel can read or write one by a stray
// pointer. All of it lies in the upper half; the lower half of every root table belongs to a process.
//
//   0xffff800000000000  pool window: physical address + POOL_WINDOW, the pool only. One subtraction converts.
//   0xffffffff80000000  image: physical address + IMAGE_WINDOW; the top 2 GiB, because -mcmodel=kernel needs
//   that 0xffffffffa0000000  CPU stacks, each above an unmapped guard page 0xffffffffbfe00000  temporary
//   window, one page table: firmware tables and the boot archive, read-only, at boot 0xffffffffc0000000
//   device window: uncached registers
#pragma once

#define PAGE_SHIFT 12
#define PAGE_SIZE  0x1000
#define PAGE_2M    0x200000
#define PAGE_1G    0x40000000

#ifdef BULKHEAD_HOST // the kernel's own sources in a test on the host: there the pool is an array
#define POOL_WINDOW ((uint64_t)host_pool)
extern unsigned char host_pool[];
#else
#define POOL_WINDOW 0xffff800000000000
#endif

#define IMAGE_WINDOW  0xffffffff80000000
#define STACK_WINDOW  0xffffffffa0000000
#define TEMP_WINDOW   0xffffffffbfe00000
#define DEVICE_WINDOW 0xffffffffc0000000

#define IMAGE_PHYS  0x100000 // GRUB and QEMU both load at 1 MiB
#define IMAGE_START (IMAGE_WINDOW + IMAGE_PHYS)

#define TEMP_WINDOW_SIZE   PAGE_2M // one page table
#define DEVICE_WINDOW_SIZE PAGE_2M // one page table: a LAPIC, some IOAPICs, an HPET
#define CPU_STACK_SIZE     0x4000
#define CPU_STACK_STRIDE   0x8000 // guard pages below the stack

#define MAX_CPUS 64 // STACK_WINDOW holds one page table: 512 pages, 8 a CPU

#ifndef __ASSEMBLER__
#include <stdint.h>

// An address in the pool; undefined for any other physical address.
static inline void *pool_pointer(uint64_t phys)
{
    return (void *)(phys + POOL_WINDOW);
}

static inline uint64_t phys_of_pool(const void *p)
{
    return (uint64_t)p - POOL_WINDOW;
}

// The physical address behind a pointer into the pool or the image (statics, not stacks).
static inline uint64_t phys_of(const void *p)
{
    uint64_t a = (uint64_t)p;
    return a >= IMAGE_WINDOW ? a - IMAGE_WINDOW : a - POOL_WINDOW;
}
#endif
