// What the scheduler runs: a thread or a vCPU; and the call that it may be waiting in.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/object.h"
#include "kernel/time.h"
#include "libipc/abi/utcb.h"

struct account;
struct endpoint;
struct memory;
struct reply;
struct thread;

enum call_state {
    CALL_NONE,
    CALL_QUEUED,   // on its endpoint; nobody has seen this delivery
    CALL_RECEIVED, // a thread has it; the answer comes by a reply object or, for page faults, by SUPPLY
};

// A call in flight. Its message stays with the caller until it is answered, so that it can be delivered
// again.
struct call {
    struct node node;        // in endpoint->callers, or in receiver->received
    struct ref endpoint;     // where it was sent
    struct thread *receiver; // who has it
    struct reply *reply;     // that will answer it; NULL for a page fault
    uint64_t badge;
    uint64_t sequence; // counts this caller's calls
    uint32_t deliveries;
    uint8_t state; // enum call_state
    uint8_t kind;  // enum call_kind
    // What the kernel says on its behalf: all but CALL_MESSAGE and CALL_EXIT.
    uint64_t tag, words[FAULT_WORDS];
};

enum call_kind {
    CALL_MESSAGE,    // a thread's CALL: words in its registers and UTCB
    CALL_FAULT,      // a thread's fault message
    CALL_PAGE_FAULT, // a missing page
    CALL_EXIT,       // a vCPU's exit to its monitor
    CALL_ACCESS,     // a vCPU's access to a device server
};

enum exec_state {
    EXEC_STOPPED,
    EXEC_READY, // running or in a ready queue
    EXEC_WAITS, // thread: REPLY_WAIT; vCPU: halted
    EXEC_CALLS, // its call is in flight
};

struct exec {
    struct object object;
    struct node ready;       // in a ready queue, or linked to itself
    struct account *account; // who is charged for its time
    struct node charged;     // in account->execs
    uint8_t state;           // enum exec_state
    uint8_t priority;        // [I] but for thread control
    uint8_t effective;       // its own or that of whom it serves
    bool suspended;          // by control, or nobody hears it: becomes EXEC_STOPPED instead of EXEC_READY
    uint64_t cpu_time;       // TSC ticks
    uint64_t slice_end;      // in its own cpu_time
    void *fpu;               // XSAVE area
    uint64_t xcr0;
    struct call call;
    struct timer timer; // a wait's deadline, a vCPU's deadline
    struct node fault;  // CALL_PAGE_FAULT: in memory->waiters
};

// Fills in what thread and vCPU have in common, by CREATE_EXEC(); it is stopped, and charged to the account
// of who makes it. exec_release() is due even if it fails.
enum status exec_init(struct exec *e, uint64_t word) MUST_CHECK;
// Out of every queue and call; its XSAVE area goes.
void exec_release(struct exec *e);
// It goes on when control says so.
void exec_stop(struct exec *e);
void exec_set_account(struct exec *e, struct account *a);
enum status exec_ctl_account(const struct request *r) MUST_CHECK; // SET_ACCOUNT of threads and vCPUs
