// Processes: creation, what they pay for, what dies with them.
// SPDX-License-Identifier: MIT
#include "tests/programs/kernel/topics.h"

#define QUOTA UINT64_C(0x100000)

static enum status create(uint64_t quota, uint64_t slots, uint64_t handler)
{
    return sys_create(OBJECT_PROCESS, slot_new(), SELF, quota, slots, handler, 0);
}

static struct info_process info(uint32_t process)
{
    struct info_process none = {0};
    return sys_info(process, INFO_OBJECT) == STATUS_OK ? *(struct info_process *)(void *)utcb()->words : none;
}

static void creation(void)
{
    uint32_t e = make_endpoint(), mute = make_copy(e, RIGHT_RECEIVE, 0);
    EXPECT(create(QUOTA, 7, 0), STATUS_BAD_ARG, "create process: too few slots");
    EXPECT(create(QUOTA, 4097, 0), STATUS_BAD_ARG, "create process: too many slots");
    EXPECT(create(QUOTA, UINT64_MAX, 0), STATUS_BAD_ARG, "create process: far too many slots");
    EXPECT(create(QUOTA, 8, EMPTY_SLOT), STATUS_BAD_CAP,
           "create process: an empty slot as handler of faults");
    EXPECT(create(QUOTA, 8, SELF), STATUS_BAD_CAP, "create process: a handler that is no endpoint");
    EXPECT(create(QUOTA, 8, mute), STATUS_NO_RIGHT, "create process: a handler without SEND");
    EXPECT(create(0, 8, 0), STATUS_NO_QUOTA, "create process: a quota that does not pay its own tables");
    EXPECT(create(UINT64_MAX, 8, 0), STATUS_NO_QUOTA, "create process: more quota than its payer has");
    EXPECT(create(UINT64_C(1) << 40, 8, 0), STATUS_NO_QUOTA,
           "create process: more quota than the machine has");
    uint32_t p = make(OBJECT_PROCESS, QUOTA, 8, SLOT_NONE, 0);
    struct info_process i = info(p);
    CHECK(i.quota == QUOTA && i.used > 0 && i.used < QUOTA && i.slots == 8 && i.threads == 0,
          "info: its quota, of which its tables take some");
    EXPECT(sys_grant(p, 8, e, 0, 0), STATUS_BAD_ARG, "grant: into a slot behind its table's end");
    EXPECT(sys_grant(p, 7, e, 0, 0), STATUS_OK, "grant: into its last slot");
    EXPECT(sys_revoke(p, 7), STATUS_OK, "revoke: from another process");
}

static void belongings(void)
{
    uint64_t before = kernel_memory_used();
    uint32_t p = make(OBJECT_PROCESS, QUOTA, 8, SLOT_NONE, 0), its = slot_new(), inner = slot_new(),
             deep = slot_new();
    CHECK(kernel_memory_used() >= before + QUOTA, "a process's quota is its payer's expense");
    uint64_t with_child = kernel_memory_used();
    EXPECT(sys_create(OBJECT_NOTIFICATION, its, p, 0, 0, 0, 0), STATUS_OK, "create: paid by another process");
    EXPECT(sys_create(OBJECT_PROCESS, inner, p, QUOTA / 4, 8, 0, 0), STATUS_OK,
           "create: a process within its quota");
    EXPECT(sys_create(OBJECT_ENDPOINT, deep, inner, 0, 0, 0, 0), STATUS_OK, "create: paid by the inner one");
    CHECK(kernel_memory_used() == with_child, "what it pays for costs its payer nothing more");
    CHECK(info(p).used >= QUOTA / 4, "info: it is charged with the inner one's quota");
    EXPECT(sys_destroy(p), STATUS_OK, "destroy: the process");
    EXPECT(sys_signal(its), STATUS_BAD_CAP, "destroy: what it paid for is gone");
    EXPECT(sys_destroy(inner), STATUS_BAD_CAP, "destroy: the inner process is gone");
    EXPECT(sys_destroy(deep), STATUS_BAD_CAP, "destroy: and what that one paid for");
    CHECK(kernel_memory_used() == before, "destroy: all its quota came back");
}

// Frames are never lost with whoever paid for the memory object around them.
static void inheritance(void)
{
    uint64_t before = kernel_memory_used();
    uint32_t p = make(OBJECT_PROCESS, QUOTA, 8, SLOT_NONE, 0), memory = slot_new();
    EXPECT(sys_create(OBJECT_MEMORY, memory, p, 8, SLOT_NONE, SLOT_NONE, 0), STATUS_OK,
           "memory that a process pays");
    fill(memory, 0, 3);
    EXPECT(sys_map(p, UINT64_C(1) << 32, memory, RIGHT_READ), STATUS_OK, "mapped into it");
    EXPECT(sys_destroy(p), STATUS_OK, "the process is destroyed");
    EXPECT(sys_info(memory, INFO_OBJECT), STATUS_OK, "its memory with pages lives on");
    CHECK(((const struct info_memory *)(const void *)utcb()->words)->filled == 3, "with all its pages");
    CHECK(kernel_memory_used() > before, "the process's payer pays for it now");
}

static volatile enum status child_status;

static void destroys_itself(void *slot)
{
    child_status = sys_destroy((uintptr_t)slot);
}

static void on_itself(void)
{
    struct child c;
    child_make(&c, SLOT_NONE);
    child_give(&c, 1, c.process, RIGHT_ALL, 0);
    child_status = STATUS_COUNT;
    child_run(&c, PRIORITY_HIGH, destroys_itself, (void *)1);
    EXPECT(child_status, STATUS_BUSY, "destroy: a process cannot destroy itself");
    struct child two = c;
    child_thread(&two, PRIORITY_HIGH, destroys_itself, (void *)2);
    child_give(&c, 2, c.thread, RIGHT_ALL, 0);
    EXPECT(sys_thread_ctl(two.thread, THREAD_RESUME, 0), STATUS_OK, "destroy: but another thread of itself");
    EXPECT(child_status, STATUS_OK, "destroy: that works");
    EXPECT(sys_info(c.thread, INFO_OBJECT), STATUS_BAD_CAP, "destroy: the thread is gone");
    CHECK(info(c.process).threads == 1, "info: one thread is left");
}

const struct part process_parts[] = {{"create", creation},
                                     {"belongings", belongings},
                                     {"inheritance", inheritance},
                                     {"on itself", on_itself},
                                     {0}};
