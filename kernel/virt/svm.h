// AMD SVM: the VMCB, intercepts, exit codes, and what the files of this back-end share
// SPDX-License-Identifier: MIT
//
// Private to kernel/virt/svm*. Layout and bits follow [APM] 2 appendix B (VMCB) and C (exit codes). The
// segments, EVENTINJ and EXITINTINFO have the very layout of struct vcpu_segment and EVENT_* in
// libipc/abi/vcpu.h, so they are copied, not converted.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/platform/layout.h"
#include "kernel/virt/virt.h"

struct vmcb_control {
    uint32_t intercepts[6]; // a bit an exit code
    uint8_t reserved0[0x28];
    uint64_t iopm, msrpm, tsc_offset;
    uint32_t asid, tlb_control, int_ctl, int_vector;
    uint64_t int_state, exit_code, exit_info_1, exit_info_2, exit_int_info, nested_ctl;
    uint8_t reserved1[0x10];
    uint64_t event_inj, nested_cr3;
    uint8_t reserved2[0x10];
    uint64_t next_rip;
    uint8_t reserved3[0x400 - 0xd0];
};

struct vmcb_save {
    struct vcpu_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved0[0x2b];
    uint8_t cpl;
    uint8_t reserved1[4];
    uint64_t efer;
    uint8_t reserved2[0x70];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved3[0x58];
    uint64_t rsp;
    uint8_t reserved4[0x18];
    uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t reserved5[0x20];
    uint64_t pat;
    uint8_t reserved6[0xc00 - 0x270];
};

struct vmcb {
    struct vmcb_control control;
    struct vmcb_save save;
};

#define VMCB_AT(field, offset) _Static_assert(offsetof(struct vmcb, field) == (offset), "[APM] 2 B")
VMCB_AT(control.iopm, 0x040);
VMCB_AT(control.nested_ctl, 0x090);
VMCB_AT(control.event_inj, 0x0a8);
VMCB_AT(control.next_rip, 0x0c8);
VMCB_AT(save.es, 0x400);
VMCB_AT(save.tr, 0x490);
VMCB_AT(save.cpl, 0x4cb);
VMCB_AT(save.efer, 0x4d0);
VMCB_AT(save.cr4, 0x548);
VMCB_AT(save.rsp, 0x5d8);
VMCB_AT(save.rax, 0x5f8);
VMCB_AT(save.pat, 0x668);
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "[APM] 2 15.5.1");

// int_ctl [APM] 2 15.21
#define V_TPR          UINT32_C(0xff)
#define V_IRQ          (UINT32_C(1) << 8)
#define V_INTR_PRIO    (UINT32_C(15) << 16)
#define V_IGN_TPR      (UINT32_C(1) << 20)
#define V_INTR_MASKING (UINT32_C(1) << 24)

#define INT_CTL_ALWAYS (V_INTR_MASKING | V_IGN_TPR | V_INTR_PRIO)

#define TSS_BUSY         (1u << 1)
#define INT_STATE_SHADOW UINT64_C(1)
#define TLB_FLUSH_ALL    1 // of every ASID
#define NESTED_PAGING    UINT64_C(1)

// Exit codes [APM] 2 appendix C; up to 0xbf also the numbers of the interception bits [APM] 2 table B-1.
// clang-format off
enum svm_exit_code {
    VMEXIT_CR_WRITE = 0x10, VMEXIT_DR = 0x20 /* reads, then writes */, VMEXIT_EXCEPTION = 0x40,
    VMEXIT_INTR = 0x60, VMEXIT_NMI, VMEXIT_SMI, VMEXIT_INIT, VMEXIT_CR0_SEL_WRITE = 0x65,
    VMEXIT_TR_WRITE = 0x6d, VMEXIT_RDPMC = 0x6f, VMEXIT_CPUID = 0x72, VMEXIT_IRET = 0x74, VMEXIT_INVD = 0x76,
    VMEXIT_HLT = 0x78, VMEXIT_INVLPGA = 0x7a, VMEXIT_IOIO, VMEXIT_MSR, VMEXIT_SHUTDOWN = 0x7f, VMEXIT_VMRUN,
    VMEXIT_VMMCALL, VMEXIT_VMLOAD, VMEXIT_VMSAVE, VMEXIT_STGI, VMEXIT_CLGI, VMEXIT_SKINIT, VMEXIT_ICEBP = 0x88,
    VMEXIT_WBINVD, VMEXIT_MONITOR, VMEXIT_MWAIT, VMEXIT_MWAIT_ARMED, VMEXIT_XSETBV, VMEXIT_RDPRU,
    VMEXIT_TABLE_SIZE, // those above index a table
    VMEXIT_NPF = 0x400,
};
// clang-format on
#define VMEXIT_INVALID UINT32_MAX // the emulator stores 32 bits of it

// An intercepted instruction that is let through alone: with RFLAGS.TF, in an interrupt shadow, and with all
// exceptions intercepted, so that what was changed for it is never seen. An IRET may end an NMI.
enum svm_step { STEP_NONE, STEP_IRET, STEP_LTR };

// What vcpu->hw points to. The guest's general registers but RAX and RSP are in vcpu->gpr throughout.
struct svm_vcpu {
    struct vmcb vmcb;
    uint64_t phys;               // [I] of the VMCB
    uint64_t efer;               // the guest's own; save.efer is derived from it
    uint64_t dr[4];              // the guest's DR0-3
    uint64_t step_rip, step_dr6; // before the step
    struct vcpu_segment step_tr;
    uint64_t flushes;  // of the space, when the ASID was taken
    uint64_t asid_era; // of the CPU that it was taken on; zero: take a new one before the next entry
    bool nmi;          // one is being handled: the CPU has no virtual mask, so IRET is intercepted
    bool step_tf;      // RFLAGS.TF before the step
    uint8_t step;      // enum svm_step
};

struct svm_cpu {
    uint64_t host; // [I] physical address of the page for what VMSAVE and VMLOAD move
    struct virt_tags asids;
};

extern bool svm_next_rip; // the CPU stores next_rip: NRIPS

// svm_state.c
bool svm_read(const struct vcpu *vcpu, uint32_t groups, struct vcpu_state *state);
void svm_write(struct vcpu *vcpu, uint32_t groups, const struct vcpu_state *state);
void svm_set_nmi(struct svm_vcpu *hw, bool nmi);
void svm_set_step(struct svm_vcpu *hw, enum svm_step step);
void svm_cancel_step(struct svm_vcpu *hw);
void svm_offer(struct vcpu *vcpu, uint64_t offer);

// svm_exit.c: the exit in the VMCB to vcpu->exit, or handled here
void svm_intercept_all(struct svm_vcpu *hw);
enum virt_result svm_exit(struct vcpu *vcpu);
void svm_skip_pio(struct vcpu *vcpu, uint64_t value);

// svm_run.c
enum virt_result svm_run(struct vcpu *vcpu);

// svm_quirks.c
uint64_t svm_loaded_efer(uint64_t efer, uint64_t cr0);
uint16_t svm_loaded_task(uint16_t attributes);
uint64_t svm_cut_off(uint64_t exit_int_info);
bool svm_entry_failed(struct vcpu *vcpu);
void svm_exited(void);

// svm_enter.S
void svm_enter(uint64_t vmcb, uint64_t host, uint64_t *gpr, bool shadow);
extern const char svm_enter_end[];

static inline uint64_t svm_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16);
}

static inline void svm_intercept(struct svm_vcpu *hw, uint32_t code, bool on)
{
    uint32_t *word = &hw->vmcb.control.intercepts[code / 32];
    uint32_t bit = UINT32_C(1) << code % 32;
    *word = on ? *word | bit : *word & ~bit;
}
