// The ports of the host's COM1; the process holds the right to them.
// SPDX-License-Identifier: MIT
#include "servers/drivers/uart/ports.h"

enum { COM1 = 0x3f8 };

uint8_t port_read(unsigned offset)
{
    uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)(COM1 + offset)));
    return value;
}

void port_write(unsigned offset, uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"((uint16_t)(COM1 + offset)));
}
