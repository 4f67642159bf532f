// A driver of host disks as a process: windows, configuration, the loop.
// SPDX-License-Identifier: MIT
//
//     main: block_driver_open(&service, irqs);
//           reset the device, fill in service.backend, service.table and the DMA addresses;
//           block_driver_run(&service);
#pragma once

#include "servers/common/block_service.h"

// driver_open(), and from the configuration: ports with their windows.
void block_driver_open(struct block_service *s, uint32_t irqs);

_Noreturn void block_driver_run(struct block_service *s);
