// What servers and the supervisor say to each other.
// SPDX-License-Identifier: MIT
//
// A server calls; the supervisor answers at once and never calls. The badge of SLOT_INIT says which server it
// is.
#pragma once

#include <stdint.h>

#include "libipc/abi/caps.h"
#include "libipc/proto/labels.h"
#include "libipc/proto/names.h"

enum init_label {
    // word 0: enum vm_end; word 1, may be left out: the status that the guest itself gave, 0: all is well.
    // The caller's VM is off for good; the machine ends with the last one. Said again after a restart it is
    // heard once.
    LABEL_INIT_VM_OFF = LABEL_INIT,

    // The pager's. word 0: number of a guest's memory that holds no page any more (proto/memory.h).
    LABEL_INIT_RAM_EMPTY,

    // Those of the server that the manifest names under "control"; all others get UNSUPPORTED. Word 0 of
    // each: a number, from 0 on. NOT_FOUND: nothing has it, nor has any that follows.
    LABEL_INIT_STATUS,     // -> struct init_status
    LABEL_INIT_SERVER,     // -> struct init_server; its `name` is empty: nothing is there
    LABEL_INIT_VM,         // -> struct init_vm; ditto
    LABEL_INIT_CRASH,      // the oldest kept one and those after it -> struct init_crash
    LABEL_INIT_CRASH_TEXT, // word 1: offset -> word 0: bytes, then the text; less than INIT_TEXT_MAX: its end

    LABEL_INIT_CONFIG,   // word 1: offset -> as CRASH_TEXT: the server's part of the manifest
    LABEL_INIT_COUNTERS, // word 1: the first of the server's counters -> word 0: how many, then struct
                         // stats_entry each (libipc/proto/stats.h); none: its end
    LABEL_INIT_ROUTE, // of a VM; word 1: a place -> struct init_route: the first that was used from there on

    // struct init_command -> struct init_answer. A number that was the last one's is answered as that was.
    LABEL_INIT_COMMAND,
    LABEL_INIT_END
};

enum init_vm_off_word { VM_OFF_REASON, VM_OFF_STATUS, VM_OFF_WORDS };

enum vm_end {
    VM_END_FORCED, // by command
    VM_END_POWER_OFF,
    VM_END_TRIPLE_FAULT, // the guest died
    VM_END_ERROR,        // its state or its image cannot run
    VM_ENDS
};

enum {
    INIT_NAME = NAME_BYTES, // of a name
    INIT_WHY = 96,          // of a reason
    INIT_CRASHES = 16,      // records of crashes that are kept
    INIT_TEXT_MAX = 1000,   // bytes of text in a message
    INIT_DEFINITION_MAX = 64 << 10
};

struct init_status {
    char name[INIT_NAME]; // of the configuration
    uint64_t unix_ns;     // now, UTC
    uint64_t uptime_ns;
    uint32_t vms, servers;
    uint32_t shutting_down;
    // Numbers from which on all are free, for a VM that is to be added.
    uint32_t next_memory, next_console, next_log;
};

enum init_server_state { INIT_SERVER_OFF, INIT_SERVER_RUNNING, INIT_SERVER_RESTARTING, INIT_SERVER_FAILED };

struct init_server {
    char name[INIT_NAME], kind[INIT_NAME], vm[INIT_NAME]; // vm empty: it serves all
    uint32_t state;                                       // enum init_server_state
    uint32_t priority;
    uint64_t restarts, cpu_ns, memory_bytes;
    uint64_t waits, system_calls, messages;
};

enum init_vm_state {
    INIT_VM_CREATED, // never started
    INIT_VM_RUNNING,
    INIT_VM_PAUSED,
    INIT_VM_OFF,
    INIT_VM_FAILED, // its guest or its monitor died
    INIT_VM_LEAVING // is being destroyed
};

struct init_vm {
    char name[INIT_NAME];
    uint32_t state; // enum init_vm_state
    uint32_t vcpus;
    uint64_t memory_bytes, resident_bytes, overhead_bytes;
    uint64_t cpu_ns; // of its account: vCPUs and servers
    uint64_t exits, exits_by_kind[32];
    uint64_t accesses, doorbells, page_faults, interrupts;
};

enum init_route_use { INIT_ROUTE_READS, INIT_ROUTE_WRITES, INIT_ROUTE_DOORBELLS, INIT_ROUTE_USES };

struct init_route {
    char server[INIT_NAME]; // who receives there; empty: nobody
    uint64_t first, last;
    uint64_t count; // since the route was set
    uint64_t place; // the next one is asked for from the place behind it on
    uint32_t space; // enum access_space
    uint32_t use;   // enum init_route_use
};

struct init_crash {
    char server[INIT_NAME], why[INIT_WHY];
    uint64_t uptime_ns;
    uint32_t deaths; // in a row without a completed request, with this one
    uint32_t number; // of all, from 1 on
};

enum init_action {
    INIT_KILL, // name: a server; all others: a VM
    INIT_VM_CREATE,
    INIT_VM_START,
    INIT_VM_STOP,
    INIT_VM_PAUSE,
    INIT_VM_RESUME,
    INIT_VM_RESET,
    INIT_VM_DESTROY,
    INIT_SHUTDOWN,
    INIT_ACTIONS
};

struct init_command {
    uint64_t sequence; // grows from command to command, and is not 0
    uint32_t action;   // enum init_action
    uint32_t argument; // STOP, SHUTDOWN: 1 by force; CREATE: bytes of the definition
    char name[INIT_NAME];
};

enum init_outcome {
    INIT_DONE,
    INIT_NOT_FOUND,
    INIT_WRONG_STATE,
    INIT_NO_MEMORY,
    INIT_BAD_ARGUMENTS,
    INIT_FAILED,
    INIT_OUTCOMES
};

struct init_answer {
    uint32_t outcome; // enum init_outcome
    uint32_t reserved;
    char text[240]; // what is wrong
};

// Structures travel as words (libipc/words.h).
_Static_assert(sizeof(struct init_vm) <= 128 * 8 && INIT_TEXT_MAX <= 127 * 8, "a message");

// Events: records of a ring (libipc/ring.h) that the supervisor writes and control reads. When there is no
// room they are counted, and the next one that finds room is preceded by EVENT_LOST.
enum init_event_kind {
    EVENT_LOST, // value: how many
    EVENT_VM_CREATED,
    EVENT_VM_STARTED,
    EVENT_VM_STOPPED, // value: enum vm_end
    EVENT_VM_PAUSED,
    EVENT_VM_RESUMED,
    EVENT_VM_RESET,
    EVENT_VM_DESTROYED,
    EVENT_SERVER_DIED, // text: why
    EVENT_SERVER_RESTARTED,
    EVENT_SERVER_FAILED,
    EVENT_SHUTDOWN,
    EVENT_KINDS
};

struct init_event {
    uint32_t kind; // enum init_event_kind
    uint32_t reserved;
    uint64_t unix_ns, value;
    char name[INIT_NAME], text[INIT_WHY];
};

#define INIT_EVENT_CAPACITY 256u
#define INIT_EVENT_BYTES    (128 + INIT_EVENT_CAPACITY * (uint64_t)sizeof(struct init_event))

// Where free RAM is, for who manages it (fill "pools"): pages `first` to `first + pages - 1` of each memory
// object hold a frame; what lies around them was never there or is the supervisor's own.
struct pool_table {
    uint64_t count;
    struct pool {
        uint64_t first, pages;
        uint64_t object_pages; // of the memory object
    } pool[ROOT_RAM_REGIONS_MAX];
};

// The argument that a program starts with (struct program_start): its number among the servers, and the log
// level.
#define START_ARGUMENT(number, level) ((uint64_t)(number) << 8 | ((uint64_t)(level) + 1))
#define START_NUMBER(argument)        ((uint32_t)((argument) >> 8))
#define START_LOG_LEVEL(argument)     ((uint32_t)((argument)&0xff)) // enum log_level + 1; 0: not given
