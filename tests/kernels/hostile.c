// A tiny kernel whose drivers lie to the virtio devices of its VM, in every field, one lie at a time
// SPDX-License-Identifier: MIT
//
// For each lie a line: "ok" or "not ok", the device, the counter that is to count it, the lie. Behind each
// the device must serve an honest driver. tests/system/hostile.bats compares with the counters. The command
// line "work" makes it a neighbour that works instead. Either is switched off by a key.
#include "tests/kernels/hostile.h"

#include "servers/disk/format.h"
#include "servers/ports/format.h"
#include "tests/kernels/machine.h"
#include "tests/kernels/pci.h"
#include "tests/kernels/told.h"

enum { FIRST_DEVICE = 2, DEVICES = 16, RANDOM_ID = 4, CR4_SSE = 1 << 9, REST = 5000000 };

const struct kind *kind;
static const char *name; // of the device

struct plan honest_plan(void)
{
    return virtio_plan(kind->features, kind->queues, kind->queue);
}

bool is_well(void)
{
    return !(common->status & VIRTIO_NEEDS_RESET) && kind->honest();
}

static bool up(void)
{
    struct plan p = honest_plan();
    return virtio_up(&p) && is_well();
}

// A device that needs a reset does nothing more.
static bool is_dead(void)
{
    volatile struct ring *r = &ring[kind->queue];
    uint16_t used = r->device_index;
    ring_bell(kind->queue);
    return common->status & VIRTIO_NEEDS_RESET && r->device_index == used;
}

static bool is_fault(const char *counter)
{
    return counter[0] == 'f' && counter[5] == '-';
}

static void say_line(bool good, const struct lie *l)
{
    say(good ? "ok " : "not ok ");
    say(name);
    say(" ");
    say(l->counter[0] ? l->counter : "-");
    say(" ");
    if (l->argument) {
        say(l->text);
        say_number(" ", l->argument);
    } else {
        say(l->text);
        say("\n");
    }
}

void tell_all(const struct lie *lies, unsigned count)
{
    for (const struct lie *l = lies; l < lies + count; l++) {
        uint32_t before = interrupts(CAUSE_CONFIG);
        bool good = l->tell(l->argument);
        if (is_fault(l->counter))
            good = good && needs_reset(before) && is_dead();
        good = up() && good;
        say_line(good, l);
    }
}

static const struct kind *kind_of(uint32_t id)
{
    switch (id - (VIRTIO_PCI_DEVICE << 16 | VIRTIO_PCI_VENDOR)) {
    case BLK_DEVICE << 16: return &disk_kind;
    case PORTS_ID << 16: return &ports_kind;
    case RANDOM_ID << 16: return &random_kind;
    default: return 0;
    }
}

static bool find(unsigned device)
{
    pci_select(device);
    kind = kind_of(pci_read(PCI_ID, 4));
    if (kind)
        virtio_find(device, kind->line);
    return kind;
}

static void lie_to(unsigned device)
{
    if (!find(device))
        return;
    struct plan p = honest_plan();
    bool good = virtio_up(&p);
    name = kind->begin();
    say_line(is_well() && good, &(struct lie){.counter = "", .text = "an honest driver"});
    static const struct kind *before; // of a kind one hears all
    if (kind != before) {
        lies_about_registers();
        lies_about_rings();
    }
    before = kind;
    kind->lies();
    common->status = 0;
}

static _Noreturn void off_at_key(void)
{
    while (heard() < 0)
        interrupts_rest(REST);
    machine_off();
}

static _Noreturn void work(void)
{
    unsigned device = FIRST_DEVICE;
    while (!find(device))
        device++;
    struct plan p = honest_plan();
    bool good = virtio_up(&p);
    (void)kind->begin();
    uint64_t rounds = 0;
    say("working\n");
    for (; heard() < 0; rounds++) {
        good = is_well() && good;
        interrupts_rest(REST); // whoever only works has a neighbour wait for its turn
    }
    say_number(good ? "rounds, all good: " : "rounds, not all good: ", rounds);
    machine_off();
}

_Noreturn void kernel_main(uintptr_t info)
{
    struct told told = {0};
    told_by(info, &told);
    asm volatile("mov %%cr4, %%eax; or %0, %%eax; mov %%eax, %%cr4" : : "i"(CR4_SSE) : "eax");
    if (told.cmdline && told.cmdline[0] == 'w')
        work();
    for (unsigned device = FIRST_DEVICE; device < DEVICES; device++)
        lie_to(device);
    say("all lies are told\n");
    off_at_key();
}
