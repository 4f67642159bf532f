// Intel 8259A pair with the chipset's edge/level registers
// SPDX-License-Identifier: MIT
//
// Lines carry assertion, not voltage. An edge stays latched until it is acknowledged, where the
// 8259A forgets it if the line falls first: a tick that came while interrupts were off is not lost.
//
// The processor's INTA comes late here: a vector is offered, and a later exit says that it was
// taken. pic_take() acknowledges the request that was offered, whatever else has come up since.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum pic_port {
    PIC_MASTER = 0x20, // and 0x21
    PIC_SLAVE = 0xa0,  // and 0xa1
    PIC_ELCR = 0x4d0,  // and 0x4d1
};

#define PIC_CASCADE  2    // the master's input that is the slave's output
#define PIC_SPURIOUS 0xfe // INTA with nothing to acknowledge
#define PIC_NONE     0xff

struct pic_chip {
    uint8_t line;   // input levels
    uint8_t latch;  // edges that wait for their acknowledge
    uint8_t imr;    // OCW1
    uint8_t isr;    // in service
    uint8_t icw1;   // of the running or last initialisation
    uint8_t vector; // ICW2[7:3]
    uint8_t icw4;
    uint8_t elcr;   // inputs that are level-triggered
    uint8_t expect; // enum pic_expect: which ICW the next write to the odd port is
    uint8_t lowest; // input with the lowest priority
    uint8_t special_mask;
    uint8_t rotate; // rotate in automatic EOI mode
    uint8_t poll;   // the next read acknowledges
    uint8_t read_isr;
};

struct pic {
    struct pic_chip chip[2]; // master, slave
    uint8_t offered;         // request that the kernel holds, or PIC_NONE
    uint8_t again;           // it had one more edge since
    uint8_t reserved[2];
};
_Static_assert(sizeof(struct pic) == 32, "the next incarnation reads this layout");

void pic_power_up(struct pic *p);

// Byte accesses to the six ports of enum pic_port.
bool pic_owns(uint16_t port);
uint8_t pic_read(struct pic *p, uint16_t port);
void pic_write(struct pic *p, uint16_t port, uint8_t value);

void pic_set_line(struct pic *p, unsigned irq, bool level);

bool pic_output(const struct pic *p);                     // INTR
uint8_t pic_peek(const struct pic *p);                    // the request INTA would find, or PIC_SPURIOUS
uint8_t pic_vector(const struct pic *p, uint8_t request); // its vector
void pic_offer(struct pic *p, uint8_t request);
void pic_take(struct pic *p, uint8_t request);
void pic_withdraw(struct pic *p);
