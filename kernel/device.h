// Rights to PCI functions of the host.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/object.h"
#include "kernel/process.h"

struct device {
    struct object object;
    uint32_t function;      // [I] bus << 8 | device << 3 | function
    struct process *master; // who let it reach memory; NULL: nobody did
    struct node node;       // in the list of all
};

enum status device_make(void *o, const struct request *r) MUST_CHECK;
bool device_release(void *o);
// The process dies: no function goes on reaching memory for it.
void device_fence(const struct process *p);
