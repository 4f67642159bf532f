// From the loader's hand-over to kernel_main()
// SPDX-License-Identifier: MIT
//
// Runs once on the boot stack and the boot tables. The pool must lie below 4 GiB: the boot tables reach no
// further, and the final tables are built in the pool before they are loaded.

#include "kernel/boot/boot.h"

#include "kernel/boot/loader.h"
#include "kernel/boot/ranges.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/percpu.h"
#include "kernel/platform/cpu.h"
#include "kernel/platform/layout.h"
#include "kernel/platform/paging.h"

#define MIB         (1ul << 20)
#define BOOT_LIMIT  (4096 * MIB)
#define MEMORY_MIN  (62 * MIB) // a PC with 64 MiB, less what its firmware keeps
#define POOL_MIN    (16 * MIB)
#define POOL_MAX    (256 * MIB)
#define POOL_SHARE  32
#define STARTUP_MIN 0x1000 // a SIPI names a page below 1 MiB; page 0 is the BIOS's
#define STARTUP_MAX 0xa0000

extern const char image_start[], image_end[];

_Noreturn void boot_main(uint32_t magic, uint32_t at);
_Noreturn void boot_enter_kernel(const struct boot_info *info, uint64_t stack_top);

static struct boot_info boot_info;
static uint64_t pool_next, pool_end;

const void *boot_pointer(uint64_t phys, uint64_t length)
{
    return phys < BOOT_LIMIT && length <= BOOT_LIMIT - phys ? pool_pointer(phys) : NULL;
}

void *early_pages(size_t count)
{
    uint64_t phys = pool_next;
    if (count > (pool_end - phys) / PAGE_SIZE)
        panic("boot: %lu pages wanted, the pool has %lu left", count, (pool_end - phys) / PAGE_SIZE);
    pool_next += count * PAGE_SIZE;
    return memset(pool_pointer(phys), 0, count * PAGE_SIZE);
}

struct range early_seal(void)
{
    struct range rest = {pool_next, pool_end - pool_next};
    pool_next = pool_end;
    return rest;
}

static void read_loader(uint32_t magic, uint32_t at)
{
    const char *error = "started by neither PVH nor multiboot2";
    if (magic == LOADED_BY_PVH)
        error = pvh_read(&boot_info, at);
    else if (magic == LOADED_BY_MULTIBOOT2)
        error = multiboot2_read(&boot_info, at);
    if (error)
        panic("boot: %s", error);
    if (boot_info.archive.size == 0)
        panic("boot: no boot archive: the loader gave no module (QEMU: -initrd, GRUB: module2)");
    uint64_t total = range_total(&boot_info.ram);
    if (total < MEMORY_MIN)
        panic("boot: too little memory: %lu MiB usable, 64 MiB needed", total / MIB);
}

// A share of all memory; less when no hole is that large, but not below the minimum.
static struct range choose_pool(const struct range_list *free, uint64_t total)
{
    uint64_t size = total / POOL_SHARE & ~(PAGE_2M - 1ul);
    size = size < POOL_MIN ? POOL_MIN : size > POOL_MAX ? POOL_MAX : size;
    for (; size >= POOL_MIN; size -= PAGE_2M) {
        uint64_t base = range_find(free, size, PAGE_2M, BOOT_LIMIT);
        if (base)
            return (struct range){base, size};
    }
    panic("boot: no %lu MiB of contiguous memory below 4 GiB for the kernel", POOL_MIN / MIB);
}

static void divide_memory(void)
{
    struct boot_info *b = &boot_info;
    b->image = (struct range){phys_of(image_start), (uint64_t)(image_end - image_start)};
    b->free = b->ram;
    range_remove(&b->free, b->image.base, b->image.size);
    range_remove(&b->free, b->archive.base, b->archive.size);
    b->startup_page = range_find(&b->free, PAGE_SIZE, STARTUP_MIN, STARTUP_MAX);
    if (b->startup_page)
        range_remove(&b->free, b->startup_page, PAGE_SIZE);
    b->pool = choose_pool(&b->free, range_total(&b->ram));
    range_remove(&b->free, b->pool.base, b->pool.size);
    pool_next = b->pool.base;
    pool_end = b->pool.base + b->pool.size;
}

void boot_main(uint32_t magic, uint32_t at)
{
    console_seize();
    read_loader(magic, at);
    divide_memory();
    cpu_check_features();
    paging_init(&boot_info);
    struct cpu *cpu = cpu_create(cpu_own_apic_id());
    cpu_enter(cpu);
    boot_enter_kernel(&boot_info, cpu->stack_top);
}
