// What is said to the pager of all guest memory.
// SPDX-License-Identifier: MIT
//
// Page faults come from the kernel with badge 1 + number of the guest memory object. A monitor's badge is
// MEMORY_BADGE_MONITOR + number of its guest's memory below 4 GiB.
//
// The pager's configuration, all of it optional:
//   {"stock": MiB of zeroed pages that it keeps,
//    "images": [{"ram": number of the object whose guest may have it, "file": name in the boot archive}]}
#pragma once

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
    MEMORY_IMAGE_NUMBER, // in "images"
    MEMORY_IMAGE_FIRST,  // its page, counted from the one in which the file begins
    MEMORY_IMAGE_PAGE,   // of guest memory
    MEMORY_IMAGE_PAGES,  // at most MEMORY_IMAGE_MOST
    MEMORY_IMAGE_WORDS
};

enum { MEMORY_IMAGE_MOST = 512 };
