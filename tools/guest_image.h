// Guest kernels: what kind an image is, and whether the monitor can start it.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum guest_kind { GUEST_BZIMAGE, GUEST_PVH, GUEST_MULTIBOOT };

#define GUEST_PROTOCOL_KNOWN 0x020f // of bzImages: 2.15; later minor versions are backward compatible

struct guest_image {
    enum guest_kind kind;
    uint32_t protocol; // of a bzImage
    size_t aligned;    // the byte of the file that is to lie at the beginning of a page
    char error[160];   // what is wrong, what was expected
};

bool guest_image_check(struct guest_image *image, const uint8_t *bytes, size_t size);
