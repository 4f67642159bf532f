// The ports of one of the host's serial lines; the process holds the right to them.
// SPDX-License-Identifier: MIT
#include "servers/drivers/uart/ports.h"

static uint16_t first;

void ports_at(uint16_t port)
{
    first = port;
}

uint8_t port_read(unsigned offset)
{
    uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)(first + offset)));
    return value;
}

void port_write(unsigned offset, uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"((uint16_t)(first + offset)));
}

void port_take(unsigned offset, uint8_t *to, uint64_t *position, uint64_t value)
{
    asm volatile("inb %%dx, %%al\n\t"
                 "movb %%al, %0\n\t"
                 "movq %3, %1"
                 : "=m"(*to), "=m"(*position)
                 : "d"((uint16_t)(first + offset)), "r"(value)
                 : "al", "memory");
}

void port_give(unsigned offset, uint8_t byte, uint64_t *position, uint64_t value)
{
    asm volatile("outb %1, %w2\n\t"
                 "movq %3, %0"
                 : "=m"(*position)
                 : "a"(byte), "d"((uint16_t)(first + offset)), "r"(value)
                 : "memory");
}
