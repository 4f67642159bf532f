// Intel 8254: ports, control words, read-back; port 0x61
// SPDX-License-Identifier: MIT
//
// [8254] Intel 231164, "Programming the 8254", "Read-back command". Port 0x61: [PIIX] Intel 82371AB
// 290562, 2.6.1 "NMI status and control register".
#include "servers/vmm/dev/pit.h"

#include "servers/vmm/dev/clock.h"

enum { PORT_CONTROL = 3, SELECT_READ_BACK = 3 };
enum { P61_GATE2 = 1 << 0, P61_WRITABLE = 0x0f, P61_REFRESH = 1 << 4, P61_OUT2 = 1 << 5 };

// The refresh bit toggles as if counter 1 ran the usual count of 18: every 15.09 us.
#define REFRESH_CLOCKS 18

static uint64_t clock_of(uint64_t now)
{
    return clock_ticks(now, PIT_HZ);
}

void pit_reset(struct pit *pit, uint64_t now)
{
    *pit = (struct pit){0};
    for (unsigned i = 0; i < 3; i++)
        pit_counter_reset(&pit->counter[i], i != 2, clock_of(now));
}

// Counter 0 may have passed edges while it was looked at.
static uint32_t line_effect(const struct pit *pit)
{
    return pit->counter[0].edges ? PORT_LINE : 0;
}

struct io_result pit_read(void *state, const struct io_access *io, uint64_t now)
{
    struct pit *pit = state;
    unsigned index = io->port & 3;
    if (index == PORT_CONTROL)
        return (struct io_result){.value = 0xff};
    return (struct io_result){
        .value = pit_counter_read(&pit->counter[index], clock_of(now)),
        .effects = line_effect(pit),
    };
}

static void read_back(struct pit *pit, uint8_t command, uint64_t clock)
{
    for (unsigned i = 0; i < 3; i++)
        if (command & 2U << i)
            pit_counter_latch(&pit->counter[i], !(command & 0x20), !(command & 0x10), clock);
}

static void control(struct pit *pit, uint8_t word, uint64_t clock)
{
    unsigned select = word >> 6;
    if (select == SELECT_READ_BACK)
        read_back(pit, word, clock);
    else if ((word & 0x30) == 0)
        pit_counter_latch(&pit->counter[select], true, false, clock);
    else
        pit_counter_program(&pit->counter[select], word & 0x3f, clock);
}

uint32_t pit_write(void *state, const struct io_access *io, uint64_t now)
{
    struct pit *pit = state;
    unsigned index = io->port & 3;
    uint64_t before = pit_deadline(pit);
    if (index == PORT_CONTROL)
        control(pit, (uint8_t)io->value, clock_of(now));
    else
        pit_counter_write(&pit->counter[index], (uint8_t)io->value, clock_of(now));
    return line_effect(pit) | (pit_deadline(pit) != before ? PORT_DEADLINE : 0);
}

struct io_result pit_port61_read(void *state, const struct io_access *io, uint64_t now)
{
    (void)io;
    struct pit *pit = state;
    uint64_t clock = clock_of(now);
    uint32_t value = pit->port61;
    if (clock / REFRESH_CLOCKS & 1)
        value |= P61_REFRESH;
    if (pit_counter_out(&pit->counter[2], clock))
        value |= P61_OUT2;
    return (struct io_result){.value = value};
}

uint32_t pit_port61_write(void *state, const struct io_access *io, uint64_t now)
{
    struct pit *pit = state;
    pit->port61 = io->value & P61_WRITABLE;
    pit_counter_gate(&pit->counter[2], io->value & P61_GATE2, clock_of(now));
    return 0;
}

uint64_t pit_take_edges(struct pit *pit, uint64_t now)
{
    struct pit_counter *c = &pit->counter[0];
    pit_counter_advance(c, clock_of(now));
    uint64_t edges = c->edges;
    c->edges = 0;
    return edges;
}

uint64_t pit_deadline(const struct pit *pit)
{
    uint64_t clock = pit_counter_next_edge(&pit->counter[0]);
    return clock == CLOCK_NEVER ? CLOCK_NEVER : clock_ns(clock, PIT_HZ);
}
