// Message labels: one range a protocol.
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/abi/syscall.h"

enum label_range {
    LABEL_MEMORY = LABEL_PROTOCOLS,           // proto/memory.h
    LABEL_VMM = LABEL_PROTOCOLS + 0x100,      // proto/bus.h
    LABEL_INIT = LABEL_PROTOCOLS + 0x200,     // proto/init.h
    LABEL_TERMINAL = LABEL_PROTOCOLS + 0x300, // proto/terminal.h
    LABEL_TEST = LABEL_PROTOCOLS + 0xf00,
};
