// A child that touches memory, and whoever gets its faults.
// SPDX-License-Identifier: MIT
#pragma once

#include "tests/programs/common/slate.h"

struct prober {
    struct child child;
    uint32_t handler, reply, go;
    struct fault_message fault; // of the last probe that failed
};

void prober_make(struct prober *p);

// Reads a byte (RIGHT_READ), writes it (RIGHT_WRITE) or calls there (RIGHT_EXECUTE). False: it got a page
// fault at that address, or waits for a page.
bool probe(struct prober *p, uint64_t address, enum right how);

// Has the access that waited for a page gone through now?
bool probe_done(const struct prober *p);

void prober_map(const struct prober *p, uint64_t address, uint32_t memory, uint64_t rights);
