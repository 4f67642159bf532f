// The seam between the kernel and the vendors' virtualization: one constant struct of functions.
// SPDX-License-Identifier: MIT
//
// Nothing outside kernel/virt knows SVM from VMX. A back-end normalises exits to struct vcpu_exit, moves
// state between its control block and struct vcpu_state by one table of rows, and hides what its hardware (or
// an emulator of it) gets wrong in one named place. The core owns the general registers (vcpu->gpr), the
// XSAVE area and XCR0, routes, page faults and scheduling.
#pragma once

#include "kernel/platform/x86.h"
#include "kernel/vcpu.h"
#include "libipc/abi/info.h"

struct cpu;

enum virt_result {
    VIRT_EXIT,      // vcpu->exit says what happened
    VIRT_INTERRUPT, // a host interrupt is pending, or an NMI was handled; the guest may then go on at once
    VIRT_RESUME,    // within a back-end: nobody else's business, so the guest goes on
};

struct virt_ops {
    const char *name; // "SVM"
    enum virtualization kind;
    uint64_t features; // enum vcpu_feature; valid after probe
    size_t vcpu_bytes; // of contiguous zeroed page-aligned kernel memory that vcpu->hw points to

    // NULL when this CPU can do all that we need; else one line that says what is missing. Allocates what all
    // vCPUs share.
    const char *(*probe)(void);
    // Once on each CPU, after probe.
    void (*cpu_enable)(struct cpu *cpu);

    // The control block in vcpu->hw for a vCPU in its space, at the architectural reset state.
    void (*vcpu_init)(struct vcpu *vcpu);
    // Before the memory goes.
    void (*vcpu_release)(struct vcpu *vcpu);

    // Runs the guest until it exits. Interrupts are off on the CPU before and after. The general registers go
    // in from and come out to vcpu->gpr. On return, an offer that the guest took is zero in vcpu->offer. XCR0
    // is the core's to set before and to read back afterwards.
    enum virt_result (*run)(struct vcpu *vcpu);

    // The groups of the state, but GPR and XCR0. What decides whether the guest could take an interrupt is
    // read on the way: read() returns it. write() cannot fail, and relies on virt_check_write().
    bool (*read)(const struct vcpu *vcpu, uint32_t groups, struct vcpu_state *state);
    void (*write)(struct vcpu *vcpu, uint32_t groups, const struct vcpu_state *state);

    void (*inject)(struct vcpu *vcpu,
                   uint64_t event);                   // EVENT_*, zero: nothing; replaces one that was cut off
    void (*offer)(struct vcpu *vcpu, uint64_t offer); // OFFER_*, replaces; also stores vcpu->offer
    void (*skip_pio)(struct vcpu *vcpu,
                     uint64_t value); // finish the PIO exit: RIP on, and a read's value into RAX

    // Page-table format of a space; leaf and table entries are made by kernel/paging.h with it.
    uint32_t paging_format; // enum paging_format
};

extern const struct virt_ops *virt; // NULL: none; the machine can then run no guest
extern const char *virt_missing[];  // why, one line a back-end; ends with NULL

void virt_init(void); // probes the back-ends in turn
extern struct virt_ops svm_ops, vmx_ops;

#define BLOCKING_SHADOWS ((uint32_t)(BLOCKING_STI | BLOCKING_MOV_SS))

// The groups that a back-end knows; CHECK_MODE_GROUPS decide together in which mode a vCPU is.
#define VIRT_GROUPS       (GROUP_ALL & ~(GROUP_GPR | GROUP_XCR0))
#define CHECK_MODE_GROUPS (GROUP_RIP | GROUP_CR | GROUP_EFER | GROUP_SEG_CODE)
#define RFLAGS_VM         (1ul << 17)

#define EXCEPTION_VECTOR(e) ((uint32_t)(e)&0xff) // of an event word
#define EXCEPTION_TYPE(e)   ((uint32_t)(e) >> 8 & 7)
// clang-format off
enum exception {
    EXCEPTION_DB = 1, EXCEPTION_BP = 3, EXCEPTION_OF = 4, EXCEPTION_UD = 6, EXCEPTION_DF = 8, EXCEPTION_GP = 13,
    EXCEPTION_PF = 14, EXCEPTION_AC = 17, EXCEPTION_MC = 18, EXCEPTION_CP = 21
};
// clang-format on

#define DR6_BREAKPOINTS UINT64_C(0xf)
#define DR6_BD          UINT64_C(0x2000) // an access to a debug register
#define DR6_BS          UINT64_C(0x4000) // single step
#define DR7_ENABLE      UINT64_C(0xff)
#define DR7_GD          UINT64_C(0x2000)

#define SEGMENT_PRESENT (1u << 7)

// Vectors that push an error code, in protected mode [SDM] 3A 6.13: #DF #TS #NP #SS #GP #PF #AC #CP
#define ERROR_CODE_VECTORS 0x227d00u

// What the back-ends have in common. The guest's DR0-3: the host has none.
static inline void virt_load_debug(const uint64_t *dr)
{
    write_dr0(dr[0]);
    write_dr1(dr[1]);
    write_dr2(dr[2]);
    write_dr3(dr[3]);
}

static inline bool virt_interruptible(uint64_t rflags, uint64_t blocking, uint64_t event)
{
    return (rflags & RFLAGS_IF) && !(blocking & BLOCKING_SHADOWS) && !event;
}

// RAX in a port access of `size` bytes, and what a read makes of it.
static inline uint64_t virt_port_bytes(uint64_t rax, uint32_t size)
{
    return rax & ((UINT64_C(1) << 8 * size) - 1);
}

static inline void virt_port_done(struct vcpu *vcpu, uint64_t value)
{
    uint32_t info = vcpu->exit.info, size = EXIT_INFO_SIZE(info);
    uint64_t *rax = &vcpu->gpr[GPR_RAX];
    if (!(info & EXIT_WRITE))
        *rax = (size == 4 ? 0 : *rax - virt_port_bytes(*rax, size)) | virt_port_bytes(value, size);
}

// What was asked for at a port: both vendors have its number in the same place, these in bits of their own.
struct virt_port_bits {
    uint64_t in, string, rep;
};

static inline void virt_port(struct vcpu *vcpu, uint64_t io, struct virt_port_bits bits, uint32_t size,
                             uint32_t length)
{
    struct vcpu_exit *e = &vcpu->exit;
    uint32_t info = size | length << 8;
    e->address = io >> 16 & 0xffff;
    if (!(io & bits.in)) {
        info |= EXIT_WRITE;
        e->value = virt_port_bytes(vcpu->gpr[GPR_RAX], size);
    }
    if (io & (bits.string | bits.rep)) {
        info |= ((io & bits.string) ? EXIT_STRING : 0) | ((io & bits.rep) ? EXIT_REP : 0);
        e->value = 0;
    }
    e->info = info;
}

// RFLAGS behind an instruction that was carried out for the guest, and the trap that TF makes.
static inline uint64_t virt_step_over(uint64_t rflags, uint64_t *dr6, uint64_t *event)
{
    if (rflags & RFLAGS_TF) {
        *dr6 |= DR6_BS;
        *event = EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_DB);
    }
    return rflags & ~RFLAGS_RF;
}

// An exception has an error code in protected mode when its vector has one.
static inline bool virt_has_error(uint32_t vector, uint64_t cr0)
{
    return (cr0 & CR0_PE) && (ERROR_CODE_VECTORS >> vector & 1);
}

// What was offered went in.
static inline void virt_offer_taken(struct vcpu *vcpu)
{
    vcpu->offer &= OFFER_NMI_WINDOW;
    vcpu->interrupts++;
}

// What tells guests' translations apart in a CPU's TLB, ASIDs or VPIDs: 1 to count - 1; 0 is the host's. A
// new one is the cheapest flush, as what the old one left is dead.
struct virt_tags {
    uint64_t era; // grows when the tags are used up; no two CPUs have the same, and zero is none
    uint32_t count, next;
};

static inline struct virt_tags virt_tags(uint32_t cpu, uint32_t count)
{
    return (struct virt_tags){.era = (uint64_t)cpu << 48 | 1, .count = count, .next = count};
}

// True: all had been used, so that the TLB must be flushed.
bool virt_take_tag(struct virt_tags *tags, uint64_t *era, uint32_t *tag) MUST_CHECK;

// MSRs that the guest has for itself, and that mean nothing to anybody else; SYSCALL's come first.
enum { SYSCALL_MSRS = 5, FREE_MSRS = 10 };
extern const uint32_t virt_free_msrs[FREE_MSRS];

// VM entry refused the state: the exit names the check, zero where the processor knows better than we.
enum virt_result virt_failed(struct vcpu *vcpu, uint64_t raw);

// What the CPUs of this machine let a guest have.
struct virt_limits {
    uint64_t cr4, efer;      // bits that may be set
    uint64_t pdpte_reserved; // bits that may not be, of one that is present; zero: ours are not used
    uint32_t address_bits;
};
extern struct virt_limits virt_limits; // [I] after virt_init()

extern const struct vcpu_state virt_reset_state;

// What a state can be refused for; the value of an EXIT_ERROR.
// clang-format off
enum virt_check {
    CHECK_OK, CHECK_RFLAGS, CHECK_BLOCKING, CHECK_CR0_RESERVED, CHECK_CR0_CACHE /* NW without CD */,
    CHECK_CR0_PAGING, CHECK_CR3, CHECK_CR4, CHECK_CR8, CHECK_EFER, CHECK_CS, CHECK_SS, CHECK_DATA_BASE, CHECK_TR,
    CHECK_LDTR, CHECK_TABLES, CHECK_MSR_ADDRESS, CHECK_PAT, CHECK_DEBUG, CHECK_EVENT,
    CHECK_LMA /* not EFER.LME and CR0.PG */, CHECK_LONG_MODE_PAE, CHECK_PCID, CHECK_CS_L_AND_D, CHECK_VM86,
    CHECK_REAL_MODE_SS, CHECK_PDPTE,
};
// clang-format on

// Judges the groups given; a rule that needs several is applied when all of them are given. (check.c, pure)
enum virt_check virt_check(uint32_t groups, const struct vcpu_state *state,
                           const struct virt_limits *limits) MUST_CHECK;

// The same for GROUP_RIP alone, which is in nearly every reply of a monitor.
static inline MUST_CHECK enum virt_check virt_check_rip(const struct vcpu_state *s)
{
    const uint64_t flags = 0x3f7fd5; // all but bit 1 and the reserved ones
    if ((s->rflags & ~flags) != RFLAGS_1)
        return CHECK_RFLAGS;
    if (!s->blocking)
        return CHECK_OK;
    if ((s->blocking & ~(BLOCKING_SHADOWS | BLOCKING_NMI)) ||
        (s->blocking & BLOCKING_SHADOWS) == BLOCKING_SHADOWS ||
        ((s->blocking & BLOCKING_STI) && !(s->rflags & RFLAGS_IF)))
        return CHECK_BLOCKING;
    return CHECK_OK;
}

// The same with this machine's limits.
enum status virt_check_state(uint32_t groups, const struct vcpu_state *state) MUST_CHECK;

// The same for what is about to be written, together with the groups that the vCPU keeps.
enum status virt_check_whole(const struct vcpu *vcpu, uint32_t groups,
                             const struct vcpu_state *state) MUST_CHECK;

// May these groups be written? GPR and XCR0 are not judged. What is then written must be this very state: not
// a page that its owner can change in between. The usual reply of a monitor moves RIP alone; VM86 is the one
// thing in it that other groups decide.
static inline MUST_CHECK enum status virt_check_write(const struct vcpu *vcpu, uint32_t groups,
                                                      const struct vcpu_state *state)
{
    if (!(groups &= VIRT_GROUPS))
        return STATUS_OK;
    if (groups == GROUP_RIP && !(state->rflags & RFLAGS_VM))
        return virt_check_rip(state) == CHECK_OK ? STATUS_OK : STATUS_BAD_ARG;
    return virt_check_whole(vcpu, groups, state);
}
