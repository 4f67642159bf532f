// Capabilities: object types, rights, slots.
// SPDX-License-Identifier: MIT
//
// A capability is (object, generation, rights, badge) in a slot of a process's table; the granter chooses the
// slot, so a restarted process finds the same things at the same places. Destroying an object bumps its
// generation: all capabilities to it are dead at once.
#pragma once

#include <stdint.h>

enum object_type {
    OBJECT_NONE,
    OBJECT_SYSTEM, // the right to create irq, ioports, device and to end the machine; only the root task is
                   // born with it
    OBJECT_PROCESS,
    OBJECT_THREAD,
    OBJECT_ACCOUNT,
    OBJECT_ENDPOINT,
    OBJECT_REPLY,
    OBJECT_NOTIFICATION,
    OBJECT_MEMORY,
    OBJECT_SPACE,
    OBJECT_VM,
    OBJECT_VCPU,
    OBJECT_IRQ,
    OBJECT_IOPORTS,
    OBJECT_DEVICE,
    OBJECT_TYPES
};

// Rights. A bit means the same for all types that have it.
enum right {
    RIGHT_READ = 1 << 0,    // memory: map readable; others: info
    RIGHT_WRITE = 1 << 1,   // memory: map writable
    RIGHT_EXECUTE = 1 << 2, // memory: map executable
    RIGHT_SEND = 1 << 3,    // endpoint: call; notification: signal
    RIGHT_RECEIVE = 1 << 4, // endpoint, notification: wait
    RIGHT_CONTROL = 1 << 5, // change it: thread and vCPU control, routes, supply and withdraw, map into it
    RIGHT_GRANT = 1 << 6,   // process: place capabilities in its table; any object: be granted on
    RIGHT_PAY = 1 << 7,     // process: charge its quota
    RIGHT_DESTROY = 1 << 8,
    RIGHT_ALL = 0x1ff
};

#define SLOT_NONE 0u // slot 0 is never filled: "no capability"

// What the kernel puts into the root task's table.
enum root_slot {
    ROOT_SLOT_SYSTEM = 1,
    ROOT_SLOT_PROCESS = 2,    // itself
    ROOT_SLOT_THREAD = 3,     // its first thread
    ROOT_SLOT_ACCOUNT = 4,    // the account of that thread
    ROOT_SLOT_ARCHIVE = 5,    // the boot archive, a memory object
    ROOT_SLOT_IMAGE_TEXT = 6, // its own text and data, memory objects
    ROOT_SLOT_IMAGE_DATA = 7,
    ROOT_SLOT_FIRMWARE =
        8,             // what below 4 GiB is not RAM, a memory object: slot n is page n of physical memory
    ROOT_SLOT_RAM = 9, // free RAM: this and the following ram_regions - 1 slots, see struct info_system
    ROOT_RAM_REGIONS_MAX = 23,
    ROOT_SLOT_FREE = 32 // the first slot that the root task may use as it likes
};
