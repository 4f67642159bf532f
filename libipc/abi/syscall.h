// System calls: numbers, registers, arguments.
// SPDX-License-Identifier: MIT
//
// Registers (SYSCALL instruction). In: rax = number and, for REPLY_WAIT, more (below); rdi rsi rdx r10 r8 r9
// = arguments. Out: rax = enum status; rdi rsi rdx r10 r8 r9 = results, undefined where a call names none;
// rcx r11 are destroyed; all others are kept. The kernel reads and writes no user memory but the calling
// thread's UTCB.
//
// Every call checks everything before it changes anything; a failed call has no effect. docs/syscalls.md has
// each call's arguments, results and errors.
#pragma once

#include <stdint.h>

enum syscall {
    SYS_NULL,       // nothing; measures the way in and out
    SYS_CALL,       // rdi endpoint, rsi tag, rdx r10 r8 r9 words 0..3 -> rsi tag, rdx r10 r8 r9 words
    SYS_REPLY_WAIT, // rdi endpoint, rsi tag, rdx r10 r8 r9 -> rdi badge, rsi tag, rdx r10 r8 r9 words
    SYS_SIGNAL,     // rdi notification
    SYS_CREATE,     // rdi type | slot << 16, rsi payer process, rdx r10 r8 r9 by type
    SYS_DESTROY,    // rdi slot
    SYS_GRANT,      // rdi target process, rsi target slot, rdx own slot, r10 rights, r8 badge
    SYS_REVOKE,     // rdi process, rsi slot
    SYS_MAP,        // rdi process or space, rsi address, rdx memory, r10 rights
    SYS_UNMAP,      // rdi process or space, rsi address
    SYS_SUPPLY,     // rdi memory, rsi page, rdx source memory, r10 source page, r8 pages, r9 enum supply_flag
    SYS_WITHDRAW,   // rdi memory, rsi page, rdx destination memory, r10 destination page, r8 pages
    SYS_PROTECT,    // rdi memory, rsi page, rdx pages, r10 rights
    SYS_THREAD_CTL, // rdi thread, rsi enum thread_op, rdx r10
    SYS_VCPU_CTL,   // rdi vcpu, rsi enum vcpu_op, rdx
    SYS_ROUTE,   // rdi vm, rsi enum route_kind | rights << 8, rdx first, r10 last, r8 target slot, r9 badge
    SYS_IRQ_CTL, // rdi irq, rsi enum irq_op, rdx notification
    SYS_INFO,    // rdi slot, rsi enum info_kind, rdx -> UTCB
    SYS_LOG,     // rdi bytes: text in the UTCB's words, to the kernel's debug output (needs SYSTEM or the log
                 // right)
    SYS_MACHINE, // rdi system, rsi enum machine_op, rdx exit code
    SYS_DEVICE_CTL, // rdi device, rsi enum device_op, rdx r10 -> UTCB
    SYSCALL_COUNT
};

// REPLY_WAIT's rax: number | flags << 8 | slot of the reply to answer << 16 | slot of the reply to receive
// into << 32. Slot 0 answers nothing, or receives no call (bits of the bound notification only). rdi =
// SLOT_NONE likewise.
enum wait_flag {
    WAIT_DEADLINE = 1, // give up at utcb->deadline (TSC ticks) with STATUS_TIMEOUT
    WAIT_POLL = 2,     // do not block: STATUS_TIMEOUT when nothing is there
};

#define SYS_REPLY_WAIT_RAX(flags, reply, receive)                                                            \
    ((uint64_t)SYS_REPLY_WAIT | (uint64_t)(flags) << 8 | (uint64_t)(reply) << 16 | (uint64_t)(receive) << 32)

// A message tag: label << 16 | words. Words 0..3 travel in registers, the rest in the UTCB.
#define TAG(label, words) ((uint64_t)(label) << 16 | (uint64_t)(words))
#define TAG_LABEL(tag)    ((uint32_t)((tag) >> 16))
#define TAG_WORDS(tag)    ((uint32_t)((tag)&0xff))

// Labels that the kernel itself uses; protocols begin at LABEL_PROTOCOLS (libipc/proto/labels.h).
enum kernel_label {
    LABEL_NONE,
    LABEL_BITS,       // words[0] = bits of the bound notification; no reply is expected
    LABEL_FAULT,      // a thread's fault, to its process's handler: struct fault_message
    LABEL_PAGE_FAULT, // a missing page, to the memory object's pager: words = {page, access}; answered by
                      // SUPPLY only
    LABEL_ACCESS,     // a guest's access along a route: struct access_message; reply word 0 = the value read
    LABEL_EXIT = 16,  // + enum exit_kind: a vCPU's exit to its monitor (vcpu.h)
    LABEL_PROTOCOLS = 256
};

// CREATE, arguments by type:
//   PROCESS       rdx quota in bytes, r10 slots of its capability table, r8 endpoint of fault messages
//   THREAD        rdx process, r10 CREATE_EXEC(UTCB index, priority, CPU), r8 rip, r9 rsp; stopped; rdi = its
//   UTCB ACCOUNT       rdx weight (100: usual), r10 budget, r8 period (TSC ticks; budget 0: no limit) MEMORY
//   rdx pages, r10 pager endpoint or SLOT_NONE, r8 base memory or SLOT_NONE SPACE         rdx vm VCPU rdx vm,
//   r10 space, r8 the monitor's endpoint, r9 CREATE_EXEC(0, priority, CPU) IRQ           rdx GSI, r10 system
//   IOPORTS       rdx first, r10 last, r8 system
//   DEVICE        rdx bus << 8 | device << 3 | function, r10 system
//   ENDPOINT, REPLY, NOTIFICATION, VM: none
// The capability gets all rights and badge 0. A badge of an endpoint given as handler, pager or monitor is
// delivered with its messages.
#define CREATE_EXEC(utcb, priority, cpu)                                                                     \
    ((uint64_t)(utcb) | (uint64_t)(priority) << 16 | (uint64_t)(cpu) << 24)
#define CREATE_UTCB(word)     ((uint32_t)((word)&0xffff))
#define CREATE_PRIORITY(word) ((uint32_t)((word) >> 16 & 0xff))
#define CREATE_CPU(word)      ((uint32_t)((word) >> 24 & 0xff))

enum supply_flag {
    SUPPLY_MOVE,   // the frames leave the source
    SUPPLY_BORROW, // the frames stay and are shared read-only; the source is the memory object's base
    SUPPLY_LARGE   // 2 MiB pages: page numbers and count are multiples of 512, the source holds 2 MiB pages
                   // there
};

enum thread_op {
    THREAD_RESUME,  // (also: start)
    THREAD_SUSPEND, // stops it, cancels no call
    THREAD_READ,    // its struct thread_regs -> UTCB
    THREAD_WRITE,   // UTCB -> its registers; it must be suspended or in a fault
    THREAD_STEP,    // resume for one instruction, then a fault message (debug exception)
    THREAD_STOP_AT, // rdx = n: fault message FAULT_SYSCALL_COUNT before its n-th next system call; 0: never
    THREAD_BIND,    // rdx = notification slot (SLOT_NONE: unbind)
    THREAD_SET_PRIORITY, // rdx = 0..PRIORITY_MAX
    THREAD_SET_ACCOUNT,  // rdx = account slot
    THREAD_EXIT,         // rdx = exit code, r10 = 0; only on itself: a last fault message FAULT_EXIT
    THREAD_OPS
};

enum vcpu_op {
    VCPU_KICK,   // leave the guest or halt and deliver a KICK exit
    VCPU_CANCEL, // take back an unanswered exit or access, or leave the guest; the vCPU is stopped, a late
                 // reply STALE
    VCPU_RESUME, // a stopped vCPU: deliver again the exit that was taken back, else go on
    // Of a vCPU that is stopped, or has sent its monitor an exit: rdx = first byte of its struct vcpu_image
    // and of the XSAVE area behind it -> UTCB words; and back rdx >> 32 bytes: the whole image, of one that
    // is stopped, or bytes of the XSAVE area but its header.
    VCPU_EXPORT,
    VCPU_IMPORT,
    VCPU_SET_ACCOUNT, // rdx = account slot
    VCPU_OPS
};

enum route_kind {
    ROUTE_PORT, // first..last I/O ports
    ROUTE_GPA,  // first..last guest-physical bytes (in space 0)
    ROUTE_EXIT, // first..last exit kinds: badge = groups of state that come with them; no target, no rights
    ROUTE_REMOVE = 0x10 // or-ed: take the route away that has exactly this range and these rights
};
// Rights of a route say which direction it serves: RIGHT_READ, RIGHT_WRITE or both. The target is an endpoint
// (a call; the badge names the route to its server) or a notification (a doorbell; writes only).

enum irq_op {
    IRQ_BIND,   // rdx = notification slot: signal it with its badge; unmasks
    IRQ_ACK,    // the device is quiet: unmask
    IRQ_UNBIND, // mask, forget
    IRQ_OPS
};

enum device_op {
    DEVICE_READ,    // rdx = offset in configuration space, a multiple of 4 -> UTCB word 0
    DEVICE_ENABLE,  // rdx = enum device_ability: these are on, the others off
    DEVICE_ADDRESS, // rdx = memory slot, r10 = page -> UTCB word 0: where the device finds it
    DEVICE_OPS
};

// Bits of the command register [PCI] 6.2.2.
enum device_ability {
    DEVICE_IO = 1 << 0, // decodes its I/O BARs
    DEVICE_MEMORY = 1 << 1,
    DEVICE_MASTER = 1 << 2, // reaches memory
    DEVICE_NO_INTERRUPT = 1 << 10,
    DEVICE_ABILITIES = DEVICE_IO | DEVICE_MEMORY | DEVICE_MASTER | DEVICE_NO_INTERRUPT
};

enum info_kind {
    INFO_SYSTEM,
    INFO_OBJECT,
    INFO_THREAD, // of a process: its rdx-th thread, in the order of creation
    INFO_ROUTE,  // of a VM: that in place r10 of list rdx, INFO_ROUTE_LIST()
    INFO_KINDS
};

enum machine_op {
    MACHINE_POWEROFF, // rdx = exit status, for an emulator that takes one; UNSUPPORTED where there is none
    MACHINE_RELEASE_CONSOLE, // the kernel stops printing but for a panic
    MACHINE_SEIZE_CONSOLE,   // it prints again: the last words of who ends the machine
    MACHINE_OPS
};

#define PRIORITY_MAX 63u
