// Where a virtio function of the host has its registers.
// SPDX-License-Identifier: MIT
#include "servers/common/host_places.h"

#include <stddef.h>

#include "servers/common/virtio_format.h"

enum { STATUS_DWORD = 0x04, STATUS_HAS_LIST = 1 << 20, LIST_DWORD = 0x34 }; // [PCI] 6.2.3, 6.7
enum { HEADER_BYTES = 64, CAPABILITIES_MAX = (256 - HEADER_BYTES) / 4, ID_VENDOR = 9 };
enum { AT_BAR = 4, AT_OFFSET = 8, AT_LENGTH = 12, AT_STEP = 16 }; // [VIRTIO] 4.1.4

struct found {
    uint32_t offset, bytes, step;
};

// The first of a kind that can be used counts.
static void look_at(uint32_t (*config)(uint32_t offset), uint32_t at, uint32_t bar, uint32_t bar_bytes,
                    struct found found[])
{
    uint32_t kind = config(at) >> 24, offset = config(at + AT_OFFSET), bytes = config(at + AT_LENGTH);
    if (kind < VIRTIO_PLACE_COMMON || kind > VIRTIO_PLACE_DEVICE || found[kind].bytes)
        return;
    if ((config(at + AT_BAR) & 0xff) != bar || offset >= bar_bytes || bytes > bar_bytes - offset)
        return;
    found[kind] = (struct found){offset, bytes, kind == VIRTIO_PLACE_NOTIFY ? config(at + AT_STEP) : 0};
}

// Links may lead anywhere, and in circles.
static void walk(uint32_t (*config)(uint32_t offset), uint32_t bar, uint32_t bar_bytes, struct found found[])
{
    if (!(config(STATUS_DWORD) & STATUS_HAS_LIST))
        return;
    uint32_t at = config(LIST_DWORD) & 0xfc;
    for (unsigned i = 0; i < CAPABILITIES_MAX && at >= HEADER_BYTES; i++, at = config(at) >> 8 & 0xfc)
        if ((config(at) & 0xff) == ID_VENDOR && at + AT_STEP < 256)
            look_at(config, at, bar, bar_bytes, found);
}

const char *host_find_places(uint32_t (*config)(uint32_t offset), uint32_t bar, uint32_t bar_bytes,
                             uint32_t config_bytes, struct host_places *to)
{
    struct found found[VIRTIO_PLACE_DEVICE + 1] = {0};
    walk(config, bar, bar_bytes, found);
    if (found[VIRTIO_PLACE_COMMON].bytes < offsetof(struct virtio_common, queue_notify_data))
        return "no common registers";
    if (found[VIRTIO_PLACE_NOTIFY].bytes < sizeof(uint16_t))
        return "no doorbells";
    if (!found[VIRTIO_PLACE_ISR].bytes)
        return "no interrupt status";
    if (found[VIRTIO_PLACE_DEVICE].bytes < config_bytes)
        return "no configuration";
    *to = (struct host_places){.common = found[VIRTIO_PLACE_COMMON].offset,
                               .isr = found[VIRTIO_PLACE_ISR].offset,
                               .config = found[VIRTIO_PLACE_DEVICE].offset,
                               .notify = found[VIRTIO_PLACE_NOTIFY].offset,
                               .notify_bytes = found[VIRTIO_PLACE_NOTIFY].bytes,
                               .notify_step = found[VIRTIO_PLACE_NOTIFY].step};
    return NULL;
}
