// A configuration as a human writes it: config/*.yaml.
// SPDX-License-Identifier: MIT
//
// docs/configuration.md describes the keys.
#pragma once

#include "tools/guest_image.h"
#include "tools/schema.h"

struct config_disk {
    unsigned line;
    struct value name, base, size, store, partition, space, queues, serial;
    // Found by the check. `size` and `space` are there then, whether given or not.
    const char *base_path; // NULL: none
    uint64_t base_bytes, base_sum;
    const char *partition_name; // NULL: none
};

struct config_net {
    unsigned line;
    struct value name, mac, group, vlan, vlans, source_check, frames, bytes;
    // Found by the check.
    uint64_t address;
    const char *ranges; // of `vlans`: "first, last, first, last"; "" for none
};

struct config_vm {
    unsigned line;
    struct value name, memory, cpus, kernel, initrd, cmdline, console, test_devices, rng, weight, priority,
        autostart;
    struct list disks; // struct config_disk
    struct list ports; // struct value: names
    struct list nets;  // struct config_net
    // Found by the check: where the files are, and what the kernel is.
    const char *kernel_path, *initrd_path; // no initrd: NULL
    size_t kernel_bytes, initrd_bytes;
    struct guest_image image;
};

struct config_fault {
    unsigned line;
    struct value server, kind, every, requests, count;
};

struct config_log {
    unsigned line;
    struct value level;
};

struct config_hang {
    unsigned line;
    struct value poll, cpu;
};

// To the outside.
struct config_uplink {
    unsigned line;      // 0: there is none
    struct list groups; // struct value: whom it reaches; none named: all
};

struct config {
    unsigned line;
    bool ata; // the machine's disk is an ATA one, it has no virtio: who starts the machine says so
    struct value name, keep, control;
    struct config_log log;
    struct config_hang hang;
    struct config_uplink uplink;
    struct list vms;    // struct config_vm
    struct list faults; // struct config_fault
};

// Reads a configuration and checks all that can be checked on the host. False: everything that is wrong was
// reported.
bool config_read(struct arena *a, struct report *r, const char *path, struct config *config);

static inline struct config_vm *config_vm(const struct config *c, size_t i)
{
    return (struct config_vm *)c->vms.items + i;
}

static inline struct config_disk *config_disk(const struct config_vm *vm, size_t i)
{
    return (struct config_disk *)vm->disks.items + i;
}

static inline struct config_net *config_net(const struct config_vm *vm, size_t i)
{
    return (struct config_net *)vm->nets.items + i;
}

static inline struct value *config_port(const struct config_vm *vm, size_t i)
{
    return (struct value *)vm->ports.items + i;
}

static inline struct config_fault *config_fault(const struct config *c, size_t i)
{
    return (struct config_fault *)c->faults.items + i;
}
