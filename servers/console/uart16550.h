// National Semiconductor PC16550D: the serial port as a guest sees it
// SPDX-License-Identifier: MIT
//
// One plain struct and pure functions on it. Nothing here is lost for want of room or time: a byte from the
// host leaves the host's queue when the guest reads it, not when it enters the FIFO, and a byte for the host
// stays here, with the transmitter full, until the caller takes it. There is no time either: transmission
// takes none, and the character timeout is due at once, because a FIFO below its trigger level means that no
// more input is there. The caller commits the struct when a result says `changed`, together with its queues'
// positions and the reply.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UART_FIFO 16u

enum uart_register {
    UART_DATA = 0, // RBR, THR; DLL with DLAB
    UART_IER = 1,  // DLM with DLAB
    UART_IIR = 2,  // read; write: FCR
    UART_FCR = 2,
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_MSR = 6,
    UART_SCR = 7,
    UART_REGISTERS = 8
};

enum uart_ier { UART_IER_RX = 0x01, UART_IER_THRE = 0x02, UART_IER_LINE = 0x04, UART_IER_MODEM = 0x08 };
enum uart_iir {
    UART_IIR_NONE = 0x01,
    UART_IIR_LINE = 0x06,
    UART_IIR_RX = 0x04,
    UART_IIR_TIMEOUT = 0x0c,
    UART_IIR_THRE = 0x02,
    UART_IIR_MODEM = 0x00,
    UART_IIR_FIFO = 0xc0
};
enum uart_fcr {
    UART_FCR_ENABLE = 0x01,
    UART_FCR_CLEAR_RX = 0x02,
    UART_FCR_CLEAR_TX = 0x04,
    UART_FCR_TRIGGER = 0xc0
};
enum uart_lcr { UART_LCR_WIDTH = 0x03, UART_LCR_DLAB = 0x80 };
enum uart_mcr {
    UART_MCR_DTR = 0x01,
    UART_MCR_RTS = 0x02,
    UART_MCR_OUT1 = 0x04,
    UART_MCR_OUT2 = 0x08,
    UART_MCR_LOOP = 0x10
};
enum uart_lsr { UART_LSR_DR = 0x01, UART_LSR_OE = 0x02, UART_LSR_THRE = 0x20, UART_LSR_TEMT = 0x40 };
enum uart_msr {
    UART_MSR_DCTS = 0x01,
    UART_MSR_DDSR = 0x02,
    UART_MSR_TERI = 0x04,
    UART_MSR_DDCD = 0x08,
    UART_MSR_CTS = 0x10,
    UART_MSR_DSR = 0x20,
    UART_MSR_RI = 0x40,
    UART_MSR_DCD = 0x80
};

struct uart {
    uint8_t ier;
    uint8_t fcr; // enable and trigger level
    uint8_t lcr;
    uint8_t mcr;
    uint8_t scr;
    uint8_t dll;
    uint8_t dlm;
    uint8_t msr_delta;    // MSR bits 0 to 3
    uint8_t overrun;      // LSR.OE
    uint8_t thre_pending; // the THRE interrupt: latched, unlike the others
    uint8_t line;         // level of the interrupt line
    uint8_t rx_head, rx_count;
    uint8_t tx_head, tx_count;
    uint8_t reserved;
    uint32_t line_rises; // how often the line went up: a listener that looks late sees every edge
    uint16_t rx_is_host; // by place in rx: from the host, not looped back
    uint8_t rx[UART_FIFO];
    uint8_t tx[UART_FIFO];
    // A hint, not to be committed for its own sake: does the guest poll for input?
    uint8_t polls;
    uint8_t looked; // reads of LSR with the transmitter empty, and nothing else, since the last other access
    uint8_t hint_reserved[8];
};

_Static_assert(sizeof(struct uart) == 64, "the UART's state is part of the console server's");

struct uart_result {   // of a size and order that fit a register
    uint32_t value;    // of a read
    uint16_t consumed; // bytes of the host's input that the guest has read by this: 0 or 1
    bool changed;      // beyond the hint
};

// As a PC's firmware leaves it: 115200 baud, 8N1, FIFOs off. There is no firmware, and the guest's earliest
// console code sets up nothing.
void uart_reset(struct uart *u);

// `reg`: 0 to 7. The guest always waits for the outcome of both; afterwards the caller transmits and
// receives.
struct uart_result uart_read(struct uart *u, unsigned reg);
struct uart_result uart_write(struct uart *u, unsigned reg, uint8_t value);

// Takes bytes for the host, at most `room` of them, out of the transmitter; answers how many: never more than
// UART_FIFO. To be called after every write; with less room than that, again when there is more.
unsigned uart_transmit(struct uart *u, uint8_t *out, unsigned room);

// Bytes of the host's input that lie in the FIFO unread. They still belong to the queue: what to offer next
// lies behind them, and when the guest empties the FIFO unread they are to be offered again.
unsigned uart_unread(const struct uart *u);
// Bytes that it would take now; 0 too while the guest doesn't listen (it neither enables the interrupt nor
// polls), since a driver that starts throws away whatever it finds.
unsigned uart_room(const struct uart *u);
// Offers input; answers how many bytes were taken, as many as there is room for.
unsigned uart_receive(struct uart *u, const uint8_t *in, unsigned count);
