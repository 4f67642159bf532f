// The kernel's own page tables
// SPDX-License-Identifier: MIT

#include "kernel/platform/parts.h"

#include "kernel/kmem.h"
#include "kernel/paging.h"
#include "kernel/platform/layout.h"
#include "kernel/platform/platform.h"

#define RX  (PTE_P | PTE_G)
#define RO  (PTE_P | PTE_G | PTE_NX)
#define RW  (PTE_P | PTE_G | PTE_NX | PTE_W)
#define REG (RW | PTE_CD | PTE_WT) // entry 3 of the PAT: UC, as it is after reset [SDM 3A 11.12.4]

extern const char image_start[], rodata_start[], data_start[], image_end[];
extern uint64_t boot_root[];

uint64_t kernel_root;

// The entry for an address in a table of the given level (1: 4 KiB pages, 2: 2 MiB); tables on the way are
// made.
static uint64_t *entry_for(uint64_t address, int level)
{
    uint64_t *table = pool_pointer(kernel_root);
    for (int l = 4;; l--) {
        uint64_t *entry = &table[(address >> (PAGE_SHIFT + 9 * (l - 1))) % ENTRIES];
        if (l == level)
            return entry;
        if (!(*entry & PTE_P))
            *entry = phys_of(kmem_need(NULL, PAGE_SIZE)) | PTE_P | PTE_W;
        table = pool_pointer(entry_address(*entry));
    }
}

static void map(uint64_t address, uint64_t phys, uint64_t size, uint64_t rights)
{
    while (size > 0) {
        bool large = ((address | phys) & (PAGE_2M - 1)) == 0 && size >= PAGE_2M;
        uint64_t step = large ? PAGE_2M : PAGE_SIZE;
        *entry_for(address, large ? 2 : 1) = phys | rights | (large ? PTE_PS : 0);
        address += step;
        phys += step;
        size -= step;
    }
}

static void map_image(const char *from, const char *to, uint64_t rights)
{
    map((uint64_t)from, phys_of(from), (uint64_t)(to - from), rights);
}

void paging_init(const struct boot_info *info)
{
    uint64_t *root = kmem_need(NULL, PAGE_SIZE);
    kernel_root = phys_of(root);
    root[0] = boot_root[0];
    map_image(image_start, rodata_start, RX);
    map_image(rodata_start, data_start, RO);
    map_image(data_start, image_end, RW);
    map(POOL_WINDOW + info->pool.base, info->pool.base, info->pool.size, RW);
    write_cr3(kernel_root);
}

void boot_end(void)
{
    *(uint64_t *)pool_pointer(kernel_root) = 0;
    write_cr3(kernel_root);
}

uint64_t paging_map_stack(uint32_t cpu)
{
    uint64_t top = STACK_WINDOW + (uint64_t)(cpu + 1) * CPU_STACK_STRIDE;
    map(top - CPU_STACK_SIZE, phys_of(kmem_need(NULL, CPU_STACK_SIZE)), CPU_STACK_SIZE, RW);
    return top;
}

volatile void *device_map(uint64_t phys)
{
    static uint64_t next = DEVICE_WINDOW;
    uint64_t address = next + phys % PAGE_SIZE;
    map(next, phys & ~(PAGE_SIZE - 1ul), PAGE_SIZE, REG);
    next += PAGE_SIZE;
    return (volatile void *)address;
}
