// What virtio devices and drivers share, as in [VIRTIO]: bits, registers, rings.
// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { VIRTIO_PCI_VENDOR = 0x1af4, VIRTIO_PCI_DEVICE = 0x1040 /* + virtio's number */ };

// 2.1
enum virtio_status {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128
};

// 6
#define VIRTIO_F(bit)            (UINT64_C(1) << (bit))
#define VIRTIO_F_INDIRECT        VIRTIO_F(28)
#define VIRTIO_F_EVENT_IDX       VIRTIO_F(29)
#define VIRTIO_F_VERSION_1       VIRTIO_F(32)
#define VIRTIO_F_ACCESS_PLATFORM VIRTIO_F(33)
#define VIRTIO_F_RING_RESET      VIRTIO_F(40)

#define VIRTIO_NO_VECTOR 0xffffu

// 4.1.5.4
enum virtio_isr { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };

// 4.1.4.3
struct virtio_common {
    uint32_t device_feature_select, device_feature;
    uint32_t driver_feature_select, driver_feature;
    uint16_t config_vector, queues;
    uint8_t status, generation;
    uint16_t queue_select;
    uint16_t queue_size, queue_vector, queue_enable, queue_notify_off;
    uint64_t queue_descriptors, queue_driver, queue_device;
    uint16_t queue_notify_data, queue_reset, reserved[2];
};
_Static_assert(offsetof(struct virtio_common, queue_reset) == 58 && sizeof(struct virtio_common) == 64, "");

// 4.1.4: vendor-specific capabilities that say where registers lie
enum virtio_place {
    VIRTIO_PLACE_COMMON = 1,
    VIRTIO_PLACE_NOTIFY,
    VIRTIO_PLACE_ISR,
    VIRTIO_PLACE_DEVICE,
    VIRTIO_PLACE_WINDOW
};

// 2.7.5
struct virtq_descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags; // enum virtq_flag
    uint16_t next;
};
enum virtq_flag { VIRTQ_FLAG_NEXT = 1, VIRTQ_FLAG_WRITE = 2, VIRTQ_FLAG_INDIRECT = 4 };

// 2.7.6, 2.7.8: flags, index, ring, and the index that the other side wants to hear of
enum {
    VIRTQ_RING_FLAGS = 0, // of either ring: 1: do not notify, do not interrupt
    VIRTQ_RING_INDEX = 2,
    VIRTQ_RING_ENTRIES = 4
};
struct virtq_used {
    uint32_t head;
    uint32_t written;
};
