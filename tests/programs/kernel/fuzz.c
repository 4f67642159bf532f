// Random calls with random arguments do no harm.
// SPDX-License-Identifier: MIT
//
// A child has capabilities of every type that a process may have and calls at random, with its UTCB full of
// random words. When it is stuck (it waits for what never comes, stopped itself, faulted) its process is
// destroyed in whatever state it is, and another one goes on. At the end all memory must have come back. The
// child's memory objects hold no frames but what belongs to the round.
#include "libipc/time.h"
#include "tests/programs/kernel/topics.h"

enum { ROUNDS = 100000, SLICE_NS = 400000, OBJECTS = 20, SEED = 0x2545f491, KINDS = 24 };

static volatile uint64_t rounds, statuses[STATUS_COUNT];
static uint64_t state = SEED;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// Mostly what is nearly right: small numbers, slots that are filled, page and port numbers, edges.
static uint64_t argument(void)
{
    static const uint64_t edges[] = {
        0,    1,   UINT64_MAX, UINT64_C(1) << 63,     USER_ADDRESS_LIMIT,  UTCB_WINDOW,
        4096, 512, 0xffff,     UINT64_C(0x100000000), UINT64_C(0x40000000)};
    uint64_t r = random64();
    switch (r >> 60) {
    case 0: return random64();
    case 1: return edges[(r & 0xff) % (sizeof edges / sizeof *edges)];
    case 2: return (r & 0x1ff) << 21;
    case 3: return r & 0xffff;
    case 4:
    case 5: return r & 0x1ff;
    default: return (r & 0xff) % CHILD_SLOTS;
    }
}

static void fill_utcb(void)
{
    for (unsigned i = 0; i < MESSAGE_WORDS_MAX; i += 1 + (unsigned)(random64() & 15))
        utcb()->words[i] = argument();
    utcb()->deadline = (random64() & 3) ? now() + (random64() & 0xffff) : random64();
    ((uint64_t *)(void *)&utcb()->access)[random64() & 3] = argument();
    ((uint64_t *)(void *)&utcb()->vcpu)[random64() % (sizeof(struct vcpu_state) / 8)] = argument();
}

static uint64_t number(void)
{
    uint64_t n = random64() % (SYSCALL_COUNT + 1);
    if (n == SYS_REPLY_WAIT) // mostly with an end
        return SYS_REPLY_WAIT_RAX((random64() & 7) ? (random64() & 1) + 1 : random64() & 7,
                                  argument() & 0xffff, argument() & 0xffff);
    return n;
}

static void fuzzer(void *unused)
{
    (void)unused;
    for (;;) {
        fill_utcb();
        uint64_t n = number(), a = argument(), b = argument();
        if (n == SYS_CREATE)
            a = random64() % KINDS | (random64() % CHILD_SLOTS) << 16;
        if (n == SYS_LOG)
            a |= sizeof utcb()->words + 1; // no garbage on the console
        if (n == SYS_THREAD_CTL && b == THREAD_EXIT)
            b = THREAD_RESUME;
        uint64_t s = syscall_raw(n, a, b, argument(), argument(), argument(), argument());
        rounds++;
        if (s < STATUS_COUNT)
            statuses[s]++;
    }
}

// One of each, all rights, charged to the child.
static void outfit(struct child *c)
{
    uint32_t slot = 1;
    child_make(c, make_endpoint());
    child_thread(c, PRIORITY_LOW, fuzzer, NULL);
    child_give(c, slot++, c->process, RIGHT_ALL, 0);
    child_give(c, slot++, c->thread, RIGHT_ALL, 0);
    child_give(c, slot++, c->handler, RIGHT_ALL, 0);
    for (unsigned i = 0; i < OBJECTS; i++) {
        uint32_t own = slot_new();
        enum object_type type = (enum object_type)(OBJECT_PROCESS + i % (OBJECT_VCPU - OBJECT_PROCESS + 1));
        static const uint64_t first[OBJECT_TYPES] = {
            [OBJECT_PROCESS] = 100000, [OBJECT_ACCOUNT] = 100, [OBJECT_MEMORY] = 700};
        static const uint64_t second[OBJECT_TYPES] = {[OBJECT_PROCESS] = 16};
        uint64_t a = type == OBJECT_THREAD ? c->process : first[type], b = second[type];
        if (type == OBJECT_THREAD)
            b = CREATE_EXEC(20 + i, PRIORITY_LOW, 0);
        if (sys_create(type, own, c->process, a, b, 0, 0) == STATUS_OK)
            child_give(c, slot++, own, RIGHT_ALL, 0);
    }
}

static void run_for_a_while(void)
{
    struct child c;
    uint64_t before, wait_badge;
    struct message m = {0};
    outfit(&c);
    (void)!sys_thread_ctl(c.thread, THREAD_RESUME, 0);
    do {
        before = rounds;
        utcb()->deadline = deadline_in(SLICE_NS);
        (void)!sys_reply_wait(SLOT_NONE, WAIT_DEADLINE, 0, 0, &m, &wait_badge);
    } while (rounds != before && rounds < ROUNDS);
}

static void everything(void)
{
    unsigned lives = 0;
    uint64_t pool = 0;
    for (rounds = 0; rounds < ROUNDS; lives++) {
        run_for_a_while();
        slate_wipe();
        if (!pool)
            pool = pool_free();
    }

    CHECK(lives > 0, "fuzz: %llu random calls in %u lives", (unsigned long long)rounds, lives);
    unsigned seen = 0;
    for (unsigned s = 0; s < STATUS_COUNT; s++)
        seen += statuses[s] > 0;
    CHECK(seen >= 8, "fuzz: %u different statuses came back, OK %llu times", seen,
          (unsigned long long)statuses[STATUS_OK]);
}

const struct part fuzz_parts[] = {{"random calls", everything}, {0}};
