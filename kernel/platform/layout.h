// Layout of the kernel's address space
// SPDX-License-Identifier: MIT
//
// The kernel sees itself, its pool and the registers of interrupt controllers and timers, and nothing else:
// no page of a process or guest is ever mapped here, so no bug in the kernel can read or write one by a stray
// pointer. All of it lies in the upper half; the lower half of every root table belongs to a process.
//
//   0xffff800000000000  pool window: physical address + POOL_WINDOW, the pool only. One subtraction converts.
//   0xffffffff80000000  image: physical address + IMAGE_WINDOW; the top 2 GiB, because -mcmodel=kernel needs
//                       that
//   0xffffffffa0000000  CPU stacks, each above an unmapped guard page
//   0xffffffffc0000000  device window: uncached registers
//
// While it boots, the first 4 GiB are mapped at 0 too: firmware tables, the loader's information and the boot
// archive are read there.
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
#define DEVICE_WINDOW 0xffffffffc0000000

#define IMAGE_START (IMAGE_WINDOW + 0x100000) // GRUB and QEMU both load at 1 MiB

#define CPU_STACK_SIZE   0x4000
#define CPU_STACK_STRIDE 0x8000 // guard pages below the stack

#define MAX_CPUS 64

#ifndef __ASSEMBLER__
#include <stdint.h>

// An address in the pool; undefined for any other physical address.
static inline void *pool_pointer(uint64_t phys)
{
    return (void *)(phys + POOL_WINDOW);
}

// The physical address behind a pointer into the pool or the image (statics, not stacks).
static inline uint64_t phys_of(const void *p)
{
    uint64_t a = (uint64_t)p;
    return a >= IMAGE_WINDOW ? a - IMAGE_WINDOW : a - POOL_WINDOW;
}
#endif
