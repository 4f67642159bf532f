// The monitor's part of the manifest.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libipc/proto/names.h"

enum { CONFIG_CMDLINE_MAX = 2048 };

struct config_image {
    uint64_t offset; // of its first byte in its window
    uint64_t bytes;  // 0: there is none
    uint64_t number; // by which the pager knows it (libipc/proto/memory.h)
};

struct vm_config {
    char name[NAME_BYTES];
    uint64_t memory; // bytes
    uint64_t cpus;
    struct config_image kernel, initrd;
    bool panel;        // there is a page of its buttons
    bool test_devices; // there is a page of the test device's lines
    uint32_t devices;  // bit n: device n of the PCI bus is a server (libipc/proto/bus.h)
    char cmdline[CONFIG_CMDLINE_MAX];
};

// Reads JSON text. NULL: good; else what is wrong, one line.
const char *config_read(struct vm_config *config, const char *text);
