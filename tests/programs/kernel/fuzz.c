// Random calls with random arguments do no harm.
// SPDX-License-Identifier: MIT
//
// Two processes have capabilities to the same objects, of every type that a process may have, and call at
// random, with their UTCBs full of random words. After some thousand calls, or when both are stuck (waiting
// for what never comes, stopped, faulted), they are destroyed in whatever state they are, and others go on.
// At the end all memory must have come back. The objects hold no frames: these could be moved to where nobody
// finds them.
#include "libipc/time.h"
#include "tests/programs/kernel/topics.h"

enum {
    ROUNDS = 100000,
    ROUNDS_A_LIFE = 2500,
    LIVES_MAX = 2000,
    SLICE_NS = 400000,
    FUZZERS = 2,
    IDE = 1 << 3 | 1, // the function of the PIIX3 that nothing uses
    KINDS = OBJECT_TYPES + 2,
    POOL_SLACK = 64 // pages that the kernel keeps for small blocks
};

static uint64_t states[FUZZERS] = {0x2545f491, 0x9e3779b9};

static volatile uint64_t rounds, statuses[STATUS_COUNT];

static uint64_t random64(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Mostly what is nearly right: small numbers, slots that are filled, page and port numbers, edges.
static uint64_t argument(uint64_t *state)
{
    static const uint64_t edges[] = {
        0,    1,   UINT64_MAX, UINT64_C(1) << 63,     USER_ADDRESS_LIMIT,  UTCB_WINDOW,
        4096, 512, 0xffff,     UINT64_C(0x100000000), UINT64_C(0x40000000)};
    uint64_t r = random64(state);
    switch (r >> 60) {
    case 0: return random64(state);
    case 1: return edges[(r & 0xff) % (sizeof edges / sizeof *edges)];
    case 2: return (r & 0x1ff) << 21;
    case 3: return r & 0xffff;
    case 4:
    case 5: return r & 0x1ff;
    default: return (r & 0xff) % CHILD_SLOTS;
    }
}

static void fill_utcb(uint64_t *state)
{
    for (unsigned i = 0; i < MESSAGE_WORDS_MAX; i += 1 + (unsigned)(random64(state) & 15))
        utcb()->words[i] = argument(state);
    utcb()->deadline = (random64(state) & 3) ? now() + (random64(state) & 0xffff) : random64(state);
    ((uint64_t *)(void *)&utcb()->access)[random64(state) & 3] = argument(state);
    ((uint64_t *)(void *)&utcb()->vcpu)[random64(state) % (sizeof(struct vcpu_state) / 8)] = argument(state);
}

static uint64_t number(uint64_t *state)
{
    uint64_t n = random64(state) % (SYSCALL_COUNT + 1);
    if (n == SYS_REPLY_WAIT) // mostly with an end
        return SYS_REPLY_WAIT_RAX((random64(state) & 7) ? (random64(state) & 1) + 1 : random64(state) & 7,
                                  argument(state) & 0xffff, argument(state) & 0xffff);
    return n;
}

static void fuzzer(void *state)
{
    for (;;) {
        fill_utcb(state);
        uint64_t n = number(state), a = argument(state), b = argument(state);
        if (n == SYS_CREATE)
            a = random64(state) % KINDS | (random64(state) % CHILD_SLOTS) << 16;
        if (n == SYS_LOG)
            a |= sizeof utcb()->words + 1; // no garbage on the console
        if (n == SYS_THREAD_CTL && b == THREAD_EXIT)
            b = THREAD_RESUME;
        uint64_t s = syscall_raw(n, a, b, argument(state), argument(state), argument(state), argument(state));
        rounds++;
        if (s < STATUS_COUNT)
            statuses[s]++;
    }
}

// One of each, charged to the payer; zero arguments stand for what is made here before.
static const struct {
    enum object_type type;
    uint64_t a, b;
} kinds[] = {
    {OBJECT_PROCESS, 100000, 16},
    {OBJECT_ACCOUNT, 100, 0},
    {OBJECT_ENDPOINT, 0, 0},
    {OBJECT_REPLY, 0, 0},
    {OBJECT_REPLY, 0, 0},
    {OBJECT_NOTIFICATION, 0, 0},
    {OBJECT_MEMORY, 8, 0},
    {OBJECT_MEMORY, 700, 0},
    {OBJECT_VM, 0, 0},
    {OBJECT_SPACE, 0, 0},
    {OBJECT_VCPU, 0, 0},
    {OBJECT_THREAD, 0, 0},
    {OBJECT_DEVICE, IDE, ROOT_SLOT_SYSTEM},
};

enum { MADE = sizeof kinds / sizeof *kinds };

static void make_objects(uint32_t payer, uint32_t made[MADE])
{
    uint32_t of_type[OBJECT_TYPES] = {0};
    for (unsigned i = 0; i < MADE; i++) {
        enum object_type type = kinds[i].type;
        uint64_t a = kinds[i].a, b = kinds[i].b, c = 0;
        if (type == OBJECT_SPACE || type == OBJECT_VCPU)
            a = of_type[OBJECT_VM];
        if (type == OBJECT_VCPU) {
            b = of_type[OBJECT_SPACE];
            c = of_type[OBJECT_ENDPOINT];
        }
        if (type == OBJECT_THREAD) {
            a = payer;
            b = CREATE_EXEC(20, PRIORITY_LOW, 0);
        }
        made[i] = of_type[type] = slot_new();
        if (sys_create(type, made[i], payer, a, b, c, 0) != STATUS_OK)
            tap_bail_out("the fuzzers' object of type %u", type);
    }
}

static void start_fuzzers(struct child fuzzers[FUZZERS])
{
    uint32_t made[MADE];
    for (unsigned f = 0; f < FUZZERS; f++) {
        child_make(&fuzzers[f], make_endpoint());
        child_thread(&fuzzers[f], PRIORITY_LOW, fuzzer, &states[f]);
    }
    make_objects(fuzzers[0].process, made);
    for (unsigned f = 0; f < FUZZERS; f++) {
        uint32_t slot = 1;
        for (unsigned g = 0; g < FUZZERS; g++) {
            child_give(&fuzzers[f], slot++, fuzzers[g].process, RIGHT_ALL & ~(unsigned)RIGHT_DESTROY, 0);
            child_give(&fuzzers[f], slot++, fuzzers[g].thread, RIGHT_ALL, 0);
            child_give(&fuzzers[f], slot++, fuzzers[g].handler, RIGHT_ALL, 0);
        }
        for (unsigned i = 0; i < MADE; i++)
            child_give(&fuzzers[f], slot++, made[i], RIGHT_ALL, 0);
    }
    for (unsigned f = 0; f < FUZZERS; f++)
        (void)!sys_thread_ctl(fuzzers[f].thread, THREAD_RESUME, 0);
}

static void live(void)
{
    struct child fuzzers[FUZZERS];
    struct message m = {0};
    uint64_t before, badge, end = rounds + ROUNDS_A_LIFE;
    start_fuzzers(fuzzers);
    do {
        before = rounds;
        utcb()->deadline = deadline_in(SLICE_NS);
        (void)!sys_reply_wait(SLOT_NONE, WAIT_DEADLINE, 0, 0, &m, &badge);
    } while (rounds != before && rounds < end);
    slate_wipe();
}

static void random_calls(void)
{
    unsigned lives = 0, seen = 0;
    uint64_t pool = 0;
    for (rounds = 0; rounds < ROUNDS && lives < LIVES_MAX; lives++) {
        live();
        if (!pool)
            pool = pool_free();
    }
    for (unsigned s = 0; s < STATUS_COUNT; s++)
        seen += statuses[s] > 0;
    CHECK(rounds >= ROUNDS, "fuzz: %llu random calls in %u lives", (unsigned long long)rounds, lives);
    CHECK(seen >= 9, "fuzz: %u different statuses came back, OK %llu times", seen,
          (unsigned long long)statuses[STATUS_OK]);
    CHECK(pool_free() + POOL_SLACK >= pool, "fuzz: the kernel's pool is as full as before (%llu pages, %llu)",
          (unsigned long long)pool, (unsigned long long)pool_free());
}

const struct part fuzz_parts[] = {{"random calls", random_calls}, {0}};
