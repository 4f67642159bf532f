// A driver of a host device as a process: log, interrupts, clients, the wait.
// SPDX-License-Identifier: MIT
//
// An interrupt stays masked from its arrival until the device was served: it is acknowledged by the next
// wait.
#pragma once

#include <stdint.h>

// Opens the log, binds the notification and interrupts 0..irqs-1 (libipc/proto/layout.h).
void driver_open(uint32_t irqs);

// Waits for an interrupt, a client, or the deadline (TSC ticks; DEADLINE_NONE).
void driver_wait(uint64_t deadline);

// The same, without waiting.
void driver_look(void);

// Who signalled since this was asked last, a bit a channel; at first all.
uint64_t driver_clients(void);
