// A virtual CPU: schedulable like a thread; its exits are calls along its VM's routes.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/exec.h"
#include "libipc/abi/vcpu.h"

struct space;
struct vm;

struct vcpu {
    struct exec exec;
    uint64_t gpr[GPR_COUNT]; // whole and true whenever the guest does not run
    struct vm *vm;           // [I]
    struct space *space;     // [I]
    uint32_t number;         // [I] within its VM
    uint8_t action;          // enum vcpu_pending: what it waits for when it does not run
    bool kicked;             // sticky until the KICK exit
    bool deadline_passed;
    bool cancelled;            // what it had sent was taken back, and is to be sent again under its number
    bool access_by_monitor;    // the access in flight was decoded by the monitor: v->access
    struct capability monitor; // who gets its exits
    struct vcpu_exit exit;     // filled in by the vendor's code (virt->run); the core adds vCPU and offer
    uint64_t offer;            // OFFER_* as last replied; taken: zero
    struct vcpu_access access;
    uint64_t exits, exits_by_kind[EXIT_KINDS], accesses, doorbells, page_faults, interrupts;
    void *hw; // the vendor's control block and bookkeeping
};
