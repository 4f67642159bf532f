// The route table: random ranges against one entry an address
// SPDX-License-Identifier: MIT
// LINK: kernel/route.c kernel/object.c kernel/kmem.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/endpoint.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"
#include "tests/unit/kernel_pool.h"

enum {
    PORTS = 600,
    ROUNDS = 60000,
    SLOTS = 8,
    SLOT_VM = 1,
    SLOT_ENDPOINT,
    SLOT_DOORBELL,
    SLOT_MUTE,
    SLOT_REPLY
};

static struct process process;
static struct capability slots[SLOTS];
static struct thread thread = {.process = &process};
static struct vm *vm;

// The model: which route takes an address; 0: none. A route is known by its badge.
static uint64_t takes[2][ROUTE_DIRECTIONS][PORTS];
static struct {
    uint64_t first, last;
} of_badge[ROUNDS + 1];
static unsigned count[2][ROUTE_DIRECTIONS];

const struct virt_ops *virt = &(const struct virt_ops){0};
struct cpu host_cpu = {.current = &thread.exec};

enum status cap_error(const struct process *p, uint64_t slot, enum object_type type)
{
    return slot < p->slot_count && type != OBJECT_NONE ? STATUS_BAD_CAP : STATUS_NO_RIGHT;
}

static uint64_t route(uint64_t slot, uint64_t kind, uint64_t first, uint64_t last, uint64_t target,
                      uint64_t badge)
{
    struct object *o;
    struct request r = {.self = &process, .a = {slot, kind, first, last, target, badge}};
    enum status s = cap_get(&process, slot, OBJECT_VM, RIGHT_CONTROL, &o, NULL);
    r.object[0] = o;
    return s == STATUS_OK ? sys_route(&r) : s;
}

static void put(unsigned slot, struct object *o, uint32_t rights)
{
    slots[slot] = (struct capability){.ref = ref_to(o), .grip = GRIP(o->type, rights)};
}

static void assert_as_the_model(enum access_space space, enum route_direction d, uint64_t at)
{
    const struct route *r = route_find(vm, space, d, at);
    uint64_t badge = takes[space][d][at];
    if (!badge) {
        assert_true(!r || !ref_get(r->target.ref));
        return;
    }
    assert_non_null(r);
    assert_int_equal(r->target.badge, badge);
    assert_int_equal(r->first, of_badge[badge].first);
    assert_int_equal(r->last, of_badge[badge].last);
    assert_int_equal(r->count, badge); // it moves with its route
}

static enum status foretell_add(const unsigned *counts, uint64_t rights, uint64_t (*map)[PORTS],
                                uint64_t first, uint64_t last)
{
    for (unsigned d = 0; d < ROUTE_DIRECTIONS; d++) {
        if (!(rights & (RIGHT_READ << d)))
            continue;
        for (uint64_t at = first; at <= last; at++)
            if (map[d][at])
                return STATUS_EXISTS;
        if (counts[d] == ROUTES_MAX)
            return STATUS_NO_QUOTA;
    }
    return STATUS_OK;
}

static void add(enum access_space space, uint64_t rights, uint64_t first, uint64_t last, uint64_t badge)
{
    enum status expected = foretell_add(count[space], rights, takes[space], first, last);
    assert_int_equal(route(SLOT_VM, (uint64_t)space | rights << 8, first, last, SLOT_ENDPOINT, badge),
                     expected);
    if (expected != STATUS_OK)
        return;
    of_badge[badge].first = first;
    of_badge[badge].last = last;
    for (unsigned d = 0; d < ROUTE_DIRECTIONS; d++)
        if (rights & (RIGHT_READ << d)) {
            count[space][d]++;
            struct route *r = route_find(vm, space, d, first);
            assert_int_equal(r->count, 0);
            r->count = badge;
            for (uint64_t at = first; at <= last; at++)
                takes[space][d][at] = badge;
        }
}

static bool is_route(enum access_space space, unsigned d, uint64_t first, uint64_t last)
{
    uint64_t badge = takes[space][d][first];
    return badge && of_badge[badge].first == first && of_badge[badge].last == last;
}

static void take_away(enum access_space space, uint64_t rights, uint64_t first, uint64_t last)
{
    bool there = true;
    for (unsigned d = 0; d < ROUTE_DIRECTIONS; d++)
        there = there && (!(rights & (RIGHT_READ << d)) || is_route(space, d, first, last));
    uint64_t kind = (uint64_t)space | ROUTE_REMOVE | rights << 8;
    assert_int_equal(route(SLOT_VM, kind, first, last, SLOT_NONE, 0), there ? STATUS_OK : STATUS_NOT_FOUND);
    for (unsigned d = 0; there && d < ROUTE_DIRECTIONS; d++)
        if (rights & (RIGHT_READ << d)) {
            count[space][d]--;
            for (uint64_t at = first; at <= last; at++)
                takes[space][d][at] = 0;
        }
}

static void random_routes_match_the_model(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        enum access_space space = (enum access_space)(rand() % 2);
        uint64_t rights = 1 + (uint64_t)rand() % 3, first = (uint64_t)rand() % PORTS;
        uint64_t badge = takes[space][rand() % 2][first];
        uint64_t last = first + (uint64_t)rand() % 4;
        last = last < PORTS ? last : PORTS - 1;
        if (badge && rand() % 2)
            take_away(space, rights, of_badge[badge].first, of_badge[badge].last);
        else if (rand() % 8 == 0)
            take_away(space, rights, first, last);
        else
            add(space, rights, first, last, round);
        for (int i = 0; i < 4; i++)
            assert_as_the_model((enum access_space)(rand() % 2), (enum route_direction)(rand() % 2),
                                (uint64_t)rand() % PORTS);
        if (round % 512 == 0)
            for (unsigned i = 0; i < 4 * PORTS; i++)
                assert_as_the_model(i / PORTS / 2, i / PORTS % 2, i % PORTS);
    }
}

// Each is refused, and the table stays as it is.
static void what_makes_no_route_is_refused(void **state)
{
    const uint64_t rw = (RIGHT_READ | RIGHT_WRITE) << 8, w = RIGHT_WRITE << 8, p = ROUTE_PORT;
    (void)state;
    assert_int_equal(route(SLOT_ENDPOINT, p | rw, 1, 1, SLOT_ENDPOINT, 1), STATUS_BAD_CAP);
    assert_int_equal(route(SLOT_VM, p | rw, 2, 1, SLOT_ENDPOINT, 1), STATUS_BAD_ARG);
    assert_int_equal(route(SLOT_VM, p | rw, 0xffff, 0x10000, SLOT_ENDPOINT, 1), STATUS_BAD_ARG);
    assert_int_equal(route(SLOT_VM, p, 0xfff0, 0xfff0, SLOT_ENDPOINT, 1), STATUS_BAD_ARG);
    assert_int_equal(route(SLOT_VM, p | RIGHT_EXECUTE << 8, 0xfff0, 0xfff0, SLOT_ENDPOINT, 1),
                     STATUS_BAD_ARG);
    assert_int_equal(route(SLOT_VM, 3 | rw, 0xfff0, 0xfff0, SLOT_ENDPOINT, 1), STATUS_BAD_ARG);
    assert_int_equal(route(SLOT_VM, p | rw, 0xfff0, 0xfff0, SLOT_DOORBELL, 1), STATUS_BAD_ARG); // reads
    assert_int_equal(route(SLOT_VM, p | rw, 0xfff0, 0xfff0, SLOT_REPLY, 1), STATUS_BAD_CAP);
    assert_int_equal(route(SLOT_VM, p | rw, 0xfff0, 0xfff0, SLOT_MUTE, 1), STATUS_NO_RIGHT);
    assert_int_equal(route(SLOT_VM, p | rw, 0xfff0, 0xfff0, SLOT_NONE, 1), STATUS_NO_RIGHT);
    assert_null(route_find(vm, ACCESS_PORT, ROUTE_WRITES, 0xfff0));
    assert_int_equal(route(SLOT_VM, p | w, 0xfff0, 0xfff0, SLOT_DOORBELL, 1), STATUS_OK);
    assert_int_equal(route(SLOT_VM, p | ROUTE_REMOVE | w, 0xfff0, 0xfff0, SLOT_NONE, 0), STATUS_OK);
}

static void groups_of_exits_are_set(void **state)
{
    (void)state;
    assert_int_equal(vm->groups[EXIT_CPUID], GROUP_ALL);
    assert_int_equal(route(SLOT_VM, ROUTE_EXIT, EXIT_CPUID, EXIT_RDMSR, SLOT_NONE, GROUP_RIP), STATUS_OK);
    assert_int_equal(vm->groups[EXIT_CPUID], GROUP_RIP);
    assert_int_equal(vm->groups[EXIT_RDMSR], GROUP_RIP);
    assert_int_equal(vm->groups[EXIT_WRMSR], GROUP_ALL);
    assert_int_equal(route(SLOT_VM, ROUTE_EXIT, 0, EXIT_KINDS, SLOT_NONE, 0), STATUS_BAD_ARG);
    assert_int_equal(route(SLOT_VM, ROUTE_EXIT, 2, 1, SLOT_NONE, 0), STATUS_BAD_ARG);
    assert_int_equal(route(SLOT_VM, ROUTE_EXIT, 0, 0, SLOT_NONE, GROUP_ALL + 1), STATUS_BAD_ARG);
}

static int set_up(void **state)
{
    (void)state;
    pool_init(POOL_PAGES - 1);
    objects_init();
    payer_init(&process, 1u << 24);
    process.slots = slots;
    process.slot_count = SLOTS;
    vm = (struct vm *)object_new(OBJECT_VM, sizeof *vm, &process);
    if (!vm || vm_make(vm, NULL) != STATUS_OK)
        return 1;
    put(SLOT_VM, &vm->object, RIGHT_CONTROL);
    put(SLOT_ENDPOINT, object_new(OBJECT_ENDPOINT, sizeof(struct endpoint), &process), RIGHT_SEND);
    put(SLOT_DOORBELL, object_new(OBJECT_NOTIFICATION, sizeof(struct notification), &process), RIGHT_SEND);
    put(SLOT_MUTE, object_new(OBJECT_ENDPOINT, sizeof(struct endpoint), &process), RIGHT_RECEIVE);
    put(SLOT_REPLY, object_new(OBJECT_REPLY, sizeof(struct reply), &process), RIGHT_SEND);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_routes_match_the_model),
        cmocka_unit_test(what_makes_no_route_is_refused),
        cmocka_unit_test(groups_of_exits_are_set),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
