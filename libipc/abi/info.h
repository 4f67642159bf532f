// What INFO answers, in the caller's UTCB words.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "libipc/abi/caps.h"

// INFO_SYSTEM
struct info_system {
    uint64_t tsc_khz;
    uint64_t boot_tsc; // at the kernel's entry
    uint32_t cpus;
    uint32_t virtualization; // enum virtualization
    uint64_t pool_pages;     // the kernel's pool
    uint64_t pool_free;
    uint64_t archive_bytes;
    uint64_t archive_offset; // of its first byte in the archive's memory object
    uint32_t ram_regions;
    uint32_t reserved;
    uint64_t ram_first[ROOT_RAM_REGIONS_MAX]; // first filled slot
    uint64_t ram_pages[ROOT_RAM_REGIONS_MAX];
    uint64_t vcpu_features;  // enum vcpu_feature: what the hardware tells the monitor
    uint64_t xsave_features; // XCR0 bits that a guest may set
    uint32_t xsave_bytes;
    uint32_t guest_address_bits;
    uint64_t acpi_root; // physical address of the XSDT or RSDT
};

enum virtualization { VIRTUALIZATION_NONE, VIRTUALIZATION_SVM, VIRTUALIZATION_VMX };
enum vcpu_feature { VCPU_FEATURE_LENGTHS = 1 /* exits tell instruction lengths */ };

enum thread_state {
    THREAD_STOPPED, // not started, or suspended
    THREAD_READY,   // runs or could
    THREAD_WAITS,   // in REPLY_WAIT
    THREAD_CALLS,   // in a call, queued or received
    THREAD_FAULTED, // its fault message is not answered
    THREAD_PAGING   // waits for a page
};

// INFO_OBJECT of a thread
struct info_thread {
    uint64_t state;               // enum thread_state
    uint64_t waits;               // how often it entered REPLY_WAIT
    uint64_t cpu_time;            // TSC ticks in all
    uint64_t cpu_time_since_wait; // TSC ticks since the last wait
    uint64_t syscalls;
    uint64_t blocked_on; // endpoint's number when it calls or pages, else 0
    uint64_t blocked_badge;
    uint64_t messages;   // received
    uint64_t unanswered; // of these, not answered yet
    // The one of them that came last:
    uint64_t handled_badge;
    uint64_t handled_sequence;
    uint64_t handled_deliveries; // before this one
};

// INFO_OBJECT of a vCPU
struct info_vcpu {
    uint64_t pending; // enum vcpu_pending
    uint64_t running; // 1: in the guest or ready for it
    uint64_t cpu_time;
    uint64_t exits;
    uint64_t exits_by_kind[32];
    uint64_t accesses; // that went straight to a server
    uint64_t doorbells;
    uint64_t page_faults;
    uint64_t interrupts; // offered ones that were taken
};

// INFO_OBJECT of a process
struct info_process {
    uint64_t quota; // bytes of kernel memory
    uint64_t used;
    uint64_t threads;
    uint64_t slots;
};

// INFO_OBJECT of a memory object
struct info_memory {
    uint64_t pages;
    uint64_t filled; // slots that hold a page
    uint64_t large;  // of these, pages inside 2 MiB entries
    uint64_t borrowed;
    uint64_t mappings;
    uint64_t waiting; // threads and vCPUs that wait for a page
};

// INFO_OBJECT of an endpoint
struct info_endpoint {
    uint64_t number; // what blocked_on names
    uint64_t queued; // calls that nobody received yet
};

// INFO_OBJECT of an account
struct info_account {
    uint64_t weight;
    uint64_t budget;
    uint64_t period;
    uint64_t used; // TSC ticks in all
};

// INFO_OBJECT of all others; that of an endpoint begins like it
struct info_other {
    uint64_t number;
};

// INFO_ROUTE. A list has its routes in its first places; those behind them are all zero.
struct info_route {
    uint64_t first, last;
    uint64_t target; // number of its endpoint or notification; 0: that is gone, or no route is there
    uint64_t count;  // accesses along it since it was set
};
enum { INFO_ROUTE_LISTS = 4, INFO_ROUTE_PLACES = 64 };
#define INFO_ROUTE_LIST(space, write) ((uint64_t)(space)*2 + (write))
