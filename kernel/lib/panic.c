// The end of the kernel, said in one line
// SPDX-License-Identifier: MIT
//
// No lock is taken and nothing is believed: the panicking CPU may hold any lock and may have lost its GS
// base. The first CPU to come speaks, later ones stop silently.

#include "kernel/boot/boot.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/cpu.h"
#include "kernel/platform/lapic.h"
#include "kernel/platform/x86.h"

#define TEXT_MAX   1024
#define FRAMES_MAX 16

_Atomic bool panicked;

static _Noreturn void stop(void)
{
    for (;;) {
        interrupts_off();
        halt();
    }
}

static const struct cpu *find_self(void)
{
    uint32_t apic_id = cpu_own_apic_id();
    for (uint32_t i = 0; i < cpu_count; i++)
        if (cpus[i]->apic_id == apic_id)
            return cpus[i];
    return NULL;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    kvformat(text, sizeof text, format, args);
    va_end(args);
    console_write_unlocked(text, strlen(text));
}

// Return addresses along the frame pointers, as long as these stay in the CPU's own stack and go up.
static void backtrace(const struct cpu *self, const uint64_t *frame)
{
    const uint64_t *top = (const uint64_t *)self->stack_top;
    const uint64_t *bottom = top - CPU_STACK_SIZE / sizeof *top;
    say("  called from");
    for (int i = 0; i < FRAMES_MAX && frame >= bottom && frame < top - 1 && (uint64_t)frame % 8 == 0; i++) {
        const uint64_t *next = (const uint64_t *)frame[0];
        say(" %lx", frame[1]);
        if (next <= frame)
            break;
        frame = next;
    }
    say("\n");
}

void panic(const char *format, ...)
{
    interrupts_off();
    if (atomic_exchange(&panicked, true))
        stop();
    lapic_stop_others();
    console_seize();
    const struct cpu *self = find_self();
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    kvformat(text, sizeof text, format, args);
    va_end(args);
    say("bulkhead: panic: %s\n", text);
    if (self) {
        say("  on CPU %u\n", self->id);
        backtrace(self, __builtin_frame_address(0));
    }
    console_flush();
    if (option("exit-on-panic"))
        outb(DEBUG_EXIT_PORT, PANIC_STATUS);
    stop();
}
