// A driver of virtio functions over PCI: [VIRTIO] 3.1.1, 4.1.
// SPDX-License-Identifier: MIT
#include "tests/kernels/virtio.h"

#include "tests/kernels/pci.h"

enum { PATIENCE = 1 << 24 /* looks before something is not awaited any more */, MSIX_ENABLE = 0x8000 };

volatile struct ring ring[QUEUES_MAX];
volatile struct virtio_common *common;
volatile uint8_t *isr, *config;
uint16_t doorbells;
unsigned doorbell_step, window_at;
static volatile uint32_t by_line[2]; // interrupts

// ---- interrupts ----

static void read_isr(void)
{
    uint8_t causes = *isr;
    by_line[CAUSE_QUEUE] += causes & VIRTIO_ISR_QUEUE;
    by_line[CAUSE_CONFIG] += (causes & VIRTIO_ISR_CONFIG) != 0;
}

uint32_t interrupts(enum cause c)
{
    return taken[c] + by_line[c];
}

bool interrupted(enum cause c, uint32_t before)
{
    for (uint32_t i = 0; i < PATIENCE; i++) {
        if (interrupts(c) != before)
            return true;
        asm volatile("sti; nop; cli" : : : "memory");
    }
    return false;
}

// A server that starts anew may raise it for nothing.
bool needs_reset(uint32_t before)
{
    for (uint32_t seen = before; !(common->status & VIRTIO_NEEDS_RESET); seen = interrupts(CAUSE_CONFIG))
        if (!interrupted(CAUSE_CONFIG, seen))
            return false;
    return interrupted(CAUSE_CONFIG, before);
}

// ---- where the function is ----

static uint32_t bar(unsigned i)
{
    uint32_t value = pci_read(PCI_BAR + 4 * i, 4);
    return value & (value & 1 ? ~3u : ~15u);
}

static void find_places(void)
{
    for (unsigned at = pci_read(PCI_CAPABILITY, 1); at; at = pci_read(at + 1, 1)) {
        if (pci_read(at, 1) != CAPABILITY_VENDOR)
            continue;
        uint32_t place = bar(pci_read(at + 4, 1)) + pci_read(at + 8, 4);
        switch (pci_read(at + 3, 1)) {
        case VIRTIO_PLACE_COMMON: common = (volatile struct virtio_common *)(uintptr_t)place; break;
        case VIRTIO_PLACE_ISR: isr = (volatile uint8_t *)(uintptr_t)place; break;
        case VIRTIO_PLACE_WINDOW: window_at = at; break;
        case VIRTIO_PLACE_DEVICE: config = (volatile uint8_t *)(uintptr_t)place; break;
        case VIRTIO_PLACE_NOTIFY:
            doorbells = (uint16_t)place;
            doorbell_step = pci_read(at + 16, 4);
            break;
        default: break;
        }
    }
}

static void set_vectors(unsigned capability)
{
    volatile uint32_t *table = (volatile uint32_t *)(uintptr_t)bar(pci_read(capability + 4, 1) & 7);
    for (unsigned i = 0; i < 2; i++) {
        table[4 * i] = 0xfee00000;
        table[4 * i + 1] = 0;
        table[4 * i + 2] = FIRST_VECTOR + i;
        table[4 * i + 3] = 0;
    }
    pci_write(capability + 2, 2, MSIX_ENABLE);
}

void virtio_find(unsigned device, bool line)
{
    pci_select(device);
    config = 0;
    pci_write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);
    find_places();
    if (line)
        route_line(16 + device % 8);
    else
        set_vectors(pci_capability(CAPABILITY_MSIX, 0));
    interrupts_begin(read_isr);
}

// ---- a bring-up ----

struct plan virtio_plan(uint64_t features, uint16_t queues, uint16_t queue)
{
    volatile struct ring *r = &ring[queue];
    return (struct plan){.features = features,
                         .queues = queues,
                         .config_vector = CAUSE_CONFIG,
                         .queue = queue,
                         .size = RING,
                         .vector = CAUSE_QUEUE,
                         .descriptors = address_of(r->descriptor),
                         .driver = address_of(&r->driver_flags),
                         .device = address_of(&r->device_flags)};
}

void virtio_place(const struct plan *p)
{
    common->queue_select = p->queue;
    common->queue_size = p->size;
    common->queue_vector = p->vector;
    common->queue_descriptors = p->descriptors;
    common->queue_driver = p->driver;
    common->queue_device = p->device;
}

static bool negotiate(uint64_t features)
{
    common->status = VIRTIO_ACKNOWLEDGE;
    common->status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER;
    for (unsigned i = 0; i < 2; i++) {
        common->driver_feature_select = i;
        common->driver_feature = (uint32_t)(features >> 32 * i);
    }
    common->status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK;
    return common->status & VIRTIO_FEATURES_OK;
}

bool virtio_up(const struct plan *p)
{
    common->status = 0;
    bool good = common->status == 0 && negotiate(p->features);
    for (unsigned i = 0; i < sizeof ring; i++)
        ((volatile uint8_t *)ring)[i] = 0;
    common->config_vector = p->config_vector;
    for (uint16_t q = 0; q < p->queues; q++) {
        struct plan honest = virtio_plan(p->features, p->queues, q);
        virtio_place(q == p->queue ? p : &honest);
        common->queue_enable = 1;
        good = good && common->queue_enable == 1;
    }
    common->status = ALL_SET;
    return good && common->status & VIRTIO_DRIVER_OK;
}

// ---- requests ----

void describe(unsigned q, unsigned i, const volatile void *at, uint32_t bytes, uint16_t flags, uint16_t next)
{
    volatile struct virtq_descriptor *d = &ring[q].descriptor[i];
    d->address = address_of(at);
    d->bytes = bytes;
    d->flags = flags;
    d->next = next;
}

void offer(unsigned q, uint16_t head)
{
    volatile struct ring *r = &ring[q];
    r->available[r->driver_index % RING] = head;
    r->driver_index = (uint16_t)(r->driver_index + 1);
}

void ring_bell(unsigned q)
{
    out((uint16_t)(doorbells + doorbell_step * q), 2, q);
}

static bool is_used(unsigned q)
{
    return ring[q].device_index == ring[q].driver_index;
}

bool request(unsigned q)
{
    uint32_t before = interrupts(CAUSE_QUEUE);
    offer(q, 0);
    ring_bell(q);
    for (uint32_t seen = before; !is_used(q); seen = interrupts(CAUSE_QUEUE))
        if (!interrupted(CAUSE_QUEUE, seen))
            return false;
    return interrupted(CAUSE_QUEUE, before);
}

uint32_t used_bytes(unsigned q)
{
    return ring[q].used[(uint16_t)(ring[q].device_index - 1) % RING].written;
}
