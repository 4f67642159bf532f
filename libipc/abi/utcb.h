// The UTCB: a thread's message page, shared with the kernel; and what travels in it.
// SPDX-License-Identifier: MIT
//
// One page a thread, at UTCB_ADDRESS(index) of its process. Anything in it may change under the kernel's
// hands: the kernel reads each field once.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libipc/abi/vcpu.h"

#define UTCB_WINDOW         UINT64_C(0x200000) // one 2 MiB window, not to be mapped by others
#define UTCB_COUNT_MAX      512u
#define UTCB_ADDRESS(index) (UTCB_WINDOW + UINT64_C(4096) * (index))
#define USER_ADDRESS_LIMIT  UINT64_C(0x0000800000000000) // mappings lie below

#define MESSAGE_WORDS_MAX 128u
#define MESSAGE_REGISTERS 4u

struct utcb {
    uint64_t words[MESSAGE_WORDS_MAX]; // words 0..3 of a message travel in registers instead
    uint64_t deadline;                 // of the next wait, TSC ticks
    uint64_t sequence;                 // of the message last received: its caller's number of this call
    uint32_t deliveries;               // how often this message was delivered before
    uint32_t reserved;
    uint64_t self;             // this page's address in its process (set by the kernel)
    struct vcpu_access access; // with a reply VCPU_ACCESS
    uint8_t pad[0x500 - 0x420 - sizeof(struct vcpu_access)];
    struct vcpu_state vcpu; // state that comes with an exit and goes with its reply
    uint8_t tail[4096 - 0x500 - sizeof(struct vcpu_state)];
};

_Static_assert(offsetof(struct utcb, deadline) == 0x400, "UTCB layout");
_Static_assert(offsetof(struct utcb, vcpu) == 0x500, "UTCB layout");
_Static_assert(sizeof(struct utcb) == 4096, "a UTCB is a page");

// Registers of a thread, by thread control; gpr in hardware order (rax rcx rdx rbx rsp rbp rsi rdi r8..r15).
struct thread_regs {
    uint64_t gpr[16];
    uint64_t rip;
    uint64_t rflags;
    uint64_t fs_base;
    uint64_t gs_base;
};

enum fault_kind { FAULT_EXCEPTION, FAULT_EXIT, FAULT_SYSCALL_COUNT, FAULT_STEP };

// LABEL_FAULT, words 0..5.
struct fault_message {
    uint64_t kind;    // enum fault_kind
    uint64_t code;    // exception: vector | error << 32; exit: the code; count: number of the system call
    uint64_t address; // page fault: the address
    uint64_t rip;
    uint64_t rsp;
    uint64_t rbp;
};

#define FAULT_WORDS (sizeof(struct fault_message) / sizeof(uint64_t))

// Words of LABEL_PAGE_FAULT.
enum page_fault_word { PAGE_FAULT_PAGE, PAGE_FAULT_RIGHTS, PAGE_FAULT_WORDS };

// LABEL_ACCESS: words 0..2; the reply's word 0 is the value of a read.
enum access_word { ACCESS_OFFSET, ACCESS_VALUE, ACCESS_INFO, ACCESS_WORDS };
#define ACCESS_INFO_MAKE(size, write, vcpu)                                                                  \
    ((uint64_t)(size) | (uint64_t)(write) << 8 | (uint64_t)(vcpu) << 16)
#define ACCESS_INFO_SIZE(info)  ((uint32_t)((info)&0xff))
#define ACCESS_INFO_WRITE(info) ((uint32_t)((info) >> 8 & 1))
#define ACCESS_INFO_VCPU(info)  ((uint32_t)((info) >> 16 & 0xffff))
