// What the kernel's tests share: a slate of slots and pages that is wiped after each part, children to play
// with. SPDX-License-Identifier: MIT
//
// A part makes what it needs through these functions; whatever it leaves is destroyed after it, and then all
// kernel memory must have come back. A child is a process that shares the root task's text and data, so that
// it can run any function here and leave its findings in variables, but has a capability table of its own.
#pragma once

#include <stdbool.h>

#include "libipc/syscall.h"
#include "tests/programs/common/tap.h"

enum { SELF = ROOT_SLOT_PROCESS, SELF_THREAD = ROOT_SLOT_THREAD };
enum { EMPTY_SLOT = 4000, SLOT_BEYOND = 4096 }; // never filled; not there

// Above and below the root task's own.
enum { PRIORITY_ROOT = 40, PRIORITY_HIGH = 45, PRIORITY_LOW = 35 };

uint32_t slot_new(void);
// Creates an object that must work out; its slot.
uint32_t make(enum object_type type, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
uint32_t make_endpoint(void);
uint32_t make_reply(void);
uint32_t make_notification(void);
uint32_t make_memory(uint64_t pages);
// A copy of a capability with these rights and badge.
uint32_t make_copy(uint32_t slot, uint64_t rights, uint64_t badge);

// Free frames, which go back after the part wherever they are then, as long as they are where fill() put
// them.
void fill(uint32_t memory, uint64_t page, uint64_t pages);
uint32_t stock(void); // the memory object that they come from

// Maps memory into the root task for as long as the part lasts; address: its own 2 MiB or 1 GiB slot.
void *look(uint32_t memory, uint64_t rights);

// A file of the boot archive; NULL: there is none.
const uint8_t *archive_file(const char *name, size_t *size);

struct child {
    uint32_t process, thread, handler;
    unsigned index;
};
enum { CHILD_SLOTS = 64, CHILD_QUOTA = 1 << 20 };

void child_make(struct child *c, uint32_t handler);
void child_give(const struct child *c, uint32_t slot, uint32_t own, uint64_t rights, uint64_t badge);
// A thread of it, stopped.
void child_thread(struct child *c, unsigned priority, void (*run)(void *), void *argument);
// Both, and off it goes. With PRIORITY_HIGH it runs until it blocks before this returns.
void child_run(struct child *c, unsigned priority, void (*run)(void *), void *argument);
enum thread_state child_state(const struct child *c);
void child_end(const struct child *c); // destroys its process

// Receives a call without blocking, into this reply object.
enum status receive_call(uint32_t endpoint, uint32_t reply, struct message *m, uint64_t *badge);
enum status answer_call(uint32_t reply, uint64_t word);

// Lets all others run until they wait, or for a while if they never do. Needed also because the root task is
// as urgent as those whose calls it holds.
void settle(void);

// Before anything else: takes the stock of frames.
void slate_init(void);
// Destroys what was made since the last time, and takes the frames back.
void slate_wipe(void);
// Are all frames back?
bool slate_clean(void);

uint64_t kernel_memory_used(void); // bytes charged to the root task
uint64_t pool_free(void);          // pages
