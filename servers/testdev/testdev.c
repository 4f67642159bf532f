// The test device: its registers.
// SPDX-License-Identifier: MIT
#include "servers/testdev/testdev.h"

#include <string.h>

#include "libipc/proto/layout.h"

enum { FLUSH = 4 }; // offset of the port that is ignored, four bytes

static bool within(uint64_t offset, uint32_t size, uint64_t bytes)
{
    return size <= 8 && offset < bytes && size <= bytes - offset;
}

// Bytes of the device that an access is to; NULL: it is no memory.
static uint8_t *cells(struct testdev *t, const struct testdev_access *a)
{
    uint64_t in_register = a->offset % TESTDEV_REGISTER;
    bool flush = (a->offset & FLUSH) != 0;
    if (a->route == TESTDEV_ROUTE_PORTS)
        return !flush && within(in_register, a->size, TESTDEV_REGISTER) ? t->port + in_register : NULL;
    return a->route == TESTDEV_ROUTE_MEMORY && within(a->offset, a->size, TESTDEV_MEMORY)
               ? t->memory + a->offset
               : NULL;
}

static void set_line(struct testdev *t, uint64_t line, bool level)
{
    uint32_t bit = line < TESTDEV_LINES ? 1u << line : 0;
    t->lines = level ? t->lines | bit : t->lines & ~bit;
}

static void end(struct testdev *t, uint64_t value)
{
    if (!t->off)
        t->status = (uint8_t)value;
    t->off = true;
}

uint64_t testdev_access(struct testdev *t, const struct testdev_access *a, void **from, uint32_t *bytes)
{
    uint8_t *cell = cells(t, a);
    uint64_t value = cell ? 0 : UINT64_MAX;
    *bytes = 0;
    if (!a->write) {
        if (cell)
            memcpy(&value, cell, a->size);
        return value;
    }
    if (cell) {
        memcpy(cell, &a->value, a->size);
        *from = cell;
        *bytes = a->size;
        return 0;
    }
    if (a->route == TESTDEV_ROUTE_LINES)
        set_line(t, a->offset, a->value & 0xff);
    else if (a->route == TESTDEV_ROUTE_EXIT)
        end(t, a->value);
    *from = &t->lines;
    *bytes = offsetof(struct testdev, memory) - offsetof(struct testdev, lines);
    return 0;
}
