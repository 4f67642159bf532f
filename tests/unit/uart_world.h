// A UART with a host around it that counts every byte: what the guest reads and what the host gets must be
// what the other side sent, in order, without a gap. SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "servers/console/uart16550.h"

struct world {
    struct uart uart;
    uint32_t in_position;  // bytes of the host's input that the guest has read
    uint32_t in_end;       // bytes that the host has typed
    uint32_t out_position; // bytes that the host has got
    uint32_t out_end;      // bytes that the guest has sent
    unsigned room;         // what the host takes at once
    uint8_t out[256];      // sent and not yet got, by number modulo 256
};

// The host's input is a sequence that a test can continue anywhere.
static inline uint8_t world_input(uint32_t number)
{
    return (uint8_t)(number * 0x9e3779b1u >> 20);
}

static inline void world_must(bool good)
{
    if (!good) {
        abort();
    }
}

// What holds at any time.
static inline void world_check(const struct uart *u)
{
    struct uart copy = *u;
    bool fifos = u->fcr & UART_FCR_ENABLE;
    uint8_t iir = (uint8_t)uart_read(&copy, UART_IIR).value;
    uint8_t lsr = (uint8_t)uart_read(&copy, UART_LSR).value;

    world_must(u->rx_count <= (fifos ? UART_FIFO : 1) && u->tx_count <= UART_FIFO);
    world_must(u->line == (!(iir & 1) && u->mcr & UART_MCR_OUT2 && !(u->mcr & UART_MCR_LOOP)));
    world_must(!(lsr & UART_LSR_DR) == (u->rx_count == 0));
    world_must(!(lsr & UART_LSR_THRE) == (u->tx_count != 0) &&
               !(lsr & UART_LSR_THRE) == !(lsr & UART_LSR_TEMT));
    world_must((iir & 0xf0) == (fifos ? UART_IIR_FIFO : 0));
}

// What the console server does after each access, and when the host stirs.
static inline void world_settle(struct world *w)
{
    uint8_t out[UART_FIFO];
    uint8_t in[UART_FIFO];

    unsigned sent = uart_transmit(&w->uart, out, w->room);
    world_must(sent <= w->room && sent <= UART_FIFO);
    for (unsigned i = 0; i < sent; i++) {
        world_must(w->out_position != w->out_end && out[i] == w->out[w->out_position++ % 256]);
    }
    uint32_t next = w->in_position + uart_unread(&w->uart);
    world_must(w->in_end - next <= w->in_end - w->in_position);
    unsigned offered = w->in_end - next < sizeof(in) ? w->in_end - next : sizeof(in);
    unsigned room = uart_room(&w->uart);
    for (unsigned i = 0; i < offered; i++) {
        in[i] = world_input(next + i);
    }
    unsigned taken = uart_receive(&w->uart, in, offered);
    world_must(taken == (room < offered ? room : offered));
    world_check(&w->uart);
}

static inline uint8_t world_read(struct world *w, unsigned reg)
{
    struct uart before = w->uart;
    struct uart_result result = uart_read(&w->uart, reg);

    if (!result.changed) { // so it needn't be committed
        world_must(memcmp(&before, &w->uart, offsetof(struct uart, polls)) == 0);
    }
    if (result.consumed) {
        uint8_t mask = (uint8_t)((0x20 << (w->uart.lcr & 3)) - 1);
        world_must(reg == UART_DATA && w->in_position != w->in_end);
        // The width may have been set wider since the byte was masked.
        world_must((result.value & mask & world_input(w->in_position)) == (result.value & mask));
        w->in_position++;
    }
    world_settle(w);
    return (uint8_t)result.value;
}

static inline void world_write(struct world *w, unsigned reg, uint8_t value)
{
    const struct uart *u = &w->uart;
    unsigned capacity = u->fcr & UART_FCR_ENABLE ? UART_FIFO : 1;

    if (reg == UART_DATA && !(u->lcr & UART_LCR_DLAB) && !(u->mcr & UART_MCR_LOOP) &&
        u->tx_count < capacity) {
        w->out[w->out_end++ % 256] = value & (uint8_t)((0x20 << (u->lcr & 3)) - 1);
    }
    world_must(uart_write(&w->uart, reg, value).changed);
    world_settle(w);
}
