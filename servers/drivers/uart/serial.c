// The host's 16550: registers, FIFOs, its edge-triggered interrupt
// SPDX-License-Identifier: MIT
//
// Source: [PC16550D], by the headings of its chapter on registers. The interrupt is an edge, so the device is
// served until it says itself that nothing is pending: then its line was low, and whatever comes next raises
// it again.
#include "servers/drivers/uart/serial.h"

#include "servers/drivers/uart/ports.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, SCRATCH = 7, FCR = IIR, DIVISOR_LOW = DATA, DIVISOR_HIGH = IER };
enum { IER_RX = 0x01, IER_THRE = 0x02 };
enum { IIR_NONE = 0x01, IIR_FIFO = 0xc0 };
enum { FCR_ON = 0x01, FCR_TRIGGER_8 = 0x80 }; // writing them clears nothing while the FIFOs are on
enum { LCR_8N1 = 0x03, LCR_DLAB = 0x80 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT2 = 0x08, MCR_LOOP = 0x10 }; // OUT2 opens the interrupt's way
enum { LSR_DR = 0x01, LSR_THRE = 0x20 };
enum { DIVISOR = 1 /* 115200 baud */, FIFO = 16, BURSTS_MAX = 64 };

static void enable_interrupts(const struct serial *s)
{
    port_write(IER, s->stuffed ? IER_THRE : IER_RX | IER_THRE);
}

// The divisor is left alone when it is right, since a character may be under way.
static void set_speed(void)
{
    port_write(LCR, LCR_DLAB | LCR_8N1);
    if (port_read(DIVISOR_LOW) != DIVISOR || port_read(DIVISOR_HIGH) != 0) {
        port_write(DIVISOR_LOW, DIVISOR);
        port_write(DIVISOR_HIGH, 0);
    }
    port_write(LCR, LCR_8N1);
}

static void set_stuffed(struct serial *s, bool stuffed)
{
    if (s->stuffed == stuffed)
        return;
    s->stuffed = stuffed;
    enable_interrupts(s);
}

static void take_byte(struct serial *s)
{
    struct ring *r = &s->input;
    uint8_t *to;
    (void)ring_piece(r, r->position, 1, &to);
    port_take(DATA, to, &r->shared->produced, r->position + 1);
    s->peer_stirred |= ring_publish_produced(r, r->position + 1); // for the look whether somebody sleeps
}

static void give_byte(struct serial *s)
{
    struct ring *r = &s->output;
    uint8_t byte;
    ring_get(r, r->position, &byte, 1);
    port_give(DATA, byte, &r->shared->consumed, r->position + 1);
    s->peer_stirred |= ring_publish_consumed(r, r->position + 1);
}

// What finds no room stays in the device: it holds the line's other end back, or overruns.
static void receive(struct serial *s)
{
    uint32_t room;
    if (!ring_room(&s->input, &room))
        room = 0;
    for (; room && (port_read(LSR) & LSR_DR); room--)
        take_byte(s);
    set_stuffed(s, room == 0);
}

static bool transmit(struct serial *s)
{
    uint32_t count;
    if (!ring_filled(&s->output, &count) || !count || !(port_read(LSR) & LSR_THRE))
        return false;
    for (uint32_t i = 0; i < count && i < FIFO; i++)
        give_byte(s);
    return true;
}

// Turning the FIFOs on clears them. A character that arrived before is taken first; loopback keeps the next
// one out until they are on.
static void enable_fifos(struct serial *s)
{
    uint32_t room;
    bool off = (port_read(IIR) & IIR_FIFO) == 0;
    if (off)
        port_write(MCR, MCR_LOOP);
    if (off && (port_read(LSR) & LSR_DR) && ring_room(&s->input, &room) && room)
        take_byte(s);
    port_write(FCR, FCR_ON | FCR_TRIGGER_8);
    port_write(MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

// Nothing at these ports gives all ones, whatever was written.
bool serial_is_there(void)
{
    for (unsigned value = 0x55; value <= 0xaa; value += 0x55) {
        port_write(SCRATCH, (uint8_t)value);
        if (port_read(SCRATCH) != value)
            return false;
    }
    return true;
}

void serial_start(struct serial *s)
{
    s->stuffed = false;
    (void)!ring_publish_consumed(&s->output, s->output.position);
    (void)!ring_publish_produced(&s->input, s->input.position);
    s->peer_stirred = true; // the dead driver may have owed a signal
    set_speed();
    enable_fifos(s);
    enable_interrupts(s);
}

void serial_drop(struct serial *s)
{
    uint32_t count;
    do {
        if (ring_filled(&s->output, &count))
            s->peer_stirred |= ring_publish_consumed(&s->output, s->output.position + count);
    } while (!ring_sleep_empty(&s->output) && ring_filled(&s->output, &count));
}

bool serial_serve(struct serial *s)
{
    for (unsigned i = 0; i < BURSTS_MAX; i++) {
        receive(s);
        if (!transmit(s) && (port_read(IIR) & IIR_NONE))
            return false;
    }
    return true;
}

// Output that waits for the transmitter is no reason to stay awake: its interrupt will come. Nor is a ring
// whose other end is at fault: that end publishes a good position when it starts again, and signals.
bool serial_sleeps(struct serial *s)
{
    uint32_t count, room = 0;
    (void)!ring_sleep_empty(&s->output);
    if (s->stuffed)
        (void)!ring_sleep_full(&s->input, 1);
    bool sends = ring_filled(&s->output, &count) && count && (port_read(LSR) & LSR_THRE);
    bool takes = s->stuffed && ring_room(&s->input, &room) && room;
    return !sends && !takes;
}
