// The end of the kernel, said in one line
// SPDX-License-Identifier: MIT
//
// No lock is taken and nothing is believed: the panicking CPU may hold any lock and may have lost its GS
// base. The first CPU to come speaks, later ones stop silently.

#include <stdatomic.h>

#include "kernel/boot/boot.h"
#include "kernel/lib/print.h"
#include "kernel/platform/layout.h"
#include "kernel/platform/x86.h"

#define FRAMES_MAX      16
#define DEBUG_EXIT_PORT 0xf4
#define PANIC_STATUS    0x7f // QEMU's exit status becomes 255

_Atomic bool panicked;

// Return addresses along the frame pointers, as long as these stay in one CPU's stack and go up.
static void backtrace(const uint64_t *frame)
{
    uint64_t offset = (uint64_t)frame - STACK_WINDOW;
    if (offset >= MAX_CPUS * CPU_STACK_STRIDE)
        return;
    const uint64_t *top = (const uint64_t *)(((uint64_t)frame | (CPU_STACK_STRIDE - 1)) + 1);
    kprintf("  on CPU %lu, called from", offset / CPU_STACK_STRIDE);
    for (int i = 0; i < FRAMES_MAX && frame < top - 1; i++) {
        const uint64_t *next = (const uint64_t *)frame[0];
        kprintf(" %lx", frame[1]);
        if (next <= frame || (uint64_t)next % sizeof *next)
            break;
        frame = next;
    }
    kprintf("\n");
}

void emulator_exit(const char *permission, uint8_t status)
{
    console_flush();
    if (option(permission))
        outb(DEBUG_EXIT_PORT, status);
}

void panic(const char *format, ...)
{
    va_list args;
    interrupts_off();
    if (!atomic_exchange(&panicked, true)) {
        console_seize();
        kprintf("bulkhead: panic: ");
        va_start(args, format);
        kvprintf(format, args);
        va_end(args);
        kprintf("\n");
        backtrace(__builtin_frame_address(0));
        emulator_exit("exit-on-panic", PANIC_STATUS);
    }
    for (;;)
        halt();
}
