// Port-mapped devices: dispatch and splitting of accesses
// SPDX-License-Identifier: MIT
#include "servers/vmm/dev/port_device.h"

#include <stdbool.h>

static const struct port_device *claim(const struct port_device *table, size_t rows,
                                       const struct io_access *io)
{
    if (io->port % 4 + io->size > 4)
        return NULL;
    for (const struct port_device *row = table; row < table + rows; row++)
        if (io->port >= row->first && io->port + io->size - 1 <= row->last && (row->sizes & io->size))
            return row;
    return NULL;
}

static void *state_of(const struct port_device *row, void *machine)
{
    return (uint8_t *)machine + row->state;
}

static struct io_access half(const struct io_access *io, bool upper)
{
    uint8_t size = io->size / 2;
    return (struct io_access){
        .value = upper ? io->value >> (8 * size) : io->value & (UINT32_MAX >> (32 - 8 * size)),
        .port = (uint16_t)(io->port + (upper ? size : 0)),
        .size = size,
    };
}

struct io_result port_read(const struct port_device *table, size_t rows, void *machine,
                           const struct io_access *io, uint64_t now)
{
    const struct port_device *row = claim(table, rows, io);
    if (row)
        return row->read(state_of(row, machine), io, now);
    if (io->size == 1)
        return (struct io_result){.value = 0xff};
    struct io_access low = half(io, false), high = half(io, true);
    struct io_result a = port_read(table, rows, machine, &low, now);
    struct io_result b = port_read(table, rows, machine, &high, now);
    return (struct io_result){.value = a.value | b.value << (8 * low.size), .effects = a.effects | b.effects};
}

uint32_t port_write(const struct port_device *table, size_t rows, void *machine, const struct io_access *io,
                    uint64_t now)
{
    const struct port_device *row = claim(table, rows, io);
    if (row)
        return row->write(state_of(row, machine), io, now);
    if (io->size == 1)
        return 0;
    struct io_access low = half(io, false), high = half(io, true);
    uint32_t effects = port_write(table, rows, machine, &low, now);
    return effects | port_write(table, rows, machine, &high, now);
}
