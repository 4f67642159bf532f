// Quotas: who is out of kernel memory gets an error, and nobody else notices.
// SPDX-License-Identifier: MIT
#include "tests/programs/kernel/topics.h"

#define QUOTA UINT64_C(0x100000)

enum { STEP = 64, OBJECTS = 3000 };

static uint64_t used(uint32_t process)
{
    return sys_info(process, INFO_OBJECT) == STATUS_OK ? ((struct info_process *)(void *)utcb()->words)->used
                                                       : 0;
}

static const struct creation {
    const char *name;
    enum object_type type;
    uint64_t a, b, c, d;
} creations[] = {
    {"an account", OBJECT_ACCOUNT, 100, 0, 0, 0},
    {"an endpoint", OBJECT_ENDPOINT, 0, 0, 0, 0},
    {"a reply", OBJECT_REPLY, 0, 0, 0, 0},
    {"a notification", OBJECT_NOTIFICATION, 0, 0, 0, 0},
    {"small memory", OBJECT_MEMORY, 1, 0, 0, 0},
    {"large memory", OBJECT_MEMORY, 512 * 512 * 3, 0, 0, 0},
    {"a process", OBJECT_PROCESS, 100000, 64, 0, 0},
    {"a thread", OBJECT_THREAD, 0 /* the process: filled in */, CREATE_EXEC(9, 1, 0), 0, 0},
    {"a VM", OBJECT_VM, 0, 0, 0, 0},
};

static enum status create(const struct creation *c, uint32_t slot, uint32_t payer)
{
    return sys_create(c->type, slot, payer, c->type == OBJECT_THREAD ? payer : c->a, c->b, c->c, c->d);
}

// Leaves the payer only `left` bytes, by an inner process that takes the rest.
static uint32_t squeeze(uint32_t payer, uint64_t left)
{
    struct info_process *i = (struct info_process *)(void *)utcb()->words;
    uint32_t ballast = slot_new();
    uint64_t before = used(payer), room = i->quota - before, own;
    if (sys_create(OBJECT_PROCESS, ballast, payer, QUOTA, 8, 0, 0) != STATUS_OK)
        return SLOT_NONE;
    own = used(payer) - before - QUOTA; // what the process costs beside its quota
    if (sys_destroy(ballast) != STATUS_OK ||
        sys_create(OBJECT_PROCESS, ballast, payer, room - left - own, 8, 0, 0) != STATUS_OK)
        return SLOT_NONE;
    return ballast;
}

static void each_type(void)
{
    for (unsigned i = 0; i < sizeof creations / sizeof *creations; i++) {
        uint32_t p = make(OBJECT_PROCESS, 4 * QUOTA, 8, SLOT_NONE, 0), slot = slot_new();
        unsigned refused = 0, wrong = 0;
        enum status s = STATUS_NO_QUOTA;
        for (uint64_t left = 0; s == STATUS_NO_QUOTA && left < QUOTA; left = left ? 2 * left : STEP) {
            uint32_t ballast = squeeze(p, left);
            uint64_t before = used(p);
            s = create(&creations[i], slot, p);
            refused += s == STATUS_NO_QUOTA;
            wrong += s == STATUS_NO_QUOTA && used(p) != before;
            wrong += !ballast || sys_destroy(ballast) != STATUS_OK;
        }
        CHECK(refused > 0 && wrong == 0, "quota: too little for %s: NO_QUOTA, and nothing is charged",
              creations[i].name);
        EXPECT(s, STATUS_OK, "quota: enough for %s", creations[i].name);
        uint64_t with = used(p);
        CHECK(sys_destroy(slot) == STATUS_OK && used(p) < with, "quota: destroying %s gives it back",
              creations[i].name);
        (void)!sys_destroy(p);
    }
}

static void exhaustion(void)
{
    uint32_t p = make(OBJECT_PROCESS, QUOTA, 8, SLOT_NONE, 0), first = slot_new();
    uint64_t before = used(p), outside = kernel_memory_used();
    unsigned n = 0, wrong = 0;
    enum status s;
    while (n < OBJECTS && (s = sys_create(OBJECT_NOTIFICATION, first + n, p, 0, 0, 0, 0)) == STATUS_OK)
        n++;
    if (n == OBJECTS)
        s = sys_create(OBJECT_MEMORY, first + n, p, 512 * 512 * 300, 0, 0, 0);
    EXPECT(s, STATUS_NO_QUOTA, "quota: many objects, until it is used up");
    CHECK(kernel_memory_used() == outside, "quota: nobody else pays for them");
    for (unsigned i = 0; i < n; i++)
        wrong += sys_destroy(first + i) != STATUS_OK;
    CHECK(n > 1000 && wrong == 0 && used(p) == before, "quota: all of it comes back with them");
}

// Tables of an address space and of a memory object are charged to their owners.
static void tables(void)
{
    uint32_t p = make(OBJECT_PROCESS, 4 * QUOTA, 8, SLOT_NONE, 0), m = make_memory(1);
    uint32_t its = slot_new();
    EXPECT(sys_create(OBJECT_MEMORY, its, p, 600, 0, 0, 0), STATUS_OK, "quota: a process with large memory");
    uint32_t ballast = squeeze(p, STEP);
    uint64_t before = used(p);
    EXPECT(sys_map(p, UINT64_C(1) << 40, m, RIGHT_READ), STATUS_NO_QUOTA,
           "quota: too little to map something");
    CHECK(used(p) <= before + STEP, "quota: no more than a step towards it is charged");
    EXPECT(sys_supply(its, 0, stock(), 0, 1, SUPPLY_MOVE), STATUS_NO_QUOTA,
           "quota: too little for a page's table");
    EXPECT(sys_destroy(ballast), STATUS_OK, "quota: there is room again");
    EXPECT(sys_map(p, UINT64_C(1) << 40, m, RIGHT_READ), STATUS_OK, "quota: enough to map");
    CHECK(used(p) > 0, "quota: mapping costs the process");
    fill(its, 0, 1);
}

const struct part quota_parts[] = {
    {"each type", each_type}, {"exhaustion", exhaustion}, {"tables", tables}, {0}};
