// The debug output: COM1, polled
// SPDX-License-Identifier: MIT
//
// A 16550A at its PC address (datasheet: National Semiconductor PC16550D). Waiting is bounded, so that a
// machine without the port runs on silently. The FIFOs stay as they are found: turning them on throws away
// what was typed already, which is the driver's to read.

#include <stdatomic.h>

#include "kernel/lib/print.h"
#include "kernel/platform/x86.h"

#define COM1     0x3f8
#define REG_DATA (COM1 + 0) // divisor, low, while DLAB is set
#define REG_IER  (COM1 + 1) // divisor, high
#define REG_LCR  (COM1 + 3)
#define REG_MCR  (COM1 + 4)
#define REG_LSR  (COM1 + 5)

#define LCR_DLAB 0x80
#define LCR_8N1  0x03
#define MCR_ON   0x03 // DTR, RTS; OUT2 off: no interrupts
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

#define WAIT_MAX 100000

static atomic_flag busy;
static bool released;

void console_seize(void)
{
    outb(REG_IER, 0);
    outb(REG_LCR, LCR_DLAB | LCR_8N1);
    outb(REG_DATA, 1); // 115200 baud
    outb(REG_IER, 0);
    outb(REG_LCR, LCR_8N1);
    outb(REG_MCR, MCR_ON);
    released = false;
}

void console_release(void)
{
    released = true;
}

static void wait_for(uint8_t status)
{
    for (uint32_t i = 0; i < WAIT_MAX && !(inb(REG_LSR) & status); i++)
        cpu_relax();
}

void console_flush(void)
{
    wait_for(LSR_TEMT);
}

static void put(char c)
{
    if (released)
        return;
    if (c == '\n')
        put('\r');
    wait_for(LSR_THRE);
    outb(REG_DATA, (uint8_t)c);
}

// Who panics may hold the lock already.
static void begin(void)
{
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire) && !panicked)
        cpu_relax();
}

static void end(void)
{
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

void console_write(const char *text, size_t length)
{
    begin();
    for (size_t i = 0; i < length; i++)
        put(text[i]);
    end();
}

void kvprintf(const char *format, va_list args)
{
    begin();
    kvformat(put, format, args);
    end();
}

void kprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kvprintf(format, args);
    va_end(args);
}
