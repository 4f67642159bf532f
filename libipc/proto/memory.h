// What is said to the pager of all guest memory.
// SPDX-License-Identifier: MIT
//
// Page faults come from the kernel with badge 1 + number of the guest memory object. A monitor's badge is
// MEMORY_BADGE_MONITOR + number of its guest's memory below 4 GiB.
//
// The pager's configuration, all of it optional: {"stock": MiB of zeroed pages that it keeps}.
//
// Guests' memories come and go: the supervisor puts them into the pager's slots and windows, writes the table
// of memories, and signals (MEMORY_BIT_RAMS).
#pragma once

#include <stdint.h>

#include "libipc/proto/labels.h"

#define MEMORY_BADGE_MONITOR 0x100u

enum memory_label {
    // enum memory_image_word: pages of guest memory become those of an image, whatever they were. They are
    // shared until the guest writes them. BAD_ARG: the image is not for this guest, or there are no such
    // pages; NO_QUOTA: page tables. After an error some may have become it.
    LABEL_MEMORY_IMAGE = LABEL_MEMORY,
    LABEL_MEMORY_END
};

enum memory_image_word {
    MEMORY_IMAGE_NUMBER, // among its guest's
    MEMORY_IMAGE_FIRST,  // its page, counted from the one in which the file begins
    MEMORY_IMAGE_PAGE,   // of guest memory
    MEMORY_IMAGE_PAGES,  // at most MEMORY_IMAGE_MOST
    MEMORY_IMAGE_WORDS
};

enum { MEMORY_IMAGE_MOST = 512, MEMORY_RAMS_MAX = 64, MEMORY_IMAGES_MAX = 4 };

// What the supervisor says of each memory. The pager takes all pages back when `wanted` differs from
// `emptied`, then tells the supervisor (LABEL_INIT_RAM_EMPTY), then makes them equal.
struct ram_table {
    struct ram_entry {
        uint32_t wanted;  // the supervisor's: how often it was to be emptied
        uint32_t emptied; // the pager's
        uint32_t
            images; // the supervisor's, as what follows: pages of the boot archive that its guest may have
        uint32_t reserved;
        struct ram_image {
            uint64_t first, pages;
        } image[MEMORY_IMAGES_MAX];
    } ram[MEMORY_RAMS_MAX];
};
