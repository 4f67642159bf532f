// Capabilities: create, grant, revoke, destroy.
// SPDX-License-Identifier: MIT
#include "tests/programs/kernel/topics.h"

static enum status create(enum object_type type, uint64_t slot, uint64_t payer)
{
    return sys_create(type, slot, payer, 0, 0, 0, 0);
}

static void creation(void)
{
    uint32_t free_slot = slot_new(), endpoint = make_endpoint();
    EXPECT(create(OBJECT_NONE, free_slot, SELF), STATUS_BAD_ARG, "create: no type");
    EXPECT(create(OBJECT_SYSTEM, free_slot, SELF), STATUS_BAD_ARG, "create: a second system");
    EXPECT(create(OBJECT_TYPES, free_slot, SELF), STATUS_BAD_ARG, "create: an unknown type");
    EXPECT(create((enum object_type)0xffff, free_slot, SELF), STATUS_BAD_ARG, "create: a type far off");
    EXPECT(create(OBJECT_ENDPOINT, SLOT_NONE, SELF), STATUS_BAD_ARG, "create: into slot 0");
    EXPECT(create(OBJECT_ENDPOINT, SLOT_BEYOND, SELF), STATUS_BAD_ARG,
           "create: into a slot that is not there");
    EXPECT(create(OBJECT_ENDPOINT, UINT64_C(1) << 40, SELF), STATUS_BAD_ARG, "create: into a slot far off");
    EXPECT(create(OBJECT_ENDPOINT, endpoint, SELF), STATUS_EXISTS, "create: into a slot that is taken");
    EXPECT(create(OBJECT_ENDPOINT, free_slot, EMPTY_SLOT), STATUS_BAD_CAP, "create: nobody pays");
    EXPECT(create(OBJECT_ENDPOINT, free_slot, SELF_THREAD), STATUS_BAD_CAP, "create: a thread cannot pay");
    uint32_t poor = make_copy(SELF, RIGHT_ALL & ~(unsigned)RIGHT_PAY, 0);
    EXPECT(create(OBJECT_ENDPOINT, free_slot, poor), STATUS_NO_RIGHT, "create: charged without PAY");
    EXPECT(create(OBJECT_ENDPOINT, free_slot, SELF), STATUS_OK,
           "create: the slot is still free after all that");
}

static void granting(void)
{
    uint32_t n = make_notification(), target = slot_new();
    uint64_t most = RIGHT_ALL & ~(unsigned)RIGHT_DESTROY;
    uint32_t weak = make_copy(n, RIGHT_SEND | RIGHT_GRANT, 5), stuck = make_copy(n, RIGHT_SEND, 0);
    uint32_t closed = make_copy(SELF, RIGHT_ALL & ~(unsigned)RIGHT_GRANT, 0);
    EXPECT(sys_grant(EMPTY_SLOT, target, n, most, 0), STATUS_BAD_CAP, "grant: to nobody");
    EXPECT(sys_grant(n, target, n, most, 0), STATUS_BAD_CAP, "grant: to something that is no process");
    EXPECT(sys_grant(closed, target, n, most, 0), STATUS_NO_RIGHT, "grant: to a process without GRANT on it");
    EXPECT(sys_grant(SELF, target, EMPTY_SLOT, 0, 0), STATUS_BAD_CAP, "grant: from an empty slot");
    EXPECT(sys_grant(SELF, target, stuck, RIGHT_SEND, 0), STATUS_NO_RIGHT,
           "grant: what may not be granted on");
    EXPECT(sys_grant(SELF, n, n, most, 0), STATUS_EXISTS, "grant: into a slot that is taken");
    EXPECT(sys_grant(SELF, SLOT_NONE, n, most, 0), STATUS_BAD_ARG, "grant: into slot 0");
    EXPECT(sys_grant(SELF, SLOT_BEYOND, n, most, 0), STATUS_BAD_ARG, "grant: into a slot that is not there");
    EXPECT(sys_grant(SELF, target, weak, RIGHT_SEND | RIGHT_RECEIVE, 0), STATUS_NO_RIGHT,
           "grant: rights cannot grow");
    EXPECT(sys_grant(SELF, target, n, UINT64_C(1) << 40, 0), STATUS_NO_RIGHT,
           "grant: rights that do not exist");
    EXPECT(sys_grant(SELF, target, weak, RIGHT_SEND, 6), STATUS_NO_RIGHT, "grant: a badge cannot be changed");
    EXPECT(sys_grant(SELF, target, weak, RIGHT_SEND, 5), STATUS_OK, "grant: the same badge again");
    EXPECT(sys_destroy(target), STATUS_NO_RIGHT, "grant: the copy has only the rights that were given");
    EXPECT(sys_grant(SELF, slot_new(), weak, RIGHT_SEND, 0), STATUS_OK,
           "grant: without naming the badge it is kept");
}

static void revoking(void)
{
    uint32_t e = make_endpoint(), copy = make_copy(e, RIGHT_ALL, 0);
    uint32_t closed = make_copy(SELF, RIGHT_ALL & ~(unsigned)RIGHT_GRANT, 0);
    EXPECT(sys_revoke(EMPTY_SLOT, copy), STATUS_BAD_CAP, "revoke: from nobody");
    EXPECT(sys_revoke(e, copy), STATUS_BAD_CAP, "revoke: from something that is no process");
    EXPECT(sys_revoke(closed, copy), STATUS_NO_RIGHT, "revoke: from a process without GRANT on it");
    EXPECT(sys_revoke(SELF, SLOT_NONE), STATUS_BAD_ARG, "revoke: slot 0");
    EXPECT(sys_revoke(SELF, SLOT_BEYOND), STATUS_BAD_ARG, "revoke: a slot that is not there");
    EXPECT(sys_revoke(SELF, EMPTY_SLOT), STATUS_NOT_FOUND, "revoke: an empty slot");
    EXPECT(sys_revoke(SELF, copy), STATUS_OK, "revoke: a copy");
    EXPECT(sys_destroy(copy), STATUS_BAD_CAP, "revoke: the copy is gone");
    EXPECT(sys_revoke(SELF, copy), STATUS_NOT_FOUND, "revoke: twice");
    EXPECT(sys_destroy(e), STATUS_OK, "revoke: the object is not");
    EXPECT(sys_revoke(SELF, e), STATUS_NOT_FOUND, "revoke: a dead capability is nothing");
}

static void destruction(void)
{
    uint32_t e = make_endpoint(), copy = make_copy(e, RIGHT_ALL, 0);
    uint32_t weak = make_copy(e, RIGHT_ALL & ~(unsigned)RIGHT_DESTROY, 0);
    EXPECT(sys_destroy(SLOT_NONE), STATUS_BAD_CAP, "destroy: slot 0");
    EXPECT(sys_destroy(EMPTY_SLOT), STATUS_BAD_CAP, "destroy: an empty slot");
    EXPECT(sys_destroy(SLOT_BEYOND), STATUS_BAD_CAP, "destroy: a slot that is not there");
    EXPECT(sys_destroy(weak), STATUS_NO_RIGHT, "destroy: without DESTROY");
    EXPECT(sys_destroy(ROOT_SLOT_SYSTEM), STATUS_BUSY, "destroy: the system");
    EXPECT(sys_destroy(SELF), STATUS_BUSY, "destroy: the own process");
    EXPECT(sys_destroy(SELF_THREAD), STATUS_BUSY, "destroy: the own thread");
    EXPECT(sys_destroy(ROOT_SLOT_ACCOUNT), STATUS_BUSY, "destroy: the root account");
    EXPECT(sys_destroy(stock()), STATUS_BUSY, "destroy: memory that holds pages");
    EXPECT(sys_destroy(copy), STATUS_OK, "destroy: by any capability that allows it");
    EXPECT(sys_destroy(e), STATUS_BAD_CAP, "destroy: all capabilities are dead at once");
    EXPECT(create(OBJECT_ENDPOINT, copy, SELF), STATUS_OK,
           "destroy: a slot with a dead capability can be filled");
    EXPECT(sys_destroy(e), STATUS_BAD_CAP, "destroy: a dead capability does not wake up with a new object");
    EXPECT(sys_grant(SELF, slot_new(), e, 0, 0), STATUS_BAD_CAP,
           "destroy: a dead capability cannot be granted");
}

// Numbers of objects are given again; capabilities to the former holder must stay dead for ever.
static void generations(void)
{
    uint32_t old = make_notification(), watch = make_copy(old, RIGHT_ALL, 0);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 1000; i++) {
        wrong += sys_destroy(old) != STATUS_OK;
        wrong += sys_signal(watch) != STATUS_BAD_CAP;
        wrong += create(OBJECT_NOTIFICATION, old, SELF) != STATUS_OK;
        wrong += sys_signal(watch) != STATUS_BAD_CAP;
    }
    CHECK(wrong == 0, "destroy: 1000 objects at the same number, and the first one's capability is dead");
}

const struct part capability_parts[] = {{"create", creation},         {"grant", granting},
                                        {"revoke", revoking},         {"destroy", destruction},
                                        {"generations", generations}, {0}};
