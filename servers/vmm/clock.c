// Guest time, and KVM's paravirtual clock.
// SPDX-License-Identifier: MIT
//
// Guest time is the host's TSC since power-on: nanoseconds for the devices, ticks for the guest's own TSC.
// The paravirtual clock [Linux Documentation/virt/kvm/x86/msr.rst] is written once, when the guest names its
// page: the relation of TSC and time never changes, so the guest reads time and calibrates nothing without a
// single exit.
//
// A guest that writes its TSC, or IA32_TSC_ADJUST [SDM] 3B 18.17.3, moves that vCPU's TSC alone. Both are one
// number: what the TSC is ahead of the time since power-on.
#include "servers/vmm/vm.h"

#include <string.h>

#include "libipc/proto/clock.h"
#include "libipc/proto/layout.h"
#include "libipc/time.h"

struct pvclock_time {
    uint32_t version; // odd while being written
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time; // ns at tsc_timestamp
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad[2];
};

struct pvclock_wall {
    uint32_t version, seconds, nanoseconds;
};

enum { PVCLOCK_STABLE = 1, PVCLOCK_ENABLED = 1 };

struct vclock clock_now(const struct vm_cpu *cpu)
{
    uint64_t ticks = now() - vm.machine->power_on;
    return (struct vclock){.ns = ns_from_ticks(ticks), .tsc = ticks + cpu->tsc_adjust};
}

uint64_t clock_tsc_offset(const struct vm_cpu *cpu)
{
    return cpu->tsc_adjust - vm.machine->power_on;
}

uint64_t clock_host_tsc(uint64_t guest_ns)
{
    return vm.machine->power_on + ticks_from_ns(guest_ns) + 1; // rounded up: never early
}

void clock_power_up(void)
{
    const struct host_clock *host = (const struct host_clock *)MAP_CLOCK;
    vm.machine->power_on = now();
    vm.machine->unix_ns = host->unix_ns + ns_from_ticks(vm.machine->power_on - host->tsc);
}

// time = (tsc << shift or >> -shift) * mul >> 32, with mul as large as fits.
static void scale(struct pvclock_time *t)
{
    uint64_t multiplier = ns_per_tsc;
    while (multiplier > UINT32_MAX) {
        multiplier >>= 1;
        t->tsc_shift++;
    }
    while (!(multiplier & 0x80000000u)) {
        multiplier <<= 1;
        t->tsc_shift--;
    }
    t->tsc_to_system_mul = (uint32_t)multiplier;
}

static bool write_time_page(const struct vm_cpu *cpu)
{
    struct pvclock_time *page = memory_at(cpu->clock_page & ~(uint64_t)PVCLOCK_ENABLED, sizeof *page);
    if (!page)
        return false;
    struct pvclock_time t = {.tsc_timestamp = cpu->tsc_adjust, .flags = PVCLOCK_STABLE};
    scale(&t);
    t.version = page->version | 1;
    memcpy(page, &t, sizeof t);
    __atomic_store_n(&page->version, t.version + 1, __ATOMIC_RELEASE);
    return true;
}

bool clock_write_system_time(struct vm_cpu *cpu, uint64_t value)
{
    cpu->clock_page = value;
    return !(value & PVCLOCK_ENABLED) || write_time_page(cpu);
}

void clock_adjust(struct vm_exit *x, uint64_t adjust)
{
    struct vm_cpu *cpu = x->cpu;
    x->now.tsc += adjust - cpu->tsc_adjust;
    cpu->tsc_adjust = adjust;
    server_changed(&vm.server, &cpu->tsc_adjust, sizeof cpu->tsc_adjust);
    x->state->tsc_offset = clock_tsc_offset(cpu);
    x->groups |= GROUP_TSC;
    if (cpu->clock_page & PVCLOCK_ENABLED)
        write_time_page(cpu);
}

bool clock_write_wall(uint64_t value)
{
    struct pvclock_wall *page = memory_at(value, sizeof *page);
    if (!page)
        return false;
    vm.machine->wall_page = value;
    page->seconds = (uint32_t)(vm.machine->unix_ns / NS_PER_S);
    page->nanoseconds = (uint32_t)(vm.machine->unix_ns % NS_PER_S);
    page->version = (page->version | 1) + 1;
    return true;
}
