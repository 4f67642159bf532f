// What the manifest will say: objects, servers, and the files that come along.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "libipc/abi/syscall.h"
#include "libipc/proto/manifest.h"
#include "tools/arena.h"

struct plan_map {
    uint64_t address;
    const char *memory;
    const char *rights;
};

struct plan_route {
    uint64_t first, last;
    const char *space, *rights, *target;
    uint64_t badge;
};

struct plan_name {
    uint64_t entry;
    const char *text;
};

struct plan_object {
    const char *name;
    enum manifest_type type;
    const char *payer; // NULL: the supervisor
    union {
        uint64_t quota; // bytes
        struct {
            uint64_t weight, budget_us, period_us;
        } account;
        struct {
            uint64_t pages;
            enum manifest_fill fill;
            const char *file, *text; // of FILL_FILE, FILL_TEXT
            const char *device;      // of FILL_BAR, and which
            uint64_t bar;
            struct list names; // of FILL_NAMES: struct plan_name
            const char *pager;
            uint64_t badge;
        } memory;
        struct list routes; // struct plan_route
        struct {
            const char *vm;
            struct list maps; // struct plan_map
        } space;
        struct {
            const char *vm, *space, *monitor, *account;
            uint64_t badge, priority;
        } vcpu;
        struct {
            const char *device; // NULL: none
            uint64_t gsi;
        } irq;
        struct {
            uint64_t first, last;
        } ioports;
        struct {
            uint64_t vendor, device, index;
            bool optional;
        } function;
    };
};

struct plan_cap {
    uint32_t slot;
    const char *object, *rights;
    uint64_t badge;
};

struct plan_program {
    const char *image; // NULL: none
    struct list caps;  // struct plan_cap
    struct list maps;  // struct plan_map
};

struct plan_server {
    const char *name, *payer, *account, *vm;
    uint64_t quota, slots, heap, priority;
    bool takes_console;
    struct plan_program program, failed;
};

struct plan_vm {
    const char *name, *quota;
    struct list memory;         // const char *: its RAM
    struct list images;         // const char *: what its guest may have of the archive, by number
    bool waits;                 // it is not started with the machine
    const char *panel, *signal; // its buttons, and how its monitor hears of them
    uint64_t badge;
};

struct plan_fault {
    const char *server;
    enum manifest_fault kind;
    uint64_t every_us, requests; // one of them is 0
    uint64_t count;
};

// A file of the archive.
struct plan_file {
    const char *name, *path;
    size_t aligned; // this byte of it lies at the beginning of a page
};

// Who may command the supervisor, and how that is heard of what happens. No server: nobody may.
struct plan_control {
    const char *server, *events, *definition, *signal;
    uint64_t badge;
};

// The table of guests' memories, and how their pager hears of a change.
struct plan_rams {
    const char *memory, *signal;
    uint64_t badge;
};

// Of a part (expand_part()): an entry of a table of names that is there.
struct plan_part_name {
    const char *table;
    struct plan_name name;
};

struct plan {
    struct arena *arena;
    const char *name, *log;
    uint64_t poll_us, cpu_us;
    struct list objects, servers, vms, faults, files;
    struct list init_maps;  // struct plan_map: what the supervisor itself maps
    const char *log_signal; // who prints the logs; NULL: the kernel
    uint64_t log_badge;
    bool keep;        // the machine does not end with its last VM
    bool rng, uplink; // somebody may use the host's virtio-rng; its network card
    struct plan_control control;
    struct plan_rams rams;
    struct list drain;      // const char *: rings that are to be empty before the machine ends
    struct list extensions; // of a part, struct plan_server: what servers that are there get besides
    struct list names;      // of a part, struct plan_part_name
};

#define PLAN_ADD(plan, list_, type) ((type *)list_add((plan)->arena, (list_), sizeof(type)))
#define PLAN_EACH(type, item, list_)                                                                         \
    for (type *item = (list_)->items; item < (type *)(list_)->items + (list_)->count; item++)
