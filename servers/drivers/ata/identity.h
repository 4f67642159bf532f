// What an ATA device says of itself (IDENTIFY DEVICE).
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { ATA_IDENTITY_WORDS = 256, ATA_MODEL_MAX = 40 };

struct ata_identity {
    char model[ATA_MODEL_MAX + 1];
    uint64_t sectors;
    bool lba48;
    bool flush, flush_ext; // commands that it has
    bool cached;           // it has a write cache, and uses it
    uint32_t multiple;     // sectors at once, at most; 0: single ones
};

// NULL: it is a disk that the driver can serve. Else why not.
const char *ata_identify(const uint16_t *words, struct ata_identity *to);
