// Intel VMX: VMCS fields, controls, exit reasons, and what the files of this back-end share
// SPDX-License-Identifier: MIT
//
// Private to kernel/virt/vmx*. Fields follow [SDM] 3D appendix B, exit reasons appendix C, controls 3C 25.6
// to 25.8. Event words (interruption information) have the very layout of EVENT_* in libipc/abi/vcpu.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/percpu.h"
#include "kernel/platform/layout.h"
#include "kernel/virt/rows.h"
#include "kernel/virt/vmx_instructions.h"

// Bits 13 and 14 of an encoding: its width. The fields of a segment lie 2 apart, in the order of enum
// vcpu_seg.
// clang-format off
enum vmcs_field {
    VMCS_VPID = 0x0000, VMCS_ES_SELECTOR = 0x0800, VMCS_HOST_ES_SELECTOR = 0x0c00,
    VMCS_HOST_CS_SELECTOR = 0x0c02, VMCS_HOST_SS_SELECTOR = 0x0c04, VMCS_HOST_DS_SELECTOR = 0x0c06,
    VMCS_HOST_FS_SELECTOR = 0x0c08, VMCS_HOST_GS_SELECTOR = 0x0c0a, VMCS_HOST_TR_SELECTOR = 0x0c0c,
    VMCS_MSR_BITMAP = 0x2004, VMCS_EXIT_STORE = 0x2006, VMCS_EXIT_LOAD = 0x2008, VMCS_ENTRY_LOAD = 0x200a,
    VMCS_TSC_OFFSET = 0x2010, VMCS_VIRTUAL_APIC = 0x2012, VMCS_EPTP = 0x201a, VMCS_GPA = 0x2400,
    VMCS_LINK = 0x2800, VMCS_DEBUGCTL = 0x2802, VMCS_PAT = 0x2804, VMCS_EFER = 0x2806, VMCS_PDPTE = 0x280a, VMCS_HOST_PAT = 0x2c00,
    VMCS_HOST_EFER = 0x2c02, VMCS_PIN = 0x4000, VMCS_PRIMARY = 0x4002, VMCS_EXCEPTIONS = 0x4004,
    VMCS_FAULT_MASK = 0x4006, VMCS_FAULT_MATCH = 0x4008, VMCS_CR3_TARGETS = 0x400a, VMCS_EXIT = 0x400c,
    VMCS_EXIT_STORE_COUNT = 0x400e, VMCS_EXIT_LOAD_COUNT = 0x4010, VMCS_ENTRY = 0x4012,
    VMCS_ENTRY_LOAD_COUNT = 0x4014, VMCS_ENTRY_EVENT = 0x4016, VMCS_ENTRY_ERROR = 0x4018,
    VMCS_ENTRY_LENGTH = 0x401a, VMCS_TPR_THRESHOLD = 0x401c, VMCS_SECONDARY = 0x401e,
    VMCS_INSTRUCTION_ERROR = 0x4400, VMCS_REASON = 0x4402, VMCS_EVENT = 0x4404, VMCS_EVENT_ERROR = 0x4406,
    VMCS_CUT_OFF = 0x4408, VMCS_CUT_OFF_ERROR = 0x440a, VMCS_LENGTH = 0x440c, VMCS_ES_LIMIT = 0x4800,
    VMCS_GDTR_LIMIT = 0x4810, VMCS_IDTR_LIMIT = 0x4812, VMCS_ES_ACCESS = 0x4814, VMCS_BLOCKING = 0x4824,
    VMCS_ACTIVITY = 0x4826, VMCS_SYSENTER_CS = 0x482a, VMCS_TIMER = 0x482e, VMCS_HOST_SYSENTER_CS = 0x4c00,
    VMCS_CR0_MASK = 0x6000, VMCS_CR4_MASK = 0x6002, VMCS_CR0_SHADOW = 0x6004, VMCS_CR4_SHADOW = 0x6006,
    VMCS_QUALIFICATION = 0x6400, VMCS_CR0 = 0x6800, VMCS_CR3 = 0x6802, VMCS_CR4 = 0x6804,
    VMCS_ES_BASE = 0x6806, VMCS_GDTR_BASE = 0x6816, VMCS_IDTR_BASE = 0x6818, VMCS_DR7 = 0x681a,
    VMCS_RSP = 0x681c, VMCS_RIP = 0x681e, VMCS_RFLAGS = 0x6820, VMCS_PENDING_DEBUG = 0x6822,
    VMCS_SYSENTER_ESP = 0x6824, VMCS_SYSENTER_EIP = 0x6826, VMCS_HOST_CR0 = 0x6c00, VMCS_HOST_CR3 = 0x6c02,
    VMCS_HOST_CR4 = 0x6c04, VMCS_HOST_FS_BASE = 0x6c06, VMCS_HOST_GS_BASE = 0x6c08,
    VMCS_HOST_TR_BASE = 0x6c0a, VMCS_HOST_GDTR_BASE = 0x6c0c, VMCS_HOST_IDTR_BASE = 0x6c0e,
    VMCS_HOST_SYSENTER_ESP = 0x6c10, VMCS_HOST_SYSENTER_EIP = 0x6c12, VMCS_HOST_RSP = 0x6c14,
    VMCS_HOST_RIP = 0x6c16,
};
// clang-format on

// The five words of controls, in the order of their capability MSRs. Bits: vmx_controls.c.
enum vmx_word { WORD_PIN, WORD_PRIMARY, WORD_SECONDARY, WORD_EXIT, WORD_ENTRY, WORDS };

#define PRIMARY_INTERRUPT_WINDOW (1u << 2)
#define PRIMARY_NMI_WINDOW       (1u << 22)
#define SECONDARY_VPID           (1u << 5)
#define ENTRY_LONG_MODE          (1u << 9)

// The capability MSRs, by their numbers from 0x480 on; those that the CPU has not are zero [SDM] 3D appendix
// A.
enum { CAP_BASIC, CAP_WORDS, CAP_MISC = 5, CAP_CR0_FIXED0, CAP_CR4_FIXED0 = 8, CAP_CR4_FIXED1 };
enum { CAP_SECONDARY = 11, CAP_EPT, CAP_TRUE_WORDS, CAPABILITIES = 17 };
#define BASIC_TRUE_WORDS (UINT64_C(1) << 55)

// What was made of it.
struct vmx_set_up {
    uint32_t words[WORDS];
    uint32_t revision;
    uint32_t timer_shift;  // of the TSC to the preemption timer
    uint32_t flush_ept;    // type of INVEPT
    uint64_t eptp;         // but for the address
    uint64_t cr0, cr4;     // bits that are set whatever the guest wants
    uint64_t cr4_possible; // others cannot be set
};

#define VPIDS           0x10000u
#define FLUSH_SINGLE    1u // of INVEPT: what belongs to one EPTP
#define FLUSH_ALL       2u // of INVEPT and INVVPID
#define REASON_FAILED   (1u << 31)
#define REASON_BASIC(r) ((r)&0xffff)
enum { VMCS_BLOCKING_NMI = 8, PENDING_DEBUG_BS = 1 << 14 };

#define EVENT_ICEBP 5

// An MSR of the lists that the hardware switches between guest and host [SDM] 3C 25.7.2: SYSCALL's.
struct vmx_msr_entry {
    uint64_t index;
    uint64_t value;
};

// What vcpu->hw points to.
struct vmx_vcpu {
    uint8_t vmcs[PAGE_SIZE];
    // The virtual-APIC page: of it, the CPU uses the task priority alone [SDM] 3C 30.1.1.
    uint8_t apic[0x80];
    uint32_t tpr;
    bool loaded; // its VMCS is the CPU's current one
    bool launched;
    // HOST_RSP points to `gpr`: vmx_enter.S finds all three there, and pushes one register below.
    uint64_t pushed;
    uint64_t *gpr;       // [I] the guest's
    uint64_t kernel_rsp; // while the guest runs
    uint64_t cr2;
    uint64_t phys;     // [I] of the VMCS
    uint64_t event;    // to go in with the next entry
    uint64_t entering; // what goes in with this one; an interrupt: what was offered
    uint64_t cr0, cr4; // as the guest sees them, but for CR0's bits that are its own
    uint64_t dr[4], dr6, dr7;
    uint64_t flushes; // of the space, when its translations were dropped last
    uint64_t era;     // of the CPU's VPIDs, when one was taken; zero: take a new one before the next entry
    uint32_t primary, entry;
    uint32_t reason; // of the last exit
    struct vmx_msr_entry msr[SYSCALL_MSRS] __attribute__((aligned(16)));
};
_Static_assert(offsetof(struct vmx_vcpu, tpr) == PAGE_SIZE + 0x80, "[SDM] 3C 30.1.1");
_Static_assert(sizeof(struct vmx_vcpu) <= 2 * PAGE_SIZE, "the virtual-APIC page is the last one");

struct vmx_cpu {
    struct vmx_vcpu *current; // whose VMCS is loaded
    struct virt_tags vpids;
    struct descriptor_table gdt;                                         // [I]
    struct vmx_msr_entry msr[SYSCALL_MSRS] __attribute__((aligned(16))); // [I] the host's
};

// vmx_controls.c, pure: NULL and *set_up, or one line that says what is missing.
const char *vmx_resolve(uint64_t features, const uint64_t *capabilities, struct vmx_set_up *set_up);

// vmx.c
extern struct vmx_set_up vmx; // [I] after probe
void vmx_switch(struct vmx_vcpu *hw);
void vmx_host_state(struct vmx_vcpu *hw);

// vmx_state.c
bool vmx_read(const struct vcpu *vcpu, uint32_t groups, struct vcpu_state *state);
void vmx_write(struct vcpu *vcpu, uint32_t groups, const struct vcpu_state *state);

// vmx_exit.c: the exit to vcpu->exit, or handled here
enum virt_result vmx_exit(struct vcpu *vcpu);
enum virt_result vmx_failed(struct vcpu *vcpu);
void vmx_skip_pio(struct vcpu *vcpu, uint64_t value);
uint64_t vmx_event(const struct vmx_vcpu *hw, uint64_t event); // as VM entry takes it

// vmx_run.c
enum virt_result vmx_run(struct vcpu *vcpu);

// vmx_enter.S
bool vmx_enter(uint64_t *const *gpr, bool launched); // false: VMLAUNCH or VMRESUME refused
extern const char vmx_exit_entry[];

// Its VMCS is current from now on; the CPU is the one that the vCPU runs on.
static inline void vmx_load(struct vmx_vcpu *hw)
{
    if (__builtin_expect(!hw->loaded, 0))
        vmx_switch(hw);
}
