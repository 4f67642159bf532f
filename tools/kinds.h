// The kinds of servers: what each gets, as tables.
// SPDX-License-Identifier: MIT
//
// In names '%' stands for the VM's name, '@' for the server's, '#' for that of the VM's part which the server
// is about, where there are several (scope's part). libipc/proto/layout.h says what the slots and
// windows are for.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/manifest.h"

enum kind_index {
    KIND_MEMORY,
    KIND_UART,
    KIND_TERMINAL,
    KIND_CONSOLE,
    KIND_VMM,
    KIND_TESTDEV,
    KIND_TESTPCI,
    KIND_DISK,
    KIND_PORTS,
    KIND_RNG,
    KIND_NET,
    KIND_SWITCH,
    KIND_UART2,
    KIND_CONTROL,
    KIND_VIRTIO_BLK,
    KIND_ATA,
    KIND_VIRTIO_RNG,
    KIND_VIRTIO_NET,
    KINDS
};

struct kind_cap {
    uint32_t slot;
    const char *object, *rights;
    uint64_t badge;
};

struct kind_map {
    uint64_t address;
    const char *memory, *rights;
};

// Memory objects of its own, zeroed.
struct kind_memory {
    const char *name;
    uint64_t bytes;
};

struct kind {
    const char *name;    // of the server
    const char *image;   // of its program
    const char *payer;   // NULL: the supervisor
    const char *account; // NULL: one of its own
    uint64_t quota;      // bytes of kernel memory
    uint64_t heap;       // bytes
    uint32_t slots;
    uint32_t priority;
    bool takes_console;
    const struct kind_cap *caps; // ended by a row without object
    const struct kind_map *maps; // ended by a row without memory
    const struct kind_memory *memory;
    // Of what stands in for it when it has failed for good; NULL: nothing does.
    const struct kind_cap *failed_caps;
    const struct kind_map *failed_maps;
};

extern const struct kind kinds[KINDS];
extern const struct kind_cap common_caps[], common_failed_caps[];
extern const struct kind_map common_maps[], common_failed_maps[];
