// The console's port: the UART between the guest, a stream and a ring.
// SPDX-License-Identifier: MIT
//
// Input belongs to its ring until the guest reads it: `input` is the first byte that it hasn't read, the
// FIFO's bytes follow, what is to be offered next lies behind those.
#include "servers/console/console.h"

MUST_CHECK bool console_open(struct console *c, void *output, void *input)
{
    c->output = stream_open(output, c->port->output);
    if (!ring_open(&c->input, input, RING_PAGES(INPUT_RING_BYTES) * 4096, INPUT_RING_BYTES, 1,
                   c->port->input))
        return false;
    (void)!stream_publish(&c->output, c->port->output);
    (void)!ring_publish_consumed(&c->input, c->port->input);
    c->signals = SIGNAL_VMM | SIGNAL_TERMINAL; // the dead server may have owed them
    return true;
}

// ---- to the host ----

static void transmit(struct console *c)
{
    uint8_t bytes[UART_FIFO];
    unsigned sent = uart_transmit(&c->port->uart, bytes, sizeof bytes);
    stream_write(&c->output, c->port->output, bytes, sent);
    c->port->output += sent;
}

// ---- from the host ----

static uint64_t input_next(const struct console *c)
{
    return c->port->input + uart_unread(&c->port->uart);
}

static uint32_t input_waiting(const struct console *c)
{
    uint32_t filled;
    uint64_t ahead = input_next(c) - c->input.position;
    return ring_filled(&c->input, &filled) && filled > ahead ? filled - (uint32_t)ahead : 0;
}

void console_stir(struct console *c)
{
    struct uart *u = &c->port->uart;
    for (;;) {
        uint32_t waiting = input_waiting(c);
        if (!waiting) {
            (void)!ring_sleep_empty(&c->input); // bytes in the FIFO are in the ring too: look again oneself
            waiting = input_waiting(c);
        }
        c->input_idle = !waiting;
        unsigned room = waiting ? uart_room(u) : 0;
        if (!room)
            return;
        uint8_t bytes[UART_FIFO];
        unsigned count = waiting < room ? waiting : room;
        ring_get(&c->input, input_next(c), bytes, count);
        uart_receive(u, bytes, count);
        c->changed = true;
    }
}

// ---- the guest ----

// Apart from what most reads need.
__attribute__((noinline)) static void settle_read(struct console *c, struct uart_result r)
{
    if (r.changed) {
        c->port->input += r.consumed;
        c->changed = true;
    }
    if (!c->input_idle)
        console_stir(c);
}

__attribute__((noinline)) static uint64_t read_wide(struct console *c, uint32_t offset, uint32_t size)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < size; i++)
        value |= (offset + i < UART_REGISTERS ? console_read(c, offset + i, 1) : 0xff) << (8 * i);
    return value;
}

uint64_t console_read(struct console *c, uint32_t offset, uint32_t size)
{
    if (size != 1 || offset >= UART_REGISTERS)
        return read_wide(c, offset, size);
    struct uart_result r = uart_read(&c->port->uart, offset);
    if (r.changed || !c->input_idle)
        settle_read(c, r);
    return r.value;
}

void console_write(struct console *c, uint32_t offset, uint32_t size, uint64_t value)
{
    for (uint32_t i = 0; i < size && offset + i < UART_REGISTERS; i++)
        uart_write(&c->port->uart, offset + i, (uint8_t)(value >> (8 * i)));
    c->changed = true;
    transmit(c);
    if (!c->input_idle)
        console_stir(c);
}

// ---- what others see ----

static void publish_line(struct console *c)
{
    const struct uart *u = &c->port->uart;
    uint32_t level = u->line, changes = 2 * u->line_rises - level;
    if (c->line->level == level && c->line->changes == changes)
        return;
    c->line->level = level;
    c->line->changes = changes;
    c->signals |= SIGNAL_VMM;
}

void console_publish(struct console *c)
{
    if (c->output.position != c->port->output && stream_publish(&c->output, c->port->output))
        c->signals |= SIGNAL_TERMINAL;
    if (c->input.position != c->port->input && ring_publish_consumed(&c->input, c->port->input))
        c->signals |= SIGNAL_TERMINAL;
    publish_line(c);
}
