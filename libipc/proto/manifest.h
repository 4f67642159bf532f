// The manifest: what the supervisor makes, as JSON text in the boot archive; names and limits.
// SPDX-License-Identifier: MIT
//
// The host tool writes it from a human configuration, the supervisor reads it, and a developer may write one
// by hand. It says everything: which kernel objects there are, who pays for them, and of each server its
// program and exactly the capabilities and windows that it gets. docs/manifest.md describes the keys.
//
//   {"version": 1, "name": ..., "log": one of log_level_names,
//    "hang": {...}, "objects": [{...}], "vms": [{...}], "servers": [{...}], "faults": [{...}]}
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libipc/abi/caps.h"
#include "libipc/proto/names.h"

#define MANIFEST_VERSION 1u
#define MANIFEST_FILE    "manifest"
#define MANIFEST_INIT    "init"
#define MANIFEST_PROGRAM "bin/" // + image: a stripped ELF file, page aligned in the archive
#define MANIFEST_SYMBOLS "sym/" // + image: libipc/proto/symbols.h
#define MANIFEST_GUEST                                                                                       \
    "guest/" // + kernel, initrd or disk, and a sum of the content: who names the same file finds it
#define MANIFEST_ALIGN 4096u // of programs and of files that fill memory objects

enum manifest_limit {
    MANIFEST_NAME_MAX = NAME_BYTES - 1, // characters
    MANIFEST_OBJECTS_MAX = 1024,
    MANIFEST_SERVERS_MAX = 128,
    MANIFEST_VMS_MAX = 32,
    MANIFEST_FAULTS_MAX = 256,
    MANIFEST_CAPS_MAX = 160,  // of one server
    MANIFEST_MAPS_MAX = 400,  // of one server or space
    MANIFEST_NAMES_MAX = 400, // of one memory object
    MANIFEST_ROUTES_MAX = 64, // of one VM
};

// Objects without an entry: what the supervisor has and can pass on.
#define OBJECT_SELF_PROCESS "self.process" // of the server that gets the capability
#define OBJECT_SELF_THREAD  "self.thread"
#define OBJECT_INIT         "init"    // the supervisor's endpoint; the badge is the server's number
#define OBJECT_ARCHIVE      "archive" // the boot archive, a memory object
// All free RAM, one memory object a region: at consecutive slots, and MANIFEST_RAM_STRIDE apart.
#define OBJECT_RAM          "ram"
#define MANIFEST_RAM_STRIDE (UINT64_C(1) << 40)

// "type" of an entry in "objects".
enum manifest_type {
    MANIFEST_QUOTA,   // bytes: kernel memory for the objects that name it as their payer
    MANIFEST_ACCOUNT, // weight, budget_us, period_us
    MANIFEST_ENDPOINT,
    MANIFEST_NOTIFICATION,
    MANIFEST_DEVICE, // vendor, device, index; optional
    MANIFEST_MEMORY, // pages, fill, and what the fill wants; pager, badge
    MANIFEST_VM,     // routes
    MANIFEST_SPACE,  // vm, maps
    MANIFEST_VCPU,   // vm, space, monitor, badge, priority, account
    MANIFEST_IRQ,    // gsi, or the device whose it is
    MANIFEST_IOPORTS // first, last
};

static const char *const manifest_type_names[] = {"quota",  "account", "endpoint", "notification",
                                                  "device", "memory",  "vm",       "space",
                                                  "vcpu",   "irq",     "ioports",  NULL};

// "fill" of a memory object.
enum manifest_fill {
    FILL_ZERO,  // zeroed pages, all at once
    FILL_DATA,  // the same, but what is in them is a guest's, as its RAM is: no part of what its VM costs
    FILL_NONE,  // left empty: its pager's
    FILL_FILE,  // "file": pages of the boot archive, read-only
    FILL_TEXT,  // "text": a JSON object as it stands in the manifest, and a NUL, in zeroed pages
    FILL_NAMES, // "names": struct name_entry each (libipc/proto/names.h), at their places
    FILL_POOLS, // struct pool_table (libipc/proto/init.h): which pages of `ram` are there
    FILL_CLOCK, // struct host_clock (libipc/proto/clock.h)
    FILL_BAR    // "device", "bar": the first pages of a memory BAR
};

static const char *const manifest_fill_names[] = {"zero",  "data",  "none",  "file", "text",
                                                  "names", "pools", "clock", "bar",  NULL};

static const char *const log_level_names[] = {"error", "warning", "info", "debug", NULL};

// "kind" of an entry in "faults". It happens each "every_us", or after each so many "requests" of the server.
#define FAULT_COUNT_MAX 1000000
enum manifest_fault {
    INJECT_KILL,
    INJECT_FAIL // a death that counts as one without a completed request, whatever it did
};
static const char *const manifest_fault_names[] = {"kill", "fail", NULL};

// "space" of a route.
static const char *const manifest_space_names[] = {"port", "memory", NULL};

// Rights are written as letters, one a bit of enum right.
#define MANIFEST_RIGHTS "rwxsvcgpd"
_Static_assert(RIGHT_ALL == (1 << (sizeof MANIFEST_RIGHTS - 1)) - 1, "one letter a right");
