// Guests in real mode and 32-bit code; guests that do anything at all.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/time.h"
#include "tests/guests/guest.h"
#include "tests/programs/common/machine.h"
#include "tests/programs/kernel/topics.h"

enum { MOV_CR = 3, MOV_MEMORY = 6, CPUID_BYTES = 2, UD = 6, GP = 13 };

static void real_mode(void)
{
    struct machine m;
    machine_start(&m, "real", GUEST_REAL);
    CHECK(machine_reports(&m, 0xcdab), "real mode: INT through the table at 0");
    CHECK(machine_reports(&m, 0x5678), "real mode: segments");
    CHECK(machine_go(&m) == EXIT_PIO && (m.word[EXIT_INFO] & EXIT_STRING) && (m.word[EXIT_INFO] & EXIT_REP),
          "real mode: REP INSB");
    machine_skip(&m, EXIT_INFO_LENGTH(m.word[EXIT_INFO]));
    CHECK(machine_go(&m) == EXIT_HLT, "real mode: HLT");
    machine_skip(&m, 1);
    CHECK(machine_reports(&m, 0x13) && machine_state()->seg[SEG_CS].base == 0x130, "real mode: a far jump");
    CHECK(machine_reports(&m, 1), "real mode: the guest goes on");
    m.answer.offer = OFFER_MAKE(0x22);
    CHECK(machine_reports(&m, 0), "real mode: an interrupt offered with IF clear waits");
    CHECK(machine_reports(&m, 1), "real mode: it is taken after STI");
    CHECK(machine_reports(&m, 2), "real mode: the guest goes on");
    m.answer.event = EVENT_MAKE(EVENT_EXCEPTION, UD);
    CHECK(machine_reports(&m, 0x101), "real mode: an exception is injected");
}

static void protected_mode(void)
{
    struct machine m;
    uint64_t *gpr = machine_state()->gpr;
    machine_start(&m, "protected", GUEST_32);
    CHECK(machine_reports(&m, 0x12345678), "32-bit code: OUT");
    CHECK(machine_go(&m) == EXIT_PIO, "32-bit code: IN");
    machine_port(&m, 0x99);
    CHECK(machine_reports(&m, 0x12345699), "32-bit code: its value");
    CHECK(machine_go(&m) == EXIT_MMIO && m.word[EXIT_ADDRESS] == 0xfee00020,
          "32-bit code: a read where nothing is");
    gpr[GPR_RCX] = 0x4711;
    m.answer.groups = GROUP_GPR_ABCD;
    machine_skip(&m, MOV_MEMORY);
    CHECK(machine_reports(&m, 0x4711), "32-bit code: carried out by the monitor");
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 4, "32-bit code: CR4.PSE");
    machine_state()->cr4 = gpr[GPR_RAX];
    m.answer.groups = GROUP_CR;
    machine_skip(&m, MOV_CR);
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 0, "32-bit code: CR0.PG");
    machine_state()->cr0 = gpr[GPR_RAX];
    m.answer.groups = GROUP_CR;
    machine_skip(&m, MOV_CR);
    CHECK(machine_reports(&m, 1), "32-bit code: it runs with paging");
    CHECK(machine_go(&m) == EXIT_CPUID, "32-bit code: CPUID");
    gpr[GPR_RAX] = 0x55;
    m.answer.groups = GROUP_GPR_ABCD;
    machine_skip(&m, CPUID_BYTES);
    CHECK(machine_reports(&m, 0x55), "32-bit code: its value");
    CHECK(machine_reports(&m, 2), "32-bit code: the guest goes on");
    m.answer.offer = OFFER_MAKE(0x22);
    CHECK(machine_reports(&m, 0), "32-bit code: an interrupt offered with IF clear waits");
    CHECK(machine_reports(&m, 1), "32-bit code: it is taken after STI");
    CHECK(machine_reports(&m, 3), "32-bit code: the guest goes on");
    m.answer.event = EVENT_MAKE(EVENT_EXCEPTION, GP) | EVENT_ERROR(0x28);
    CHECK(machine_writes(&m, PORT_ERROR, 0x28), "32-bit code: an exception with an error code is injected");
    CHECK(machine_reports(&m, 4), "32-bit code: it goes on where it was");
}

// The monitor carries out the MOV that turns PAE paging on, and so loads what that loads.
static void pae(void)
{
    enum { POINTERS = 0x3000 };
    struct machine m;
    struct vcpu_state *s = machine_state();
    machine_start(&m, "pae", GUEST_32);
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 4, "PAE: CR4");
    s->cr4 = s->gpr[GPR_RAX];
    m.answer.groups = GROUP_CR;
    machine_skip(&m, MOV_CR);
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 0, "PAE: CR0");
    s->cr0 = s->gpr[GPR_RAX];
    memcpy(s->pdpte, m.ram + POINTERS, sizeof s->pdpte);
    m.answer.groups = GROUP_CR;
    machine_skip(&m, MOV_CR);
    CHECK(machine_reports(&m, 1), "PAE: the guest runs with paging");
    CHECK(machine_reports(&m, 0x1234), "PAE: by its tables");
    CHECK(machine_reports(&m, 0x5678), "PAE: MOV to CR3 is the guest's");
}

static uint64_t random64(void)
{
    static uint64_t state = 0xdeadbeefcafef00d;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// A monitor without knowledge of instructions: #UD, or a few bytes on, or what the register writes ask for.
static void improvise(struct machine *m)
{
    struct vcpu_state *s = machine_state();
    uint64_t r = random64();
    switch (m->kind) {
    case EXIT_PIO: machine_port(m, r); break;
    case EXIT_RDMSR:
    case EXIT_CPUID:
        s->gpr[GPR_RAX] = r;
        m->answer.groups = GROUP_GPR_ABCD;
        machine_skip(m, 2);
        break;
    default:
        if (r & 1)
            machine_skip(m, (unsigned)(r >> 1 & 7));
        else
            m->answer.event = EVENT_MAKE(EVENT_EXCEPTION, UD);
    }
    if ((r & 0x700) == 0x700)
        m->answer.offer = OFFER_MAKE(32 + (r >> 12 & 127));
}

// Random bytes as code, in every mode. Whatever the guest does, it stops at most itself. In exact time only,
// where each run is the same: QEMU 7.2 takes no interrupt between stores into the code that makes them, so an
// emulated CPU that meets a long REP STOS over itself is lost to its host, too; a real one is not.
static void garbage(void)
{
    enum { GUESTS = 60, EXITS = 200, CODE_BYTES = 0x4000 };
    struct machine m;
    unsigned exits = 0, stuck = 0, kinds = 0;
    machine_make(&m);
    for (unsigned g = 0; g < GUESTS; g++) {
        machine_load(&m, "cpuid", (enum guest_mode)(g % 3));
        for (unsigned i = 0; i < CODE_BYTES; i += 8) {
            uint64_t r = random64();
            memcpy(m.ram + GUEST_ENTRY + i, &r, sizeof r);
        }
        for (unsigned i = 0; i < EXITS; i++, exits++) {
            m.answer.deadline = deadline_in(NS_PER_MS);
            if (machine_go(&m) == NO_EXIT) {
                stuck += m.status == STATUS_TIMEOUT;
                break;
            }
            kinds |= 1u << m.kind;
            if (m.kind == EXIT_TRIPLE_FAULT || m.kind == EXIT_ERROR || m.kind == EXIT_KICK)
                break;
            improvise(&m);
        }
        if (m.kind == NO_EXIT) { // what the monitor made up was refused, or it is stuck
            if (sys_vcpu_ctl(m.vcpu, VCPU_CANCEL, 0) != STATUS_OK ||
                sys_vcpu_ctl(m.vcpu, VCPU_RESUME, 0) != STATUS_OK)
                stuck += 1000;
            (void)!sys_vcpu_ctl(m.vcpu, VCPU_KICK, 0);
            (void)machine_wait(&m);
        }
        m.answer.offer = 0;
    }
    CHECK(stuck == 0, "garbage: %u exits of %u guests of random bytes, kinds %x", exits, GUESTS, kinds);
    machine_load(&m, "cpuid", GUEST_64);
    m.answer.deadline = 0;
    CHECK(machine_go(&m) == EXIT_CPUID, "garbage: the vCPU serves a good guest afterwards");
}

// A good state with some words of it changed: bits flipped, or at random.
static void disturb(struct vcpu_state *s)
{
    uint64_t *word = (uint64_t *)(void *)s;
    for (uint64_t n = 1 + random64() % 3; n; n--) {
        uint64_t at = GPR_COUNT + random64() % (sizeof *s / sizeof *word - GPR_COUNT), r = random64();
        word[at] = (r & 3) ? word[at] ^ UINT64_C(1) << (r >> 8 & 63) : r;
    }
}

// What a monitor may set is refused by the kernel, or by the processor with an exit ERROR, or it runs; and
// the vCPU can be given a good state afterwards.
static void states(void)
{
    enum { ROUNDS = 1500 };
    static struct vcpu_state good[3];
    struct machine m;
    unsigned refused = 0, failed = 0, ran = 0, stuck = 0;
    machine_make(&m);
    for (unsigned mode = 0; mode < 3; mode++) {
        machine_load(&m, "cpuid", (enum guest_mode)mode);
        good[mode] = *machine_state();
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        *machine_state() = good[i % 3];
        disturb(machine_state());
        m.answer.groups = GROUP_ALL;
        m.answer.deadline = deadline_in(NS_PER_MS);
        if (machine_go(&m) != NO_EXIT) {
            failed += m.kind == EXIT_ERROR;
            ran += m.kind != EXIT_ERROR;
        } else if (m.status == STATUS_BAD_ARG) {
            refused++;
        } else {
            stuck++;
        }
    }
    CHECK(stuck == 0 && refused && ran, "states: of %u at random %u are refused, %u fail, %u run", ROUNDS,
          refused, failed, ran);
    machine_load(&m, "cpuid", GUEST_64);
    m.answer.deadline = 0;
    CHECK(machine_go(&m) == EXIT_CPUID, "states: the vCPU serves a good guest afterwards");
}

// EFER.LME without PAE and paging: at the next exit an emulated CPU would leave the host without paging.
static void long_mode_half_way(void)
{
    enum { EFER_LME = 0x100 };
    struct machine m;
    machine_start(&m, "protected", GUEST_32);
    machine_state()->efer = EFER_LME;
    CHECK(machine_reports(&m, 0x12345678), "LME without PAE and paging: the guest runs, the host lives");
    CHECK(machine_state()->efer == EFER_LME, "LME without PAE and paging: the guest has what it was given");
}

const struct part mode_parts[] = {{"real mode", real_mode},
                                  {"32-bit", protected_mode},
                                  {"PAE", pae},
                                  {"long mode half way", long_mode_half_way},
                                  {0}};
const struct part garbage_parts[] = {{"random code", garbage}, {"random states", states}, {0}};
