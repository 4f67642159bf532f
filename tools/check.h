// What a schema cannot say about a configuration.
// SPDX-License-Identifier: MIT
#pragma once

#include "tools/config.h"

// File names in a configuration count from the folder that it lies in.
bool check_config(struct arena *a, struct report *r, const char *path, struct config *config);

// Whether a machine of so much memory holds the VMs' at all; what the system itself takes is found when it
// starts.
bool check_machine(struct report *r, const struct config *config, uint64_t bytes);

// A file name of a configuration.
const char *check_path(struct arena *a, const char *config, const char *name);

// Of two things of a VM, or two VMs, that have names.
void check_twice(struct report *r, const char *key, const char *what, const struct value *before,
                 const struct value *name);

// Of a disk or a NIC: names of objects are made of it, the VM's, and other characters, at most so many.
void check_length(struct report *r, const struct config_vm *vm, const struct value *name, size_t others);

// check_disk.c: disk i of a VM; and what disks write.
void check_disk(struct arena *a, struct report *r, const char *config, const struct config_vm *vm, size_t i);
void check_partitions(struct report *r, const struct config *config);

// check_net.c: NIC i of a VM; and all of them, with the uplink.
void check_net(struct arena *a, struct report *r, const struct config_vm *vm, size_t i);
void check_nets(struct report *r, const struct config *config);
