// From the loader's hand-over to kernel_main()
// SPDX-License-Identifier: MIT
//
// Runs once on the boot stack and the boot tables. The pool must lie below 4 GiB: the boot tables reach no
// further, and the final tables are built in the pool before they are loaded.

#include "kernel/boot/boot.h"

#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/percpu.h"
#include "kernel/platform/cpu.h"
#include "kernel/platform/layout.h"
#include "kernel/platform/parts.h"

#define MIB         (1ul << 20)
#define BOOT_LIMIT  (4096 * MIB)
#define MEMORY_MIN  (62 * MIB) // a PC with 64 MiB, less what its firmware keeps
#define POOL_MIN    (16 * MIB)
#define POOL_MAX    (256 * MIB)
#define POOL_SHARE  32
#define STARTUP_MAX 0xa0000 // a SIPI names a page below 1 MiB

extern const char image_start[], image_end[];

const struct boot_info *boot_main(uint32_t magic, uint32_t at);

static struct boot_info boot;

const void *boot_pointer(uint64_t phys, uint64_t length)
{
    return phys < BOOT_LIMIT && length <= BOOT_LIMIT - phys ? (const void *)phys : NULL;
}

static void read_loader(uint32_t magic, uint32_t at)
{
    const char *error = "started by neither PVH nor multiboot2";
    if (magic == LOADED_BY_PVH)
        error = pvh_read(&boot, at);
    else if (magic == LOADED_BY_MULTIBOOT2)
        error = multiboot2_read(&boot, at);
    if (error)
        panic("boot: %s", error);
    if (boot.archive.size == 0 || !boot_pointer(boot.archive.base, boot.archive.size))
        panic("boot: no boot archive: the loader gave no module (QEMU: -initrd, GRUB: module2)");
}

// The pool is a share of all memory; less when no hole is that large, but not below the minimum.
static void divide_memory(void)
{
    map_add(0, PAGE_SIZE, false); // the BIOS's
    uint64_t total = map_total();
    if (total < MEMORY_MIN)
        panic("boot: too little memory: %lu MiB usable, 64 MiB needed", total / MIB);
    map_add(phys_of(image_start), (uint64_t)(image_end - image_start), false);
    map_add(boot.archive.base, boot.archive.size, false);
    boot.startup_page = map_take(PAGE_SIZE, PAGE_SIZE, STARTUP_MAX);
    uint64_t size = total / POOL_SHARE & ~(PAGE_2M - 1ul);
    size = size < POOL_MIN ? POOL_MIN : size > POOL_MAX ? POOL_MAX : size;
    for (; !boot.pool.base && size >= POOL_MIN; size -= PAGE_2M)
        boot.pool = (struct range){map_take(size, PAGE_2M, BOOT_LIMIT), size};
    if (!boot.pool.base)
        panic("boot: no %lu MiB of contiguous memory below 4 GiB for the kernel", POOL_MIN / MIB);
}

// Returns what kernel_main() is called with, on the stack of this CPU.
const struct boot_info *boot_main(uint32_t magic, uint32_t at)
{
    console_seize();
    read_loader(magic, at);
    divide_memory();
    cpu_check_features();
    kmem_init(boot.pool);
    paging_init(&boot);
    cpu_enter(cpu_create(cpu_own_apic_id()));
    return &boot;
}
