// Stands in for a virtio device that has failed for good.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// Serves for ever: the registers are answered from the dead server's state, a block device's requests end
// with an I/O error, what a guest sends to a console is thrown away. Any other device needs a reset, after
// which none of its requests is served.
_Noreturn void virtio_stand_in(uint16_t id, uint16_t queues, uint64_t sectors);
