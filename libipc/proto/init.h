// What servers and the supervisor say to each other.
// SPDX-License-Identifier: MIT
//
// A server calls; the supervisor answers at once and never calls. The badge of SLOT_INIT says which server it
// is.
#pragma once

#include <stdint.h>

#include "libipc/abi/caps.h"
#include "libipc/proto/labels.h"

enum init_label {
    // word 0: enum vm_end; word 1, may be left out: the status that the guest itself gave, 0: all is well.
    // The caller's VM is off for good; the machine ends with the last one. Said again after a restart it is
    // heard once.
    LABEL_INIT_VM_OFF = LABEL_INIT,
    LABEL_INIT_END
};

enum init_vm_off_word { VM_OFF_REASON, VM_OFF_STATUS, VM_OFF_WORDS };

enum vm_end {
    VM_END_POWER_OFF = 1,
    VM_END_TRIPLE_FAULT, // the guest died
    VM_END_ERROR,        // its state or its image cannot run
    VM_ENDS
};

// Where free RAM is, for who manages it (fill "pools"): pages `first` to `first + pages - 1` of each memory
// object hold a frame; what lies around them was never there or is the supervisor's own.
struct pool_table {
    uint64_t count;
    struct pool {
        uint64_t first, pages;
        uint64_t object_pages; // of the memory object
    } pool[ROOT_RAM_REGIONS_MAX];
};

// The argument that a program starts with (struct program_start): its number among the servers, and the log
// level.
#define START_ARGUMENT(number, level) ((uint64_t)(number) << 8 | ((uint64_t)(level) + 1))
#define START_NUMBER(argument)        ((uint32_t)((argument) >> 8))
#define START_LOG_LEVEL(argument)     ((uint32_t)((argument)&0xff)) // enum log_level + 1; 0: not given
