// Port-mapped devices behind one table: which ports, which access sizes, which functions
// SPDX-License-Identifier: MIT
//
// A row names the part of the machine's state that it works on by its offset, so the table is constant and
// the state stays free of pointers. The models are pure: what an access causes outside the model comes back
// as effects, and the monitor then asks the model for its lines and its deadline. `now` is guest time in
// nanoseconds; it never goes back.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct io_access {
    uint32_t value; // of a write, in the low `size` bytes
    uint16_t port;
    uint8_t size; // 1, 2 or 4
};

enum port_effect {
    PORT_LINE = 1 << 0,      // an interrupt line may have another level, or edges wait to be taken
    PORT_DEADLINE = 1 << 1,  // the model's next deadline may be another
    PORT_DECODE = 1 << 2,    // a PCI function decodes other windows, or none
    PORT_FUNCTION = 1 << 3,  // bus mastering or MSI-X of a PCI function was switched
    PORT_A20 = 1 << 4,       // the A20 gate was moved
    PORT_INIT = 1 << 5,      // the guest asks for INIT of its processor
    PORT_RESET = 1 << 6,     // the guest asks for a reset of the machine
    PORT_POWER_OFF = 1 << 7, // the guest entered S5
};

struct io_result {
    uint32_t value;   // of a read
    uint32_t effects; // enum port_effect
};

// Sizes that a row takes whole; other accesses reach it byte by byte.
enum port_sizes { PORT_BYTE = 1, PORT_WORD = 2, PORT_DWORD = 4, PORT_ANY = 7 };

struct port_device {
    uint16_t first, last;
    uint8_t sizes;  // enum port_sizes
    uint32_t state; // offset of the model's state in the machine's
    struct io_result (*read)(void *state, const struct io_access *io, uint64_t now);
    uint32_t (*write)(void *state, const struct io_access *io, uint64_t now);
};

// An access goes whole to the first row that holds all its ports and takes its size, if it does not cross a
// multiple of four; otherwise it is split in halves, as the bus does. A byte without a row reads ones and is
// lost when written.
struct io_result port_read(const struct port_device *table, size_t rows, void *machine,
                           const struct io_access *io, uint64_t now);
uint32_t port_write(const struct port_device *table, size_t rows, void *machine, const struct io_access *io,
                    uint64_t now);

// The bits of an aligned dword register that an access touches.
static inline uint32_t port_lanes(const struct io_access *io)
{
    return (UINT32_MAX >> (32 - 8 * io->size)) << (io->port % 4 * 8);
}
