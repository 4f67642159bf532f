// A driver of a virtio function of the host as a process: its registers, its DMA memory.
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/common/host_function.h"

enum { DMA_PAGE = 4096 };

// Finds the registers, config_bytes of the device's own configuration among them, and resets the device,
// which ends whatever a dead incarnation had under way; only behind that it may reach memory. Dies if that
// cannot be.
void virtio_driver_open(struct host_function *f, uint32_t config_bytes);

// What the device calls a page of a memory object.
uint64_t virtio_driver_address(uint32_t memory, uint64_t page);

// A page of the driver's own DMA memory.
struct dma_page virtio_driver_page(uint32_t page);

// Three of them, from `page` on, become those of a queue.
void virtio_driver_queue(struct host_queue *q, uint32_t page);
