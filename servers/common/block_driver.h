// A driver of host disks as a process: windows, configuration, interrupts, the loop.
// SPDX-License-Identifier: MIT
//
//     main: block_driver_open(&service, irqs);
//           reset the device, fill in service.backend, service.table and the DMA addresses;
//           block_driver_run(&service);
#pragma once

#include "servers/common/block_service.h"

// Log, notification, interrupts 0..irqs-1, and from the configuration: ports with their windows.
void block_driver_open(struct block_service *s, uint32_t irqs);

// Waits for an interrupt, a client, or the deadline, after the device was served: its interrupts are
// acknowledged. What clients said is kept for block_driver_run().
void block_driver_wait(uint64_t deadline);

_Noreturn void block_driver_run(struct block_service *s);
