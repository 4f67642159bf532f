// What tiny guests and their monitor agree on.
// SPDX-License-Identifier: MIT
//
// 0x1000 code and data; 0x5000 or 0x6000 interrupt table of 64-bit guests; 0x7000..0x7ff0 stack; 0x8000 page
// tables that the monitor makes for 64-bit guests: everything below 4 GiB mapped to itself; 0x100000 and on
// free memory. A guest speaks by writing to ports that no route takes.
#pragma once

#define GUEST_ENTRY 0x1000
#define GUEST_IDT   0x6000
#define TIMERS_IDT  0x5000 // of the guest `timers`: by it QEMU's log tells that guest's interrupts
#define GUEST_STACK 0x7ff0
#define GUEST_CR3   0x8000
#define GUEST_FREE  0x100000

#define PORT_REPORT    0xe0 // EAX: something for the monitor
#define PORT_EXCEPTION 0xe2 // EAX: vector that a 64-bit guest's handler got
#define PORT_ERROR     0xe3 // EAX: then its error code
#define PORT_DONE      0xe4 // the end

// The guest that measures.
#define BENCH_LOOPS    1000
#define BENCH_PORT     0x300 // a device server's
#define BENCH_DOORBELL 0x310
#define BENCH_SLEEP    50000 // ticks
