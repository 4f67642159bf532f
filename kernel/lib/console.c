// The debug output: COM1, polled
// SPDX-License-Identifier: MIT
//
// A 16550A at its PC address (datasheet: National Semiconductor PC16550D). Waiting is bounded, so that a
// machine without the port runs on silently. The FIFOs stay as they are found: turning them on throws away
// what was typed already, which is the driver's to read.

#include "kernel/lib/lock.h"
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

#define LINE_MAX 512
#define WAIT_MAX 100000

static struct spinlock console_lock;
static bool released;

void console_init(void)
{
    outb(REG_IER, 0);
    outb(REG_LCR, LCR_DLAB | LCR_8N1);
    outb(REG_DATA, 1); // 115200 baud
    outb(REG_IER, 0);
    outb(REG_LCR, LCR_8N1);
    outb(REG_MCR, MCR_ON);
}

static void wait_for(uint8_t status)
{
    for (uint32_t i = 0; i < WAIT_MAX && !(inb(REG_LSR) & status); i++)
        cpu_relax();
}

static void put_byte(uint8_t byte)
{
    wait_for(LSR_THRE);
    outb(REG_DATA, byte);
}

void console_flush(void)
{
    wait_for(LSR_TEMT);
}

void console_write_unlocked(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            put_byte('\r');
        put_byte((uint8_t)text[i]);
    }
}

void console_release(void)
{
    released = true;
}

void console_seize(void)
{
    console_init();
    released = false;
}

void console_write(const char *text, size_t length)
{
    if (released)
        return;
    bool on = interrupts_save();
    lock(&console_lock);
    console_write_unlocked(text, length);
    unlock(&console_lock);
    interrupts_restore(on);
}

void kprintf(const char *format, ...)
{
    char line[LINE_MAX];
    va_list args;
    va_start(args, format);
    size_t n = kvformat(line, sizeof line, format, args);
    va_end(args);
    console_write(line, n < sizeof line ? n : sizeof line - 1);
}
