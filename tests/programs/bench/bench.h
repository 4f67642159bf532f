// What is measured: `name value` lines, in ticks of the TSC. Where one instruction is one tick they are
// instructions. SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

void bench_line(const char *name, uint64_t value);

void bench_calls(void);  // system calls and IPC
void bench_exits(void);  // of a guest, to a monitor and a device server at user level
void bench_commit(void); // of a state object
