// The kernel's own page tables
// SPDX-License-Identifier: MIT

#include "kernel/platform/paging.h"

#include "kernel/lib/print.h"
#include "kernel/platform/layout.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"

#define RX  (PTE_P | PTE_G)
#define RO  (PTE_P | PTE_G | PTE_NX)
#define RW  (PTE_P | PTE_G | PTE_NX | PTE_W)
#define REG (RW | PTE_CD | PTE_WT) // entry 3 of the PAT: UC, as it is after reset [SDM 3A 11.12.4]

#define ADDRESS 0x000ffffffffff000ul
#define ENTRIES 512

extern const char image_start[], rodata_start[], data_start[], image_end[];

uint64_t kernel_root;

static uint64_t *temp_table, *device_table;
static uint32_t device_pages;

// The entry for an address in a table of the given level (1: 4 KiB pages, 2: 2 MiB); tables on the way are
// made.
static uint64_t *entry_for(uint64_t address, int level)
{
    uint64_t *table = pool_pointer(kernel_root);
    for (int l = 4;; l--) {
        uint64_t *entry = &table[address >> (PAGE_SHIFT + 9 * (l - 1)) & (ENTRIES - 1)];
        if (l == level)
            return entry;
        if (!(*entry & PTE_P))
            *entry = phys_of(early_pages(1)) | PTE_P | PTE_W;
        table = pool_pointer(*entry & ADDRESS);
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
    kernel_root = phys_of(early_pages(1));
    map_image(image_start, rodata_start, RX);
    map_image(rodata_start, data_start, RO);
    map_image(data_start, image_end, RW);
    map(POOL_WINDOW + info->pool.base, info->pool.base, info->pool.size, RW);
    temp_table = entry_for(TEMP_WINDOW, 1);
    device_table = entry_for(DEVICE_WINDOW, 1);
    write_cr3(kernel_root);
}

uint64_t paging_map_stack(uint32_t cpu)
{
    uint64_t top = STACK_WINDOW + (uint64_t)(cpu + 1) * CPU_STACK_STRIDE;
    void *pages = early_pages(CPU_STACK_SIZE / PAGE_SIZE);
    map(top - CPU_STACK_SIZE, phys_of(pages), CPU_STACK_SIZE, RW);
    return top;
}

volatile void *device_map(uint64_t phys, size_t length)
{
    uint64_t offset = phys & (PAGE_SIZE - 1);
    uint64_t pages = (offset + length + PAGE_SIZE - 1) / PAGE_SIZE;
    if (pages > ENTRIES - device_pages)
        panic("platform: no room to map the device at %lx", phys);
    uint64_t address = DEVICE_WINDOW + (uint64_t)device_pages * PAGE_SIZE + offset;
    for (uint64_t i = 0; i < pages; i++)
        device_table[device_pages++] = (phys - offset + i * PAGE_SIZE) | REG;
    return (volatile void *)address;
}

void temp_unmap(void)
{
    for (uint32_t i = 0; i < ENTRIES && temp_table[i]; i++) {
        temp_table[i] = 0;
        invlpg((void *)(TEMP_WINDOW + (uint64_t)i * PAGE_SIZE));
    }
}

const void *temp_map(uint64_t phys, size_t length)
{
    uint64_t offset = phys & (PAGE_SIZE - 1);
    temp_unmap();
    if (length > TEMP_WINDOW_SIZE - offset || (phys & ~ADDRESS) >= PAGE_SIZE)
        return NULL;
    for (uint64_t i = 0; i * PAGE_SIZE < offset + length; i++)
        temp_table[i] = (phys - offset + i * PAGE_SIZE) | (RO & ~PTE_G);
    return (const void *)(TEMP_WINDOW + offset);
}
