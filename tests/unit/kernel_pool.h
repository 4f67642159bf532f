// The kernel's pool as an array, for tests of the kernel's own sources.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/platform/layout.h"
#include "kernel/process.h"
#include "kernel/syscalls.h"

enum { POOL_PAGES = 8192 };

unsigned char host_pool[(size_t)POOL_PAGES * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    abort();
}

// Physical address 0 stays out of it: no table lies there.
static inline void pool_init(size_t pages)
{
    kmem_init((struct range){PAGE_SIZE, pages * PAGE_SIZE});
}

static inline void payer_init(struct process *p, uint64_t quota)
{
    *p = (struct process){.quota = quota};
    list_init(&p->objects);
}

// A memory object as CREATE makes it; the caller says what is to come of it.
static inline enum status make_memory(struct process *payer, uint64_t pages, struct ref pager,
                                      struct ref base, struct memory **out)
{
    const struct capability caps[] = {{.ref = pager}, {.ref = base}};
    const struct request r = {.a = {[2] = pages}, .cap = {[3] = &caps[0], [4] = &caps[1]}};
    *out = (struct memory *)object_new(OBJECT_MEMORY, sizeof **out, payer);
    return *out ? memory_make(*out, &r) : STATUS_NO_QUOTA;
}
