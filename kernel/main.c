// The kernel's start: everything once, then the root task.
// SPDX-License-Identifier: MIT
#include "kernel/boot/boot.h"
#include "kernel/fpu.h"
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/object.h"
#include "kernel/percpu.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"
#include "kernel/root.h"
#include "kernel/sched.h"
#include "kernel/virt/virt.h"
#include "libipc/abi/version.h"

_Noreturn void return_to_user(void);

_Noreturn void kernel_main(const struct boot_info *boot)
{
    uint64_t boot_tsc = rdtsc();
    kprintf("Bulkhead " BULKHEAD_VERSION ", loaded by %s\n", boot->loader);
    platform_init(boot);
    objects_init();
    fpu_init();
    virt_init();
    kprintf("virtualization: %s\n", virt ? virt->name : "none");
    for (const char **missing = virt_missing; !virt && *missing; missing++)
        kprintf("virtualization: %s\n", *missing);
    cpu_init(this_cpu());
    kprintf("%u CPUs, kernel pool %lu KiB\n", smp_start(boot->startup_page), kmem_total_pages * 4);
    root_start(boot, boot_tsc);
    boot_end();
    kernel_exit();
    return_to_user();
}
