// Accesses of guests along routes: device servers, doorbells, the monitor's own accesses.
// SPDX-License-Identifier: MIT
#include "tests/guests/guest.h"
#include "tests/programs/common/machine.h"
#include "tests/programs/kernel/topics.h"

#define BOTH  ((uint64_t)(RIGHT_READ | RIGHT_WRITE) << 8)
#define READ  ((uint64_t)RIGHT_READ << 8)
#define WRITE ((uint64_t)RIGHT_WRITE << 8)
#define VALUE UINT64_C(0xa7a6a5a4a3a2a1a0)

enum { CHILD_ENDPOINT = 1, CHILD_REPLY = 2, BADGE = 77 };

static volatile struct {
    uint64_t count, badge, offset, value, info, sequence, deliveries;
} last;

// A device: reads give VALUE plus the offset.
static void device(void *answers)
{
    struct message m = {0};
    uint64_t badge;
    uint32_t reply = SLOT_NONE;
    while (sys_reply_wait(CHILD_ENDPOINT, 0, reply, CHILD_REPLY, &m, &badge) == STATUS_OK) {
        last.badge = m.tag == TAG(LABEL_ACCESS, ACCESS_WORDS) ? badge : 0;
        last.offset = m.words[ACCESS_OFFSET];
        last.value = m.words[ACCESS_VALUE];
        last.info = m.words[ACCESS_INFO];
        last.sequence = utcb()->sequence;
        last.deliveries = utcb()->deliveries;
        last.count++;
        if (!answers)
            (void)!sys_reply_wait(SLOT_NONE, 0, SLOT_NONE, SLOT_NONE, &m, &badge);
        m = MESSAGE(0, VALUE + last.offset);
        reply = CHILD_REPLY;
    }
}

static uint32_t start_device(struct child *c, uint32_t endpoint, bool answers)
{
    uint32_t reply = make_reply();
    child_make(c, SLOT_NONE);
    child_give(c, CHILD_ENDPOINT, endpoint, RIGHT_RECEIVE, 0);
    child_give(c, CHILD_REPLY, reply, RIGHT_SEND | RIGHT_RECEIVE, 0);
    child_run(c, PRIORITY_HIGH, device, answers ? c : NULL);
    return reply;
}

static bool last_is(uint64_t offset, uint64_t value, unsigned size, bool write)
{
    return last.badge == BADGE && last.offset == offset && last.value == value &&
           last.info == ACCESS_INFO_MAKE(size, write, 0);
}

// How often the n-th route of ports was taken; UINT64_MAX: it is not this one, or leads elsewhere.
static uint64_t counted(uint32_t vm, bool write, uint64_t n, uint64_t first, uint32_t target)
{
    const struct info_route *r = (const struct info_route *)(const void *)utcb()->words;
    const struct info_other *o = (const struct info_other *)(const void *)utcb()->words;
    if (sys_info(target, INFO_OBJECT) != STATUS_OK)
        return UINT64_MAX;
    uint64_t number = o->number;
    bool found = sys_info_route(vm, INFO_ROUTE_LIST(ACCESS_PORT, write), n) == STATUS_OK;
    return found && r->first == first && r->target == number ? r->count : UINT64_MAX;
}

static void routes_count(const struct machine *m, uint32_t device, uint32_t doorbell)
{
    const struct info_route *r = (const struct info_route *)(const void *)utcb()->words;
    CHECK(counted(m->vm, false, 0, 0x300, device) == 3 && counted(m->vm, true, 0, 0x300, device) == 1 &&
              counted(m->vm, true, 1, 0x310, doorbell) == 1,
          "info: each route counts what took it");
    EXPECT(sys_info_route(m->vm, INFO_ROUTE_LIST(ACCESS_PORT, false), 1), STATUS_OK, "info: a free place");
    CHECK(!r->target && !r->count, "info: there is nothing");
    EXPECT(sys_route(m->vm, ROUTE_PORT | WRITE | ROUTE_REMOVE, 0x300, 0x307, SLOT_NONE, 0), STATUS_OK,
           "route: taken away");
    CHECK(counted(m->vm, true, 0, 0x310, doorbell) == 1, "info: the others keep their counts");
    EXPECT(sys_info_route(m->vm, INFO_ROUTE_LISTS, 0), STATUS_BAD_ARG, "info: no such list of routes");
    EXPECT(sys_info_route(m->vm, 0, 64), STATUS_BAD_ARG, "info: no such place");
    EXPECT(sys_info_route(m->vcpu, 0, 0), STATUS_BAD_CAP, "info: routes of what is no VM");
    EXPECT(sys_destroy(doorbell), STATUS_OK, "route: its doorbell is destroyed");
    EXPECT(sys_info_route(m->vm, INFO_ROUTE_LIST(ACCESS_PORT, true), 0), STATUS_OK, "info: the route stays");
    CHECK(!r->target && r->count == 1, "info: it leads to nobody");
}

static void ports(void)
{
    struct machine m;
    struct child c;
    struct message bits = {0};
    uint64_t badge;
    uint32_t e = make_endpoint(), n = make_notification();
    (void)start_device(&c, e, true);
    machine_start(&m, "routes", GUEST_64);
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH, 0x300, 0x307, e, BADGE), STATUS_OK,
           "route: eight ports to a device");
    EXPECT(sys_route(m.vm, ROUTE_PORT | WRITE, 0x310, 0x311, n, 4), STATUS_OK,
           "route: writes of two ports to a doorbell");
    CHECK(machine_reports(&m, 0xffffffa0) && last_is(0, 0, 1, false), "a device answers a read of a byte");
    CHECK(machine_reports(&m, 0xffffa1a2) && last_is(2, 0, 2, false), "of two bytes at an offset");
    CHECK(machine_reports(&m, 0xa3a2a1a4) && last_is(4, 0, 4, false) && machine_reports(&m, 0),
          "of four bytes");
    uint64_t sequence = last.sequence;
    CHECK(machine_reports(&m, 1), "a write, and a doorbell, and the guest goes on");
    CHECK(last_is(0, 0xabcdef, 4, true) && last.count == 4, "the device got the write");
    CHECK(last.sequence > sequence && last.deliveries == 0, "its sequence number is a new one");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_BIND, n), STATUS_OK, "the doorbell");
    EXPECT(sys_reply_wait(SLOT_NONE, WAIT_POLL, 0, 0, &bits, &badge), STATUS_OK, "has rung");
    CHECK(bits.words[0] == 4, "with its badge");
    CHECK(machine_go(&m) == EXIT_PIO && m.word[EXIT_ADDRESS] == 0x310 && !(m.word[EXIT_INFO] & EXIT_WRITE),
          "a read there goes to the monitor");
    machine_port(&m, 0);
    CHECK(machine_go(&m) == EXIT_PIO && m.word[EXIT_ADDRESS] == 0x307,
          "so does an access over the route's end");
    EXPECT(sys_info(m.vcpu, INFO_OBJECT), STATUS_OK, "info: the vCPU");
    const struct info_vcpu *i = (const struct info_vcpu *)(const void *)utcb()->words;
    CHECK(i->accesses == 4 && i->doorbells == 1, "info: accesses and doorbells are counted");
    routes_count(&m, e, n);
}

static void wrong_routes(void)
{
    struct machine m;
    machine_make(&m);
    uint32_t e = make_endpoint(), n = make_notification(), mute = make_copy(e, RIGHT_RECEIVE, 0);
    uint32_t closed = make_copy(m.vm, RIGHT_READ, 0);
    EXPECT(sys_route(EMPTY_SLOT, ROUTE_PORT | BOTH, 1, 1, e, 0), STATUS_BAD_CAP, "route: of nothing");
    EXPECT(sys_route(m.vcpu, ROUTE_PORT | BOTH, 1, 1, e, 0), STATUS_BAD_CAP, "route: of what is no VM");
    EXPECT(sys_route(closed, ROUTE_PORT | BOTH, 1, 1, e, 0), STATUS_NO_RIGHT, "route: without CONTROL");
    EXPECT(sys_route(m.vm, 3 | BOTH, 1, 1, e, 0), STATUS_BAD_ARG, "route: an unknown kind");
    EXPECT(sys_route(m.vm, ROUTE_PORT, 1, 1, e, 0), STATUS_BAD_ARG, "route: no direction");
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH | RIGHT_SEND << 8, 1, 1, e, 0), STATUS_BAD_ARG,
           "route: another right");
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH, 2, 1, e, 0), STATUS_BAD_ARG,
           "route: the last before the first");
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH, 1, 0x10000, e, 0), STATUS_BAD_ARG,
           "route: ports that are not there");
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH, 1, 1, EMPTY_SLOT, 0), STATUS_BAD_CAP, "route: to nothing");
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH, 1, 1, SELF, 0), STATUS_BAD_CAP, "route: to a process");
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH, 1, 1, mute, 0), STATUS_NO_RIGHT,
           "route: to an endpoint without SEND");
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH, 1, 1, n, 0), STATUS_BAD_ARG, "route: reads to a doorbell");
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH, 10, 19, e, 0), STATUS_OK, "route: ten ports");
    EXPECT(sys_route(m.vm, ROUTE_PORT | READ, 19, 25, e, 0), STATUS_EXISTS, "route: overlapping at the end");
    EXPECT(sys_route(m.vm, ROUTE_PORT | WRITE, 5, 10, e, 0), STATUS_EXISTS,
           "route: overlapping at the beginning");
    EXPECT(sys_route(m.vm, ROUTE_PORT | WRITE, 0, 100, e, 0), STATUS_EXISTS, "route: around it");
    EXPECT(sys_route(m.vm, ROUTE_GPA | BOTH, 10, 19, e, 0), STATUS_OK, "route: memory is another space");
    EXPECT(sys_route(m.vm, ROUTE_REMOVE | ROUTE_PORT | BOTH, 10, 18, 0, 0), STATUS_NOT_FOUND,
           "remove: another range");
    EXPECT(sys_route(m.vm, ROUTE_REMOVE | ROUTE_PORT | READ, 10, 19, 0, 0), STATUS_OK,
           "remove: one direction");
    EXPECT(sys_route(m.vm, ROUTE_REMOVE | ROUTE_PORT | BOTH, 10, 19, 0, 0), STATUS_NOT_FOUND,
           "remove: both, one is gone");
    EXPECT(sys_route(m.vm, ROUTE_PORT | READ, 10, 10, e, 0), STATUS_OK,
           "route: there is room in that direction");
    unsigned n_routes = 0;
    enum status s;
    while ((s = sys_route(m.vm, ROUTE_GPA | WRITE, 4096 - 8 * n_routes, 4096 - 8 * n_routes, e, 0)) ==
           STATUS_OK)
        n_routes++;
    CHECK(s == STATUS_NO_QUOTA && n_routes == 63, "route: 64 a direction (%u more)", n_routes);
    EXPECT(sys_route(m.vm, ROUTE_EXIT, 0, EXIT_KINDS, 0, GROUP_ALL), STATUS_BAD_ARG,
           "groups: of an unknown exit");
    EXPECT(sys_route(m.vm, ROUTE_EXIT, 0, 1, 0, GROUP_ALL + 1), STATUS_BAD_ARG, "groups: unknown ones");
}

// State comes with an exit as the groups say, and nothing else does.
static void groups(void)
{
    struct machine m;
    machine_start(&m, "cpuid", GUEST_64);
    EXPECT(sys_route(m.vm, ROUTE_EXIT, EXIT_CPUID, EXIT_CPUID, 0, GROUP_GPR_ABCD | GROUP_RIP), STATUS_OK,
           "groups: two");
    machine_state()->seg[SEG_CS].base = 0;
    EXPECT(machine_answer(&m), STATUS_OK, "the guest starts");
    machine_state()->cr0 = 0x5555;
    machine_state()->rip = 0;
    CHECK(machine_wait(&m) == EXIT_CPUID && machine_state()->rip > GUEST_ENTRY &&
              machine_state()->gpr[GPR_RAX] == 0x40000000,
          "groups: these came");
    CHECK(machine_state()->cr0 == 0x5555, "groups: others did not");
}

static void send_access(struct machine *m, uint64_t address, unsigned size, bool write, unsigned flags)
{
    utcb()->access = (struct vcpu_access){.address = address,
                                          .value = 0x1122334455667788,
                                          .cookie = 0xc00c1e,
                                          .space = ACCESS_MEMORY,
                                          .size = (uint8_t)size,
                                          .write = write,
                                          .flags = (uint8_t)flags};
    m->answer.action = VCPU_ACCESS;
}

static void monitors_access(void)
{
    struct machine m;
    struct child c;
    uint32_t e = make_endpoint();
    (void)start_device(&c, e, true);
    machine_start(&m, "loop", GUEST_64);
    EXPECT(sys_route(m.vm, ROUTE_GPA | BOTH, 0xfee00000, 0xfee00fff, e, BADGE), STATUS_OK,
           "route: memory to a device");
    CHECK(machine_go(&m) == EXIT_PIO, "the guest's exit");
    machine_port(&m, 0);
    send_access(&m, 0xfee00020, 4, false, 0);
    CHECK(machine_go(&m) == EXIT_ACCESS_DONE && last_is(0x20, 0x1122334455667788, 4, false),
          "an access instead: a read");
    CHECK(m.word[EXIT_VALUE] == ((VALUE + 0x20) & 0xffffffff) && m.word[EXIT_ADDRESS] == 0xc00c1e,
          "comes back with value and cookie");
    send_access(&m, 0xfee00028, 8, false, 0);
    CHECK(machine_go(&m) == EXIT_ACCESS_DONE && m.word[EXIT_VALUE] == VALUE + 0x28, "a read of eight bytes");
    send_access(&m, 0xfee00ffe, 4, false, 0);
    CHECK(machine_go(&m) == EXIT_ACCESS_DONE && m.word[EXIT_VALUE] == 0xffffffff,
          "over the route's end: all ones");
    send_access(&m, 0x12345678, 2, false, 0);
    CHECK(machine_go(&m) == EXIT_ACCESS_DONE && m.word[EXIT_VALUE] == 0xffff, "where no route is: all ones");
    send_access(&m, 0xfee00010, 2, true, ACCESS_RETURN);
    CHECK(machine_go(&m) == EXIT_ACCESS_DONE && last_is(0x10, 0x1122334455667788, 2, true),
          "a write that is to come back");
    send_access(&m, 0xfee00010, 1, true, 0);
    CHECK(machine_go(&m) == EXIT_PIO && last_is(0x10, 0x1122334455667788, 1, true),
          "a write: the guest goes on");
    static const struct {
        unsigned space, size;
        uint64_t address;
        const char *what;
    } bad[] = {{2, 4, 0, "an unknown space"},
               {0, 0, 0, "no bytes"},
               {0, 3, 0, "three bytes"},
               {0, 16, 0, "sixteen bytes"},
               {0, 1, 0x10000, "a port that is not there"}};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        send_access(&m, bad[i].address, bad[i].size, false, 0);
        utcb()->access.space = (uint8_t)bad[i].space;
        EXPECT(machine_answer(&m), STATUS_BAD_ARG, "an access of %s", bad[i].what);
    }
}

static void device_dies(void)
{
    struct machine m;
    struct child c;
    uint32_t e = make_endpoint(), reply = start_device(&c, e, false);
    machine_start(&m, "routes", GUEST_64);
    EXPECT(sys_route(m.vm, ROUTE_PORT | BOTH, 0x300, 0x307, e, BADGE), STATUS_OK,
           "route: to a device that hangs");
    EXPECT(machine_answer(&m), STATUS_OK, "the guest reads");
    settle();
    uint64_t sequence = last.sequence;
    CHECK(last_is(0, 0, 1, false) && last.deliveries == 0, "the device got the access");
    child_end(&c);
    (void)start_device(&c, e, false);
    CHECK(last_is(0, 0, 1, false) && last.deliveries == 1 && last.sequence == sequence,
          "it dies: the next one gets it again, same sequence number");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_CANCEL, 0), STATUS_OK, "cancel: the access is taken back");
    EXPECT(answer_call(reply, 1), STATUS_STALE, "cancel: nobody can answer it");
    child_end(&c);
    (void)start_device(&c, e, true);
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_RESUME, 0), STATUS_OK, "resume: it is sent again");
    CHECK(machine_wait(&m) == EXIT_PIO && m.word[EXIT_VALUE] == 0xffffffa0,
          "resume: and answered; the guest goes on");
    EXPECT(sys_destroy(e), STATUS_OK, "the device's endpoint dies");
    machine_port(&m, 0);
    CHECK(machine_go(&m) == EXIT_PIO && m.word[EXIT_ADDRESS] == 0x302, "its ports are the monitor's again");
}

const struct part route_parts[] = {{"ports", ports},
                                   {"wrong routes", wrong_routes},
                                   {"groups", groups},
                                   {"the monitor's accesses", monitors_access},
                                   {"a device dies", device_dies},
                                   {0}};
