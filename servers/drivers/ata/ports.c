// Ports and time of the ATA driver; the process holds the right to them.
// SPDX-License-Identifier: MIT
#include "servers/drivers/ata/ports.h"

#include "libipc/time.h"
#include "servers/common/driver.h"

uint8_t ata_in(uint16_t port)
{
    uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

void ata_out(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

void ata_in_words(uint16_t port, void *to, size_t words)
{
    asm volatile("rep insw" : "+D"(to), "+c"(words) : "d"(port) : "memory");
}

void ata_out_words(uint16_t port, const void *from, size_t words)
{
    asm volatile("rep outsw" : "+S"(from), "+c"(words) : "d"(port) : "memory");
}

uint64_t ata_now(void)
{
    return now();
}

uint64_t ata_after(uint64_t ns)
{
    return deadline_in(ns);
}

void ata_sleep(uint64_t until)
{
    while (now() < until)
        driver_wait(until);
}
