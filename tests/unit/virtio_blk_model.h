// A virtio disk for tests.
// SPDX-License-Identifier: MIT
#pragma once

#include "tests/unit/host_model.h"

enum { MODEL_SECTORS = 1024 };

static struct {
    uint8_t status; // that it answers with
    uint8_t data[MODEL_SECTORS * 512];
} model_disk;

static void model_disk_init(void)
{
    model_init(VIRTIO_F(2) | VIRTIO_F(6) | VIRTIO_F(9));
    memset(&model_disk, 0, sizeof model_disk);
    memcpy(model.config, (uint32_t[]){MODEL_SECTORS, 0, 0, 254, 0, 512}, sizeof model.config);
}

// One request; false: there is none.
static bool model_disk_serve(void)
{
    const struct virtq_descriptor *table =
        (const struct virtq_descriptor *)(uintptr_t)model.queue[0].queue_descriptors;
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } request;
    uint32_t written = 0;
    uint16_t head, at;
    const struct virtq_descriptor *first = model_take(0, &head);
    if (!first)
        return false;
    memcpy(&request, (const void *)(uintptr_t)first->address, sizeof request);
    uint8_t *disk = model_disk.data + request.sector * 512;
    for (at = first->next; table[at].flags & VIRTQ_FLAG_NEXT; at = table[at].next) {
        void *page = (void *)(uintptr_t)table[at].address;
        bool in = table[at].flags & VIRTQ_FLAG_WRITE;
        memcpy(in ? page : disk, in ? disk : page, table[at].bytes);
        written += in ? table[at].bytes : 0;
        disk += table[at].bytes;
    }
    if (!model.lies_left || model.lie != LIE_NO_STATUS)
        *(uint8_t *)(uintptr_t)table[at].address = model_disk.status;
    model_end(0, head, written + 1);
    return true;
}
