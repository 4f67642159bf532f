// What a virtio block device and its driver share: [VIRTIO] 5.2.
// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "servers/common/virtio_format.h"

enum {
    BLK_DEVICE = 2,
    BLK_SECTOR = 512,

    BLK_CLASS = 0x010000 /* mass storage: SCSI, as PCI says */
};

#define BLK_F_SEG_MAX      VIRTIO_F(2)
#define BLK_F_RO           VIRTIO_F(5)
#define BLK_F_BLK_SIZE     VIRTIO_F(6)
#define BLK_F_FLUSH        VIRTIO_F(9)
#define BLK_F_TOPOLOGY     VIRTIO_F(10)
#define BLK_F_CONFIG_WCE   VIRTIO_F(11)
#define BLK_F_MQ           VIRTIO_F(12)
#define BLK_F_DISCARD      VIRTIO_F(13)
#define BLK_F_WRITE_ZEROES VIRTIO_F(14)

struct blk_config {
    uint64_t capacity; // sectors
    uint32_t size_max, seg_max;
    uint16_t cylinders;
    uint8_t heads, track_sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size; // blocks of blk_size, as the next
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, unused1[3];
    uint32_t unused2;
};
_Static_assert(offsetof(struct blk_config, unused2) == 60, "5.2.4");
enum { BLK_CONFIG_BYTES = 60 };

enum blk_type {
    BLK_T_IN = 0,
    BLK_T_OUT = 1,
    BLK_T_FLUSH = 4,
    BLK_T_GET_ID = 8,
    BLK_T_DISCARD = 11,
    BLK_T_WRITE_ZEROES = 13
};

struct blk_header {
    uint32_t type, reserved;
    uint64_t sector;
};

struct blk_range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags; // 1: unmap
};

enum blk_status { BLK_S_OK, BLK_S_IOERR, BLK_S_UNSUPP };
