// External interrupts of guests: offered, taken when the guest can, never lost, never twice.
// SPDX-License-Identifier: MIT
#include "libipc/time.h"
#include "tests/programs/common/machine.h"
#include "tests/programs/kernel/topics.h"

enum { CPUID_BYTES = 2, HLT_BYTES = 1, TIMERS = 10000, ROUNDS = 16, SPREAD = 8, R13 = 13, R14 = 14 };

static bool offer_waits(const struct machine *m)
{
    return m->word[EXIT_INFO] & EXIT_OFFER_PENDING;
}

static void offers(void)
{
    struct machine m;
    machine_start(&m, "interrupts", GUEST_64);
    CHECK(machine_reports(&m, 1) && !(m.word[EXIT_INFO] & EXIT_INTERRUPTIBLE), "IF is clear");
    m.answer.offer = OFFER_MAKE(0x31);
    CHECK(machine_reports(&m, 0) && offer_waits(&m), "an interrupt offered with IF clear waits");
    CHECK(machine_reports(&m, 1) && !offer_waits(&m), "it is taken after STI");
    CHECK(machine_reports(&m, 0), "but not in its shadow");
    CHECK(machine_reports(&m, 2) && (m.word[EXIT_INFO] & EXIT_INTERRUPTIBLE), "IF is set");
    m.answer.offer = OFFER_MAKE(0x32);
    CHECK(machine_reports(&m, 2) && !offer_waits(&m), "an interrupt offered with IF set is taken");
    CHECK(machine_reports(&m, 0), "at once");
    CHECK(machine_reports(&m, 3), "the next offer");
    m.answer.offer = OFFER_MAKE(0x33);
    CHECK(machine_reports(&m, 4) && offer_waits(&m), "waits");
    m.answer.offer = 0;
    CHECK(machine_reports(&m, 2), "and is withdrawn: it never comes");
    CHECK(machine_reports(&m, 5), "the last offer");
    m.answer.offer = OFFER_MAKE(0x34);
    CHECK(machine_go(&m) == EXIT_CPUID && offer_waits(&m) && machine_state()->blocking == BLOCKING_STI,
          "an exit in the shadow of STI: it waits on");
    machine_skip(&m, CPUID_BYTES);
    CHECK(machine_reports(&m, 3), "it comes");
    CHECK(machine_reports(&m, 0), "after the instruction in the shadow");
    EXPECT(sys_info(m.vcpu, INFO_OBJECT), STATUS_OK, "info: the vCPU");
    CHECK(((const struct info_vcpu *)(const void *)utcb()->words)->interrupts == 3, "info: three were taken");
}

static uint64_t random64(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// Finishes an exit of the guest `timers` as a monitor would.
static bool finish(struct machine *m)
{
    switch (m->kind) {
    case EXIT_KICK: return true;
    case EXIT_CPUID: machine_skip(m, CPUID_BYTES); return true;
    case EXIT_HLT: machine_skip(m, HLT_BYTES); return true;
    default: return false;
    }
}

// How long it takes to get into the guest and out again: timers that are all much shorter would leave it no
// time.
static uint64_t round_trip(struct machine *m)
{
    uint64_t before = now();
    for (unsigned i = 0; i < ROUNDS; i++) {
        m->answer.deadline = 1;
        (void)machine_go(m);
    }
    return (now() - before) / ROUNDS;
}

static void timers(void)
{
    struct machine m;
    unsigned given = 0;
    bool good = true;
    machine_start(&m, "timers", GUEST_64);
    uint64_t spread = SPREAD * round_trip(&m);
    m.answer.deadline = now() + 1;
    while (good && (given < TIMERS || m.answer.offer)) {
        (void)machine_go(&m);
        good = finish(&m);
        if (!m.answer.offer && given < TIMERS && (m.kind == EXIT_HLT || !m.answer.deadline)) {
            m.answer.offer = OFFER_MAKE(32 + random64() % 224);
            given++;
        }
        if (!m.answer.deadline || m.answer.deadline < now())
            m.answer.deadline = now() + 1 + random64() % spread;
    }
    m.answer.deadline = 0;
    while (good && m.kind != EXIT_CPUID) { // the handler of the last one may not have begun
        (void)machine_go(&m);
        good = finish(&m);
    }
    uint64_t taken = machine_state()->gpr[R14], masked = machine_state()->gpr[R13];
    CHECK(good, "random timers: nothing but the exits expected (%u)", m.kind);
    CHECK(taken == TIMERS, "random timers: of %u interrupts given %llu came", given,
          (unsigned long long)taken);
    CHECK(masked == 0, "random timers: none of them with IF clear");
}

const struct part interrupt_parts[] = {{"offers", offers}, {"random timers", timers}, {0}};
