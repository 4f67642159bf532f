// Placeholder of the core: says what the platform found
// SPDX-License-Identifier: MIT

#include "kernel/boot/boot.h"
#include "kernel/lib/print.h"
#include "kernel/percpu.h"
#include "kernel/platform/platform.h"

static void print_ranges(const char *name, const struct range_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        kprintf("%s %012lx-%012lx\n", name, list->range[i].base, list->range[i].base + list->range[i].size);
}

void cpu_init(struct cpu *cpu)
{
    kprintf("cpu %u apic %u stack %lx\n", cpu->id, cpu->apic_id, cpu->stack_top);
}

void kernel_main(const struct boot_info *info)
{
    kprintf("bulkhead: by %s, '%s'\n", info->loader, info->cmdline);
    print_ranges("ram ", &info->ram);
    print_ranges("free", &info->free);
    kprintf("archive %lx+%lx pool %lx+%lx image %lx+%lx rsdp %lx startup %lx\n", info->archive.base,
            info->archive.size, info->pool.base, info->pool.size, info->image.base, info->image.size,
            info->rsdp, info->startup_page);
    cpu_init(this_cpu());
    platform_init(info);
    kprintf("%u CPUs online\n", smp_start());
    struct range rest = early_seal();
    kprintf("pool left %lx+%lx\n", rest.base, rest.size);
    if (option("test-panic"))
        panic("test %d", 1);
    if (option("test-reset"))
        platform_reset();
    platform_poweroff(0);
}
