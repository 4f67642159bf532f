// A driver of virtio functions over PCI, as the hostile kernel wants it: honest, but for what its plan says.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/common/virtio_format.h"

enum { RING = 16 /* places */, QUEUES_MAX = 4, ALL_SET = 0x0f /* of the status, when the driver is ready */ };

// The memory of a queue, in the order in which drivers like to have it.
struct ring {
    struct virtq_descriptor descriptor[RING];
    uint16_t driver_flags, driver_index, available[RING], used_event;
    uint16_t device_flags __attribute__((aligned(4)));
    uint16_t device_index;
    struct virtq_used used[RING];
    uint16_t available_event;
} __attribute__((aligned(16)));

extern volatile struct ring ring[QUEUES_MAX];
extern volatile struct virtio_common *common; // the function's registers
extern volatile uint8_t *isr, *config;
extern uint16_t doorbells;                // the port of the first
extern unsigned doorbell_step, window_at; // the latter: in configuration space

// What a bring-up says of itself; of the queues all but one are as they should be.
struct plan {
    uint64_t features;
    uint16_t queues; // are enabled: the first so many
    uint16_t config_vector;
    uint16_t queue; // the one that all else is about
    uint16_t size, vector;
    uint64_t descriptors, driver, device;
};

// Finds the registers of the function that pci_select() chose, and switches on its BARs, memory accesses and,
// unless it is to use its line, MSI-X.
void virtio_find(unsigned device, bool line);
struct plan virtio_plan(uint64_t features, uint16_t queues, uint16_t queue);
// From a reset to DRIVER_OK. False: some of it was not taken.
bool virtio_up(const struct plan *p);
void virtio_place(
    const struct plan *p); // all of it that says where a queue is; not the last word, enabling it

static inline uint64_t address_of(const volatile void *at)
{
    return (uintptr_t)at;
}

void describe(unsigned q, unsigned i, const volatile void *at, uint32_t bytes, uint16_t flags, uint16_t next);
void offer(unsigned q, uint16_t head);
void ring_bell(unsigned q);
// Makes the chain that begins with the first descriptor available, and waits until it is used and an
// interrupt came. False: it did not come to that.
bool request(unsigned q);
uint32_t used_bytes(unsigned q); // of what was used last

// Interrupts of either kind that came since the machine began.
enum cause { CAUSE_QUEUE, CAUSE_CONFIG };
uint32_t interrupts(enum cause c);
// Waits until there were more, but not for ever.
bool interrupted(enum cause c, uint32_t before);
bool needs_reset(uint32_t before); // it says so, in its status and by an interrupt
