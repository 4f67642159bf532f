// Every kind of exit, by tiny guests.
// SPDX-License-Identifier: MIT
#include "libipc/time.h"
#include "tests/guests/guest.h"
#include "tests/programs/common/machine.h"
#include "tests/programs/kernel/topics.h"

enum {
    UD = 6,
    GP = 13,
    PF = 14,
    NMI = 2,
    MOV_CR = 3,
    MOV_CR8 = 4,
    CPUID_BYTES = 2,
    MSR_BYTES = 2,
    MOV_DR = 3,
    INVALIDATE_BYTES = 2,
    VMCALL_BYTES = 3,
    XSETBV_BYTES = 3,
    HLT_BYTES = 1
};

static uint64_t *gpr(void)
{
    return machine_state()->gpr;
}

static bool access_is(const struct machine *m, uint16_t port, unsigned size, uint64_t flags)
{
    uint64_t info = m->word[EXIT_INFO], all = EXIT_WRITE | EXIT_STRING | EXIT_REP;
    return m->kind == EXIT_PIO && m->word[EXIT_ADDRESS] == port && EXIT_INFO_SIZE(info) == size &&
           (info & all) == flags && EXIT_INFO_LENGTH(info) > 0;
}

static void strings(struct machine *m)
{
    static const uint64_t flags[] = {EXIT_STRING, EXIT_STRING | EXIT_WRITE, EXIT_STRING | EXIT_REP,
                                     EXIT_STRING | EXIT_REP | EXIT_WRITE};
    static const char *const names[] = {"INS", "OUTS", "REP INS", "REP OUTS"};
    for (unsigned size = 1; size <= 4; size *= 2)
        for (unsigned i = 0; i < 4; i++) {
            (void)machine_go(m);
            CHECK(access_is(m, 0x345, size, flags[i]),
                  "%s of %u bytes goes to the monitor, with size and direction", names[i], size);
            machine_skip(m, EXIT_INFO_LENGTH(m->word[EXIT_INFO]));
        }
}

static void ports(void)
{
    static const uint16_t write_ports[] = {0x40, 0x41, 0x42, 0x345, 0x345, 0x345};
    static const unsigned sizes[] = {1, 2, 4, 1, 2, 4};
    struct machine m;
    unsigned wrong = 0;
    machine_start(&m, "pio", GUEST_64);
    for (unsigned i = 0; i < 6; i++) {
        uint64_t mask = (UINT64_C(1) << 8 * sizes[i]) - 1;
        wrong += !machine_writes(&m, write_ports[i], (uint32_t)(0x11223344 & mask));
        wrong += !access_is(&m, write_ports[i], sizes[i], EXIT_WRITE);
    }
    CHECK(wrong == 0, "OUT of 1, 2 and 4 bytes, immediate and by DX: port, size, value");
    CHECK(machine_go(&m) == EXIT_PIO && access_is(&m, 0x40, 1, 0), "IN of a byte");
    machine_port(&m, 0xa5);
    CHECK(machine_reports(&m, 0xffffffa5), "gives AL and keeps the rest");
    CHECK(machine_go(&m) == EXIT_PIO && access_is(&m, 0x41, 2, 0), "IN of two bytes");
    machine_port(&m, 0x1234);
    CHECK(machine_reports(&m, 0xffff1234), "gives AX and keeps the rest");
    CHECK(machine_go(&m) == EXIT_PIO && access_is(&m, 0x345, 4, 0), "IN of four bytes by DX");
    machine_port(&m, 0xdeadbeef);
    CHECK(machine_reports(&m, 0xdeadbeef) && machine_reports(&m, 0), "gives EAX and clears the upper half");
    strings(&m);
    CHECK(machine_go(&m) == EXIT_PIO && m.word[EXIT_ADDRESS] == PORT_DONE, "the guest is done");
}

static void cpuid(void)
{
    struct machine m;
    machine_start(&m, "cpuid", GUEST_64);
    CHECK(machine_go(&m) == EXIT_CPUID && gpr()[GPR_RAX] == 0x40000000 && gpr()[GPR_RCX] == 7,
          "CPUID: leaf, subleaf");
    for (unsigned i = 0; i < 4; i++)
        gpr()[i] = i + 1;
    m.answer.groups = GROUP_GPR_ABCD;
    machine_skip(&m, CPUID_BYTES);
    CHECK(machine_reports(&m, GPR_RAX + 1) && machine_reports(&m, GPR_RBX + 1) &&
              machine_reports(&m, GPR_RCX + 1) && machine_reports(&m, GPR_RDX + 1),
          "CPUID: the guest gets what the monitor says");
}

static bool exception_comes(struct machine *m, uint32_t vector, uint32_t error)
{
    return machine_writes(m, PORT_EXCEPTION, vector) && machine_writes(m, PORT_ERROR, error);
}

static void inject(struct machine *m, uint64_t vector, uint64_t error_code)
{
    m->answer.event = EVENT_MAKE(EVENT_EXCEPTION, vector) | error_code;
}

static void msrs(void)
{
    struct machine m;
    machine_start(&m, "msr", GUEST_64);
    CHECK(machine_go(&m) == EXIT_RDMSR && gpr()[GPR_RCX] == 0xc0000080, "RDMSR: its number");
    gpr()[GPR_RAX] = 0xaaaa;
    gpr()[GPR_RDX] = 0xbbbb;
    m.answer.groups = GROUP_GPR_ABCD;
    machine_skip(&m, MSR_BYTES);
    CHECK(machine_reports(&m, 0xaaaa) && machine_reports(&m, 0xbbbb), "RDMSR: the value given");
    CHECK(machine_go(&m) == EXIT_WRMSR && gpr()[GPR_RCX] == 0x1234 && gpr()[GPR_RAX] == 0x55667788 &&
              gpr()[GPR_RDX] == 0x11223344,
          "WRMSR: number and value");
    machine_skip(&m, MSR_BYTES);
    CHECK(machine_go(&m) == EXIT_RDMSR && gpr()[GPR_RCX] == 0xdead, "RDMSR of one that is not there");
    inject(&m, GP, EVENT_ERROR(0));
    CHECK(exception_comes(&m, GP, 0), "the guest gets #GP");
    CHECK(machine_go(&m) == EXIT_WRMSR, "WRMSR of it");
    inject(&m, GP, EVENT_ERROR(0));
    CHECK(exception_comes(&m, GP, 0), "the guest gets #GP");
    CHECK(machine_writes(&m, PORT_DONE, 0x0d & 0xff) || m.word[EXIT_ADDRESS] == PORT_DONE,
          "the guest is done");
}

static void control_registers(void)
{
    struct machine m;
    machine_start(&m, "cr", GUEST_64);
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 0, "MOV to CR0 with NW and without CD");
    inject(&m, GP, EVENT_ERROR(0));
    CHECK(exception_comes(&m, GP, 0), "refused: #GP");
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 0, "MOV to CR0 with NW and CD");
    machine_state()->cr0 = gpr()[GPR_RAX];
    m.answer.groups = GROUP_CR;
    machine_skip(&m, MOV_CR);
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 4 &&
              machine_state()->cr0 == (gpr()[GPR_RBX] | 0xe0010031),
          "CLTS is the guest's; MOV to CR4 of a reserved bit");
    inject(&m, GP, EVENT_ERROR(0));
    CHECK(exception_comes(&m, GP, 0), "refused: #GP");
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 4, "MOV to CR4");
    machine_state()->cr4 = gpr()[GPR_RBX];
    m.answer.groups = GROUP_CR;
    machine_skip(&m, MOV_CR);
    CHECK(exception_comes(&m, GP, 0), "MOV to CR3 is the guest's; with a reserved bit: #GP without an exit");
    CHECK(machine_state()->cr4 == gpr()[GPR_RBX], "CR4 has the value given");
    CHECK(machine_reports(&m, GUEST_CR3), "CR3 is unchanged");
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 8, "MOV to CR8");
    machine_state()->cr8 = gpr()[GPR_RAX];
    m.answer.groups = GROUP_CR;
    machine_skip(&m, MOV_CR8);
    CHECK(machine_reports(&m, 5), "MOV from CR8 is the guest's");
}

// Which of the two instructions calls the monitor is the vendor's choice; the other is undefined.
static bool hypercalls(struct machine *m)
{
    unsigned calls = 0, undefined = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (machine_go(m) == EXIT_VMCALL) {
            calls++;
            machine_skip(m, VMCALL_BYTES);
            continue;
        }
        undefined += m->word[EXIT_ADDRESS] == PORT_EXCEPTION && m->word[EXIT_VALUE] == UD;
        machine_port(m, 0);
        (void)machine_writes(m, PORT_ERROR, 0);
    }
    return calls == 1 && undefined == 1 && machine_reports(m, 1);
}

static void privileged(void)
{
    struct machine m;
    machine_start(&m, "privileged", GUEST_64);
    CHECK(machine_go(&m) == EXIT_DR && m.word[EXIT_ADDRESS] == 7 && (m.word[EXIT_INFO] & EXIT_WRITE),
          "MOV to DR7");
    machine_state()->dr7 = gpr()[GPR_RAX];
    m.answer.groups = GROUP_DR;
    machine_skip(&m, MOV_DR);
    CHECK(machine_go(&m) == EXIT_DR && m.word[EXIT_ADDRESS] == 7 && !(m.word[EXIT_INFO] & EXIT_WRITE) &&
              machine_state()->dr7 == 0x455,
          "MOV from DR7; it has the value given");
    gpr()[GPR_RBX] = 0x466;
    m.answer.groups = GROUP_GPR_ABCD;
    machine_skip(&m, MOV_DR);
    CHECK(machine_reports(&m, 0x466), "the guest gets what the monitor says");
    CHECK(machine_go(&m) == EXIT_INVALIDATE, "WBINVD");
    machine_skip(&m, INVALIDATE_BYTES);
    CHECK(machine_go(&m) == EXIT_INVALIDATE, "INVD");
    machine_skip(&m, INVALIDATE_BYTES);
    CHECK(hypercalls(&m), "a hypercall in the vendor's way exits, in the other's it is #UD");
    CHECK(machine_go(&m) == EXIT_PRIVILEGED, "RDPMC");
    inject(&m, UD, 0);
    CHECK(exception_comes(&m, UD, 0), "the guest gets #UD");
    CHECK(machine_go(&m) == EXIT_PRIVILEGED, "MONITOR");
    inject(&m, UD, 0);
    CHECK(exception_comes(&m, UD, 0), "the guest gets #UD");
    CHECK(machine_go(&m) == EXIT_CR && m.word[EXIT_ADDRESS] == 4, "CR4.OSXSAVE");
    machine_state()->cr4 = gpr()[GPR_RAX];
    m.answer.groups = GROUP_CR;
    machine_skip(&m, MOV_CR);
    if (machine_go(&m) == EXIT_XSETBV) { // else it has executed
        machine_state()->xcr0 = gpr()[GPR_RAX];
        m.answer.groups = GROUP_XCR0;
        machine_skip(&m, XSETBV_BYTES);
        (void)machine_go(&m);
    }
    CHECK(m.kind == EXIT_PIO && m.word[EXIT_ADDRESS] == PORT_REPORT && m.word[EXIT_VALUE] == 3 &&
              machine_state()->xcr0 == 3,
          "XSETBV: guest and monitor see the value");
}

static uint64_t pending(const struct machine *m)
{
    return sys_info(m->vcpu, INFO_OBJECT) == STATUS_OK ? ((struct info_vcpu *)(void *)utcb()->words)->pending
                                                       : 0;
}

static void halt(void)
{
    struct machine m;
    machine_start(&m, "hlt", GUEST_64);
    CHECK(machine_go(&m) == EXIT_HLT, "HLT");
    uint64_t until = m.answer.deadline = deadline_in(NS_PER_MS);
    machine_skip(&m, HLT_BYTES);
    m.answer.action = VCPU_HALT;
    CHECK(machine_go(&m) == EXIT_KICK && (m.word[EXIT_INFO] & EXIT_DEADLINE) && now() >= until,
          "halted: a KICK at the deadline, not before");
    CHECK(machine_reports(&m, 1), "it goes on behind the HLT");
    CHECK(machine_go(&m) == EXIT_HLT, "HLT");
    machine_skip(&m, HLT_BYTES);
    m.answer.action = VCPU_HALT;
    EXPECT(machine_answer(&m), STATUS_OK, "halted without a deadline");
    settle();
    CHECK(pending(&m) == PENDING_HALT, "info: it is halted");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_KICK, 0), STATUS_OK, "a kick");
    CHECK(machine_wait(&m) == EXIT_KICK && !(m.word[EXIT_INFO] & EXIT_DEADLINE), "wakes it");
    CHECK(machine_reports(&m, 2), "it goes on");
    CHECK(machine_go(&m) == EXIT_HLT && (machine_state()->blocking & BLOCKING_STI),
          "HLT in the shadow of STI");
    machine_skip(&m, HLT_BYTES);
    m.answer.offer = OFFER_MAKE(0x30);
    CHECK(machine_reports(&m, 1), "an interrupt offered instead: taken behind the HLT");
    CHECK(machine_go(&m) == EXIT_HLT && !(m.word[EXIT_INFO] & EXIT_INTERRUPTIBLE), "HLT with IF clear");
    machine_skip(&m, HLT_BYTES);
    CHECK(machine_reports(&m, 1), "it can be ended too");
}

static void triple_fault(void)
{
    struct machine m;
    machine_start(&m, "triple", GUEST_64);
    CHECK(machine_go(&m) == EXIT_TRIPLE_FAULT, "a triple fault");
    machine_load(&m, "cpuid", GUEST_64);
    CHECK(machine_go(&m) == EXIT_CPUID, "the vCPU can be given a new state and goes on");
}

static void injection(void)
{
    struct machine m;
    machine_start(&m, "inject", GUEST_64);
    CHECK(machine_reports(&m, 1), "the guest runs");
    inject(&m, UD, 0);
    CHECK(exception_comes(&m, UD, 0), "an exception without error code");
    CHECK(machine_reports(&m, 2), "it goes on where it was");
    inject(&m, GP, EVENT_ERROR(0x18));
    CHECK(exception_comes(&m, GP, 0x18), "an exception with an error code");
    CHECK(machine_reports(&m, 3), "it goes on where it was");
    inject(&m, PF, EVENT_ERROR(2));
    machine_state()->cr2 = 0x1234;
    m.answer.groups |= GROUP_CR;
    CHECK(exception_comes(&m, PF, 2) && machine_reports(&m, 0x1234), "a page fault with its address");
    CHECK(machine_reports(&m, 4), "it goes on where it was");
    m.answer.event = EVENT_MAKE(EVENT_NMI, NMI);
    CHECK(machine_writes(&m, PORT_EXCEPTION, NMI), "an NMI");
    CHECK(machine_state()->blocking & BLOCKING_NMI, "further NMIs are blocked");
    m.answer.offer = OFFER_NMI_WINDOW;
    CHECK(machine_writes(&m, PORT_ERROR, 0) && (m.word[EXIT_INFO] & EXIT_OFFER_PENDING),
          "until the handler is done");
    CHECK(machine_go(&m) == EXIT_NMI_WINDOW && !(machine_state()->blocking & BLOCKING_NMI),
          "then comes an exit");
    CHECK(machine_reports(&m, 5), "the guest goes on");
    m.answer.event = EVENT_MAKE(EVENT_SOFTWARE, 0x80);
    CHECK(machine_reports(&m, 1), "a software interrupt, with IF clear");
    CHECK(machine_go(&m) == EXIT_PIO && m.word[EXIT_ADDRESS] == PORT_DONE, "the guest is done");
}

static void memory(void)
{
    enum { MOV_READ = 3, MOV_IMMEDIATE = 7, MOV_BYTE = 3, MOV_TO_MEMORY = 6 };
    struct machine m;
    machine_start(&m, "memory", GUEST_64);
    uint32_t pager = make_copy(m.endpoint, RIGHT_SEND, 5), ram = make(OBJECT_MEMORY, 8, pager, SLOT_NONE, 0);
    uint32_t rom = make_memory(1);
    uint64_t rw = RIGHT_READ | RIGHT_WRITE;
    fill(rom, 0, 1);
    *(volatile uint32_t *)look(rom, rw) = 0x99;
    EXPECT(sys_map(m.space, 0x400000, ram, rw), STATUS_OK, "RAM that comes on demand");
    EXPECT(sys_map(m.space, 0x600000, rom, RIGHT_READ), STATUS_OK, "RAM that may only be read");
    CHECK(machine_go(&m) == NO_PAGE && m.word[PAGE_FAULT_PAGE] == 0 && m.word[PAGE_FAULT_RIGHTS] == rw,
          "a write to a missing page: a message to its pager");
    fill(ram, 0, 1);
    *(volatile uint32_t *)look(ram, rw) = 0;
    CHECK(machine_wait(&m) == EXIT_PIO && m.word[EXIT_VALUE] == 0x1234, "the page comes: the guest goes on");
    machine_port(&m, 0);
    CHECK(machine_go(&m) == NO_PAGE && m.word[PAGE_FAULT_PAGE] == 1 &&
              m.word[PAGE_FAULT_RIGHTS] == RIGHT_READ,
          "a read of a missing page");
    fill(ram, 1, 1);
    CHECK(machine_wait(&m) == EXIT_PIO, "the page comes: the guest goes on");
    machine_port(&m, 0);
    CHECK(machine_go(&m) == EXIT_MMIO && m.word[EXIT_ADDRESS] == 0xfee00020 &&
              !(m.word[EXIT_INFO] & EXIT_WRITE),
          "a read where nothing is: address and direction");
    gpr()[GPR_RAX] = 0x4711;
    m.answer.groups = GROUP_GPR_ABCD;
    machine_skip(&m, MOV_READ);
    CHECK(machine_reports(&m, 0x4711), "carried out by the monitor");
    CHECK(machine_go(&m) == EXIT_MMIO && m.word[EXIT_ADDRESS] == 0xfee00030 &&
              (m.word[EXIT_INFO] & EXIT_WRITE),
          "a write where nothing is");
    machine_skip(&m, MOV_IMMEDIATE);
    CHECK(machine_go(&m) == EXIT_MMIO && m.word[EXIT_ADDRESS] == 0xfee00021,
          "a read of a byte: exact address");
    machine_skip(&m, MOV_BYTE);
    CHECK(machine_go(&m) == EXIT_MMIO && m.word[EXIT_ADDRESS] == 0x600000 &&
              (m.word[EXIT_INFO] & EXIT_WRITE) && gpr()[GPR_RAX] == 0x99,
          "memory that may only be read: read without an exit, a write exits");
    EXPECT(sys_info(m.vcpu, INFO_OBJECT), STATUS_OK, "info: the vCPU");
    const struct info_vcpu *i = (const struct info_vcpu *)(const void *)utcb()->words;
    CHECK(i->page_faults == 2 && i->exits_by_kind[EXIT_MMIO] == 4, "info: page faults and exits are counted");
    machine_skip(&m, MOV_TO_MEMORY);
    CHECK(machine_go(&m) == EXIT_MMIO && m.word[EXIT_ADDRESS] == 0xfee01000 &&
              (m.word[EXIT_INFO] & EXIT_FETCH),
          "a jump to where nothing is");
    machine_state()->rip = gpr()[GPR_RCX];
    m.answer.groups = GROUP_RIP;
    CHECK(machine_go(&m) == EXIT_MMIO && m.word[EXIT_ADDRESS] == 0xfed00000 &&
              (m.word[EXIT_INFO] & EXIT_PAGE_WALK),
          "page tables where nothing is");
}

const struct part exit_parts[] = {{"ports", ports},
                                  {"cpuid", cpuid},
                                  {"msr", msrs},
                                  {"control registers", control_registers},
                                  {"privileged", privileged},
                                  {"hlt", halt},
                                  {"triple fault", triple_fault},
                                  {"injection", injection},
                                  {"memory", memory},
                                  {0}};
