// How a program starts.
// SPDX-License-Identifier: MIT
//
// The first thread begins at _start with rdi = its UTCB, rsi = the end of the heap, rdx = enum start_kind,
// rcx = an argument that its starter chose, rsp = the end of the data window, whose last PROGRAM_STACK bytes
// are its stack. The heap lies behind the program's data; between heap and stack are empty page slots.
#pragma once

#include <stdint.h>

// Why a program starts. FRESH lasts until the server has said that it is ready, which it says after its first
// state_adopt and before its first receive; from then on an empty state object is a lost one.
enum start_kind { START_FRESH, START_RESTART, START_UPGRADE, START_FAILED };

#define PROGRAM_TEXT   UINT64_C(0x400000)
#define PROGRAM_DATA   UINT64_C(0x800000)
#define PROGRAM_WINDOW UINT64_C(0x200000) // bytes of either
#define PROGRAM_STACK  UINT64_C(0x8000)

struct program_start {
    uint64_t heap_end;
    uint64_t argument;
    enum start_kind kind;
};
extern struct program_start program_start; // [I]

// What the log calls this program; each program defines it.
extern const char program_name[];

// The slots in which a program finds itself. Those of the root task differ: it defines self_slots with its
// own.
struct self_slots {
    uint32_t process, thread;
};
extern const struct self_slots self_slots;

static inline uint32_t self_process(void)
{
    return self_slots.process;
}

// The program's first thread.
static inline uint32_t self_thread(void)
{
    return self_slots.thread;
}
