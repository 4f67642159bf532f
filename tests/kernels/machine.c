// Devices of a PC, as far as tiny kernels want them.
// SPDX-License-Identifier: MIT
#include "tests/kernels/machine.h"

enum { COM1 = 0x3f8, COM1_INTERRUPTS = 0x3f9, COM1_STATUS = 0x3fd };
enum { STATUS_DATA = 0x01, STATUS_EMPTY = 0x20, INTERRUPT_DATA = 0x01 };
enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71, RESET_CONTROL = 0xcf9, PM1_CONTROL = 0x604 };
enum { SLEEP_S5 = 5 << 10 | 1 << 13 }; // as our ACPI tables say

static void out8(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "d"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "d"(port));
    return value;
}

void say(const char *text)
{
    for (; *text; text++) {
        while (!(in8(COM1_STATUS) & STATUS_EMPTY))
            ;
        out8(COM1, (uint8_t)*text);
    }
}

// Who enables the interrupt listens, whether it comes or not.
int heard(void)
{
    out8(COM1_INTERRUPTS, INTERRUPT_DATA);
    return in8(COM1_STATUS) & STATUS_DATA ? in8(COM1) : -1;
}

// Shifts and subtractions: a 32-bit compiler would call its library for a division.
void say_number(const char *text, uint64_t n)
{
    char digits[17] = {0};
    for (int i = 15; i >= 0; i--, n >>= 4)
        digits[i] = "0123456789abcdef"[n & 15];
    say(text);
    say(digits);
    say("\n");
}

uint8_t cmos_read(uint8_t index)
{
    out8(CMOS_INDEX, index);
    return in8(CMOS_DATA);
}

void cmos_write(uint8_t index, uint8_t value)
{
    out8(CMOS_INDEX, index);
    out8(CMOS_DATA, value);
}

static _Noreturn void stop(void)
{
    for (;;)
        asm volatile("cli; hlt");
}

_Noreturn void machine_reset(void)
{
    out8(RESET_CONTROL, 2);
    out8(RESET_CONTROL, 6);
    stop();
}

_Noreturn void machine_off(void)
{
    asm volatile("outw %w0, %w1" : : "a"(SLEEP_S5), "d"(PM1_CONTROL));
    stop();
}
