// The manifest, read: libipc/proto/manifest.h says what it is.
// SPDX-License-Identifier: MIT
//
// A VM may be added later, and all that belongs to one may be removed: then numbers are free, and given
// again. Names become numbers; what refers to something that is not there, or is of another kind, is refused.
// Texts point into the manifest's text, which stays mapped. Nothing here knows a kind of server.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libipc/json.h"
#include "libipc/proto/manifest.h"

// Numbers of objects are indices; these stand for what is not in the list.
enum manifest_builtin {
    BUILTIN_FIRST = 0xfff0,
    BUILTIN_SELF_PROCESS = BUILTIN_FIRST,
    BUILTIN_SELF_THREAD,
    BUILTIN_INIT,
    BUILTIN_ARCHIVE,
    BUILTIN_RAM,
    BUILTIN_END,
    MANIFEST_NONE = 0xffff
};

struct manifest_cap {
    uint64_t badge;
    uint16_t slot, object, rights;
};

struct manifest_map {
    uint64_t address;
    uint16_t memory, rights;
};

struct manifest_route {
    uint64_t first, last, badge;
    uint32_t space;
    uint16_t target, rights;
};

struct manifest_name {
    uint64_t entry;
    struct json_text text;
    uint16_t vm; // whose; MANIFEST_NONE: the system's
    bool fresh;
};

struct manifest_maps {
    struct manifest_map *map;
    uint32_t count;
};

#define MANIFEST_FREE 0xff // type of an object's number that is free

struct manifest_object {
    struct json_text name;
    uint16_t payer;  // MANIFEST_NONE: the supervisor
    uint16_t device; // that it is a part of: irq, memory; MANIFEST_NONE: none
    uint8_t type;    // enum manifest_type
    bool fresh;      // it was read just now
    bool missing;    // not of this machine: no such device, or it is a part of one (servers/init/objects.c)
    uint64_t number; // the kernel's, of endpoints and notifications; 0: it was not made yet (ditto)
    union {
        uint64_t quota; // bytes
        struct {
            uint64_t weight, budget_us, period_us;
        } account;
        struct {
            uint64_t pages, badge;
            struct json_text content;   // FILL_FILE: its name; FILL_TEXT: the text
            struct manifest_name *name; // FILL_NAMES
            uint32_t name_count;
            uint16_t pager; // MANIFEST_NONE: none
            uint8_t fill;   // enum manifest_fill
            uint8_t bar;    // of FILL_BAR
        } memory;
        struct {
            struct manifest_route *route;
            uint32_t count;
        } vm;
        struct {
            uint16_t vm;
            struct manifest_maps maps;
        } space;
        struct {
            uint64_t badge;
            uint16_t vm, space, monitor, account, priority;
        } vcpu;
        uint64_t gsi; // without a device
        struct {
            uint64_t first, last;
        } ioports;
        struct {
            uint32_t id; // vendor in the low half, device in the high one, as its first register has them
            uint16_t index;
            bool optional;
        } function;
    };
};

// What runs in a server's place, and all that it may touch.
struct manifest_program {
    struct json_text image;
    uint32_t cap_count;
    struct manifest_cap *cap;
    struct manifest_maps maps;
};

struct manifest_server {
    struct json_text name; // empty: the number is free
    bool fresh;
    uint16_t payer, account;
    uint16_t vm; // index among the VMs, or MANIFEST_NONE
    uint16_t slots;
    uint8_t priority;
    bool takes_console; // the kernel's debug output ends before it starts
    uint64_t quota, heap;
    struct manifest_program program;
    struct manifest_program failed; // in its place when it has failed for good; no image: nothing
};

struct manifest_vm {
    struct json_text name; // empty: the number is free
    bool fresh;
    uint16_t quota;
    uint16_t *memory; // its RAM
    uint32_t memory_count;
    uint16_t *images; // what its guest may have of the archive, by number
    uint32_t image_count;
    uint16_t panel, signal; // its buttons, and how its monitor hears of them; MANIFEST_NONE: it has none
    uint64_t badge;
    bool autostart;
};

// Who may command the supervisor, and how that is heard of what happens.
struct manifest_control {
    uint16_t server; // MANIFEST_NONE: nobody
    uint16_t events, definition, signal;
    uint64_t badge;
};

// The table of guests' memories (libipc/proto/memory.h), and how their pager hears of a change.
struct manifest_rams {
    uint16_t memory; // MANIFEST_NONE: there is none
    uint16_t signal;
    uint64_t badge;
};

struct manifest_injection {
    uint64_t every_us; // 0: after each so many requests
    uint64_t requests;
    uint64_t count;
    uint16_t server;
    uint8_t kind; // enum manifest_fault
};

struct manifest {
    struct json_text name;
    uint32_t log; // enum log_level
    uint64_t poll_us, cpu_us;
    struct manifest_maps init_maps; // the supervisor's own
    uint16_t log_signal;            // notification of who prints the logs; MANIFEST_NONE: the kernel does
    uint64_t log_badge;
    bool keep; // the machine does not end with its last VM
    struct manifest_control control;
    struct manifest_rams rams;
    uint16_t *drain; // rings (libipc/ring.h) that are to be empty before the machine ends
    uint32_t drain_count;
    uint32_t object_count, vm_count, server_count, injection_count;
    struct manifest_object *object;
    struct manifest_vm *vm;
    struct manifest_server *server;
    struct manifest_injection *injection;
};

// False: `error` is one line about what is wrong.
bool manifest_read(struct manifest *m, const char *text, size_t bytes, char error[JSON_ERROR_MAX]);
void manifest_free(struct manifest *m);

// Adds a part of a manifest: {"objects", "vms", "servers"}, and perhaps "extends", further capabilities and
// windows of servers that are no VM's, "names", further entries of tables of names, and "drain"; all of these
// of the part's own. What was added is fresh. The text must stay.
bool manifest_add(struct manifest *m, const char *text, size_t bytes, char error[JSON_ERROR_MAX]);
void manifest_settle(struct manifest *m); // nothing is fresh any more
// Removes what is fresh, or what a VM has, and all that refers to it.
void manifest_remove_fresh(struct manifest *m);
void manifest_remove_vm(struct manifest *m, uint16_t vm);

// The VM that a part has added; m->vm_count: there is none.
uint16_t manifest_fresh_vm(const struct manifest *m);

static inline bool manifest_is_table(const struct manifest_object *o)
{
    return o->type == MANIFEST_MEMORY && o->memory.fill == FILL_NAMES;
}

// Is it the VM's quota, or paid by that?
static inline bool manifest_belongs(const struct manifest *m, uint32_t object, uint16_t vm)
{
    return m->object[object].type != MANIFEST_FREE &&
           (object == m->vm[vm].quota || m->object[object].payer == m->vm[vm].quota);
}
