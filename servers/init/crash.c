// The crash record: what a server was doing when it died.
// SPDX-License-Identifier: MIT
//
// It is taken before the process is destroyed, goes to the log, and the last few are kept. Everything in the
// dead server's memory is read as if it were hostile.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/ring.h"
#include "libipc/start.h"
#include "libipc/syscall.h"
#include "libipc/time.h"
#include "servers/init/init.h"

enum { FRAMES_MAX = 12, LINES_MAX = 3, TAIL_BYTES = 512, WINDOW_PAGES = PROGRAM_WINDOW / 4096 };

static struct crash kept[INIT_CRASHES];
static uint32_t crashes; // ever
static struct crash *record;

// A line of the record.
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    log_error("%s", line);
    int n = snprintf(record->text + record->bytes, sizeof record->text - record->bytes, "%s\n", line);
    uint32_t room = (uint32_t)sizeof record->text - record->bytes;
    record->bytes += (uint32_t)n < room ? (uint32_t)n : room - 1;
}

static void begin(uint32_t n, const char *why)
{
    struct json_text name = init.m.server[n].name;
    record = &kept[crashes++ % INIT_CRASHES];
    *record = (struct crash){.head = {.uptime_ns = ns_from_ticks(now() - init.info.boot_tsc),
                                      .deaths = init.server[n].barren + 1,
                                      .number = crashes}};
    snprintf(record->head.server, sizeof record->head.server, "%.*s", (int)name.length, name.at);
    snprintf(record->head.why, sizeof record->head.why, "%s", why);
}

const struct crash *crash_find(uint64_t index)
{
    uint32_t there = crashes < INIT_CRASHES ? crashes : INIT_CRASHES;
    return index < there ? &kept[(crashes - there + index) % INIT_CRASHES] : NULL;
}

// back: 1 for return addresses, since a call that never returns may be the last instruction of its function.
static void log_place(uint32_t n, const char *what, uint64_t address, unsigned back)
{
    uint64_t offset = 0;
    const char *name = image_symbol(init.server[n].image, address - back, &offset);
    offset += back;
    if (name)
        say("  %s %llx %s+%llx", what, (unsigned long long)address, name, (unsigned long long)offset);
    else
        say("  %s %llx", what, (unsigned long long)address);
}

static void log_registers(uint32_t n)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    struct thread_regs r; // the log uses the UTCB as well
    if (sys_thread_ctl(server_slot(n, SERVER_THREAD), THREAD_READ, 0) != STATUS_OK)
        return;
    memcpy(&r, utcb()->words, sizeof r);
    for (unsigned i = 0; i < 16; i += 4)
        say("  %s %016llx  %s %016llx  %s %016llx  %s %016llx", names[i], (unsigned long long)r.gpr[i],
            names[i + 1], (unsigned long long)r.gpr[i + 1], names[i + 2], (unsigned long long)r.gpr[i + 2],
            names[i + 3], (unsigned long long)r.gpr[i + 3]);
}

// Only the pages at the window's end hold a stack; below them are empty slots.
static bool on_stack(uint64_t address)
{
    uint64_t end = PROGRAM_DATA + PROGRAM_WINDOW;
    return address % 8 == 0 && address >= end - PROGRAM_STACK && address <= end - 2 * sizeof(uint64_t);
}

// Frame pointers lead from frame to frame, upwards; zero ends them.
static void log_backtrace(uint32_t n, uint64_t rip, uint64_t rbp)
{
    const char *data = scratch_open(server_slot(n, SERVER_DATA), WINDOW_PAGES);
    log_place(n, "at", rip, 0);
    for (unsigned i = 0; i < FRAMES_MAX && on_stack(rbp); i++) {
        uint64_t frame[2]; // the caller's frame pointer, the return address
        memcpy(frame, data + (rbp - PROGRAM_DATA), sizeof frame);
        log_place(n, "called before", frame[1], 1);
        if (frame[0] <= rbp)
            break;
        rbp = frame[0];
    }
    scratch_close();
}

static void log_message(const struct info_thread *i)
{
    say("  %llu messages, %llu of them unanswered; %llu waits, %llu system calls",
        (unsigned long long)i->messages, (unsigned long long)i->unanswered, (unsigned long long)i->waits,
        (unsigned long long)i->syscalls);
    if (i->unanswered)
        say("  the last: badge %llx, sequence %llu, delivered %llu times before",
            (unsigned long long)i->handled_badge, (unsigned long long)i->handled_sequence,
            (unsigned long long)i->handled_deliveries);
}

static void log_lines(const char *tail, size_t bytes)
{
    size_t begin = bytes;
    unsigned lines = 0;
    while (begin > 0 && lines <= LINES_MAX)
        lines += tail[--begin] == '\n';
    begin += lines > LINES_MAX;
    for (size_t at = begin; at < bytes;) {
        const char *line = tail + at, *end = memchr(line, '\n', bytes - at);
        size_t length = end ? (size_t)(end - line) : bytes - at;
        if (length > 1) // the first character is the level
            say("  log: %.*s", (int)length - 1, line + 1);
        at += length + 1;
    }
}

// What it logged last, from its ring; who has none wrote to the kernel's debug output.
static void log_last_lines(uint32_t n)
{
    const struct manifest_maps *maps = &init.server[n].program->maps;
    char tail[TAIL_BYTES];
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < maps->count; i++) {
        if (maps->map[i].address != MAP_LOG || maps->map[i].memory >= BUILTIN_FIRST)
            continue;
        uint16_t object = maps->map[i].memory;
        if (init.m.object[object].memory.pages < RING_PAGES(LOG_RING_BYTES))
            return;
        const uint8_t *memory = scratch_open(object_slot(object), init.m.object[object].memory.pages);
        uint64_t produced = ring_last_produced(memory);
        bytes = produced < TAIL_BYTES ? produced : TAIL_BYTES;
        for (uint64_t k = 0; k < bytes; k++)
            tail[k] = (char)memory[sizeof(struct ring_shared) + (produced - bytes + k) % LOG_RING_BYTES];
        scratch_close();
    }
    log_lines(tail, bytes);
}

void crash_log(uint32_t n, const char *why, const struct fault_message *fault, const struct info_thread *info)
{
    struct json_text name = init.m.server[n].name;
    struct server_run *run = &init.server[n];
    begin(n, why);
    say("%.*s died: %s", (int)name.length, name.at, why);
    if (fault && run->barren && run->died_at == fault->rip) {
        say("  at %llx, as before", (unsigned long long)fault->rip);
        return;
    }
    if (fault) {
        run->died_at = fault->rip;
        log_registers(n);
        log_backtrace(n, fault->rip, fault->rbp);
    }
    log_message(info);
    log_last_lines(n);
}
