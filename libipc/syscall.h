// System calls, inline.
// SPDX-License-Identifier: MIT
//
// Every call may destroy the six argument registers, rcx and r11, and may change the UTCB. A message travels
// as a value whose five words stay in registers.
#pragma once

#include <stddef.h>

#include "libipc/abi/info.h"
#include "libipc/abi/status.h"
#include "libipc/abi/syscall.h"
#include "libipc/abi/utcb.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// Words from MESSAGE_REGISTERS on are in the UTCB.
struct message {
    uint64_t tag;
    uint64_t words[MESSAGE_REGISTERS];
};

// MESSAGE(label, word...): a message of up to four words.
#define MESSAGE(label, ...)                                                                                  \
    ((struct message){TAG((label), sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)), {__VA_ARGS__}})

// The running thread's.
ALWAYS_INLINE struct utcb *utcb(void)
{
    struct utcb *u;
    asm("mov %%fs:%c1, %0" : "=r"(u) : "i"(offsetof(struct utcb, self)));
    return u;
}

ALWAYS_INLINE uint64_t syscall_raw(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                                   uint64_t e, uint64_t f)
{
    register uint64_t r10 asm("r10") = d;
    register uint64_t r8 asm("r8") = e;
    register uint64_t r9 asm("r9") = f;
    asm volatile("syscall"
                 : "+a"(number), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9)
                 :
                 : "rcx", "r11", "memory");
    return number;
}

// Calls of up to three arguments do without setting the other registers.
ALWAYS_INLINE uint64_t syscall_short(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    asm volatile("syscall"
                 : "+a"(number), "+D"(a), "+S"(b), "+d"(c)
                 :
                 : "rcx", "r8", "r9", "r10", "r11", "memory");
    return number;
}

ALWAYS_INLINE MUST_CHECK enum status sys_null(void)
{
    uint64_t rax = SYS_NULL;
    asm volatile("syscall" : "+a"(rax) : : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
    return (enum status)rax;
}

// Sends *m, waits for the answer, which it leaves there.
ALWAYS_INLINE MUST_CHECK enum status sys_call(uint64_t endpoint, struct message *m)
{
    uint64_t rax = SYS_CALL;
    register uint64_t w1 asm("r10") = m->words[1];
    register uint64_t w2 asm("r8") = m->words[2];
    register uint64_t w3 asm("r9") = m->words[3];
    asm volatile("syscall"
                 : "+a"(rax), "+D"(endpoint), "+S"(m->tag), "+d"(m->words[0]), "+r"(w1), "+r"(w2), "+r"(w3)
                 :
                 : "rcx", "r11", "memory");
    m->words[1] = w1;
    m->words[2] = w2;
    m->words[3] = w3;
    return (enum status)rax;
}

// Answers the call of reply object `reply` with *m, then waits: for a call on the endpoint, to be answered by
// `receive`; for bits of the bound notification; for the deadline, utcb()->deadline. SLOT_NONE: that part is
// left out.
ALWAYS_INLINE MUST_CHECK enum status sys_reply_wait(uint64_t endpoint, unsigned flags, uint32_t reply,
                                                    uint32_t receive, struct message *m, uint64_t *badge)
{
    uint64_t rax = SYS_REPLY_WAIT_RAX(flags, reply, receive);
    register uint64_t w1 asm("r10") = m->words[1];
    register uint64_t w2 asm("r8") = m->words[2];
    register uint64_t w3 asm("r9") = m->words[3];
    asm volatile("syscall"
                 : "+a"(rax), "+D"(endpoint), "+S"(m->tag), "+d"(m->words[0]), "+r"(w1), "+r"(w2), "+r"(w3)
                 :
                 : "rcx", "r11", "memory");
    m->words[1] = w1;
    m->words[2] = w2;
    m->words[3] = w3;
    *badge = endpoint;
    return (enum status)rax;
}

ALWAYS_INLINE MUST_CHECK enum status sys_signal(uint64_t notification)
{
    return (enum status)syscall_short(SYS_SIGNAL, notification, 0, 0);
}

// The arguments a..d by type: libipc/abi/syscall.h.
ALWAYS_INLINE MUST_CHECK enum status sys_create(enum object_type type, uint64_t slot, uint64_t payer,
                                                uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return (enum status)syscall_raw(SYS_CREATE, type | slot << 16, payer, a, b, c, d);
}

ALWAYS_INLINE MUST_CHECK enum status sys_destroy(uint64_t slot)
{
    return (enum status)syscall_short(SYS_DESTROY, slot, 0, 0);
}

ALWAYS_INLINE MUST_CHECK enum status sys_grant(uint64_t process, uint64_t slot, uint64_t own, uint64_t rights,
                                               uint64_t badge)
{
    return (enum status)syscall_raw(SYS_GRANT, process, slot, own, rights, badge, 0);
}

ALWAYS_INLINE MUST_CHECK enum status sys_revoke(uint64_t process, uint64_t slot)
{
    return (enum status)syscall_short(SYS_REVOKE, process, slot, 0);
}

ALWAYS_INLINE MUST_CHECK enum status sys_map(uint64_t where, uint64_t address, uint64_t memory,
                                             uint64_t rights)
{
    return (enum status)syscall_raw(SYS_MAP, where, address, memory, rights, 0, 0);
}

ALWAYS_INLINE MUST_CHECK enum status sys_unmap(uint64_t where, uint64_t address)
{
    return (enum status)syscall_short(SYS_UNMAP, where, address, 0);
}

ALWAYS_INLINE MUST_CHECK enum status sys_supply(uint64_t memory, uint64_t page, uint64_t source,
                                                uint64_t source_page, uint64_t pages, enum supply_flag how)
{
    return (enum status)syscall_raw(SYS_SUPPLY, memory, page, source, source_page, pages, how);
}

ALWAYS_INLINE MUST_CHECK enum status sys_withdraw(uint64_t memory, uint64_t page, uint64_t to,
                                                  uint64_t to_page, uint64_t pages, enum supply_flag how)
{
    return (enum status)syscall_raw(SYS_WITHDRAW, memory, page, to, to_page, pages, how);
}

ALWAYS_INLINE MUST_CHECK enum status sys_protect(uint64_t memory, uint64_t page, uint64_t pages,
                                                 uint64_t rights)
{
    return (enum status)syscall_raw(SYS_PROTECT, memory, page, pages, rights, 0, 0);
}

ALWAYS_INLINE MUST_CHECK enum status sys_thread_ctl(uint64_t thread, enum thread_op op, uint64_t a)
{
    return (enum status)syscall_raw(SYS_THREAD_CTL, thread, op, a, 0, 0, 0);
}

ALWAYS_INLINE MUST_CHECK enum status sys_vcpu_ctl(uint64_t vcpu, enum vcpu_op op, uint64_t a)
{
    return (enum status)syscall_short(SYS_VCPU_CTL, vcpu, op, a);
}

// kind: enum route_kind | rights << 8
ALWAYS_INLINE MUST_CHECK enum status sys_route(uint64_t vm, uint64_t kind, uint64_t first, uint64_t last,
                                               uint64_t target, uint64_t badge)
{
    return (enum status)syscall_raw(SYS_ROUTE, vm, kind, first, last, target, badge);
}

ALWAYS_INLINE MUST_CHECK enum status sys_irq_ctl(uint64_t irq, enum irq_op op, uint64_t notification)
{
    return (enum status)syscall_short(SYS_IRQ_CTL, irq, op, notification);
}

// The answer is in utcb()->words[0].
ALWAYS_INLINE MUST_CHECK enum status sys_device_ctl(uint64_t device, enum device_op op, uint64_t a,
                                                    uint64_t b)
{
    return (enum status)syscall_raw(SYS_DEVICE_CTL, device, op, a, b, 0, 0);
}

// The answer is in utcb()->words.
ALWAYS_INLINE MUST_CHECK enum status sys_info(uint64_t slot, enum info_kind kind)
{
    return (enum status)syscall_short(SYS_INFO, slot, kind, 0);
}

ALWAYS_INLINE MUST_CHECK enum status sys_info_thread(uint64_t process, uint64_t index)
{
    return (enum status)syscall_short(SYS_INFO, process, INFO_THREAD, index);
}

// list: INFO_ROUTE_LIST()
ALWAYS_INLINE MUST_CHECK enum status sys_info_route(uint64_t vm, uint64_t list, uint64_t place)
{
    return (enum status)syscall_raw(SYS_INFO, vm, INFO_ROUTE, list, place, 0, 0);
}

// The text is in utcb()->words.
ALWAYS_INLINE MUST_CHECK enum status sys_log(uint64_t bytes)
{
    return (enum status)syscall_short(SYS_LOG, bytes, 0, 0);
}

ALWAYS_INLINE MUST_CHECK enum status sys_machine(uint64_t system, enum machine_op op, uint64_t argument)
{
    return (enum status)syscall_short(SYS_MACHINE, system, op, argument);
}
