// Can this state be entered? The architectural checks of both vendors
// SPDX-License-Identifier: MIT
//
// What VMRUN [APM] 2 15.5.1 and VM entry [SDM] 3C 27.3.1 refuse, and what the emulators fail to refuse
// (svm_quirks.c). A guest never gets itself into a state that is refused here, so what was read can be
// written back. Pure.
#include "kernel/platform/x86.h"
#include "kernel/virt/virt.h"

#define CR0_GUEST                                                                                            \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define UNUSED    __attribute__((unused))
#define PAT_TYPES 0xf3u // 0, 1, 4, 5, 6, 7 [SDM] 3A 12.12.2

#define SEGMENT_TYPE(s) ((s)->attributes & 0xf)
#define SEGMENT_S       (1u << 4)
#define SEGMENT_DPL     (3u << 5)
#define SEGMENT_L_AND_D (3u << 9)
enum { TYPE_LDT = 2, TYPE_TSS16_BUSY = 3, TYPE_TSS_BUSY = 11 };

static bool canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static bool narrow(uint64_t value)
{
    return value <= UINT32_MAX;
}

static enum virt_check check_rip(const struct vcpu_state *s, const struct virt_limits *limits UNUSED)
{
    return virt_check_rip(s);
}

static enum virt_check check_cr(const struct vcpu_state *s, const struct virt_limits *limits)
{
    if (s->cr0 & ~CR0_GUEST)
        return CHECK_CR0_RESERVED;
    if ((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD))
        return CHECK_CR0_CACHE;
    if ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE))
        return CHECK_CR0_PAGING;
    if (s->cr3 >> limits->address_bits)
        return CHECK_CR3;
    if (s->cr4 & ~limits->cr4)
        return CHECK_CR4;
    return s->cr8 > 15 ? CHECK_CR8 : CHECK_OK;
}

static enum virt_check check_efer(const struct vcpu_state *s, const struct virt_limits *limits)
{
    return (s->efer & ~limits->efer) ? CHECK_EFER : CHECK_OK;
}

static enum virt_check check_code(const struct vcpu_state *s, const struct virt_limits *limits UNUSED)
{
    const struct vcpu_segment *cs = &s->seg[SEG_CS], *ss = &s->seg[SEG_SS];
    const uint32_t usable = SEGMENT_PRESENT | SEGMENT_S;
    if ((cs->attributes & usable) != usable || !narrow(cs->base))
        return CHECK_CS;
    return narrow(ss->base) ? CHECK_OK : CHECK_SS;
}

static enum virt_check check_data(const struct vcpu_state *s, const struct virt_limits *limits UNUSED)
{
    if (!narrow(s->seg[SEG_ES].base) || !narrow(s->seg[SEG_DS].base))
        return CHECK_DATA_BASE;
    return canonical(s->seg[SEG_FS].base) && canonical(s->seg[SEG_GS].base) ? CHECK_OK : CHECK_DATA_BASE;
}

static enum virt_check check_system(const struct vcpu_state *s, const struct virt_limits *limits UNUSED)
{
    const struct vcpu_segment *tr = &s->seg[SEG_TR], *ldtr = &s->seg[SEG_LDTR];
    if ((tr->attributes & (SEGMENT_PRESENT | SEGMENT_S)) != SEGMENT_PRESENT || !canonical(tr->base) ||
        (SEGMENT_TYPE(tr) != TYPE_TSS16_BUSY && SEGMENT_TYPE(tr) != TYPE_TSS_BUSY))
        return CHECK_TR;
    if ((ldtr->attributes & SEGMENT_PRESENT) &&
        ((ldtr->attributes & SEGMENT_S) || SEGMENT_TYPE(ldtr) != TYPE_LDT || !canonical(ldtr->base)))
        return CHECK_LDTR;
    if (!canonical(s->gdtr.base) || !canonical(s->idtr.base) || s->gdtr.limit > 0xffff ||
        s->idtr.limit > 0xffff)
        return CHECK_TABLES;
    return CHECK_OK;
}

static enum virt_check check_msr(const struct vcpu_state *s, const struct virt_limits *limits UNUSED)
{
    if (!canonical(s->lstar) || !canonical(s->cstar) || !canonical(s->kernel_gs_base) ||
        !canonical(s->sysenter_esp) || !canonical(s->sysenter_eip))
        return CHECK_MSR_ADDRESS;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint64_t type = s->pat >> shift & 0xff;
        if (type > 7 || !(PAT_TYPES >> type & 1))
            return CHECK_PAT;
    }
    return CHECK_OK;
}

static enum virt_check check_debug(const struct vcpu_state *s, const struct virt_limits *limits UNUSED)
{
    return narrow(s->dr6) && narrow(s->dr7) ? CHECK_OK : CHECK_DEBUG;
}

// External interrupts are offered, not injected: where one was cut off, its offer stands again.
static enum virt_check check_event(const struct vcpu_state *s, const struct virt_limits *limits UNUSED)
{
    const uint64_t shape = EVENT_VALID | EVENT_ERROR_VALID | EVENT_TYPE(7) | 0xff;
    uint64_t e = s->event;
    uint32_t type = e >> 8 & 7, vector = e & 0xff;
    bool good;
    if (!e)
        return CHECK_OK;
    if (!(e & EVENT_VALID) || ((uint32_t)e & ~shape))
        return CHECK_EVENT;
    if (e & EVENT_ERROR_VALID)
        good = type == EVENT_EXCEPTION && vector < 32 && (ERROR_CODE_VECTORS >> vector & 1);
    else
        good = !(e >> 32) && (type == EVENT_NMI         ? vector == 2
                              : type == EVENT_EXCEPTION ? vector != 2 && vector < 31
                                                        : type == EVENT_SOFTWARE);
    return good ? CHECK_OK : CHECK_EVENT;
}

// The operating mode, from four groups.
static enum virt_check check_mode(const struct vcpu_state *s, const struct virt_limits *limits)
{
    const struct vcpu_segment *cs = &s->seg[SEG_CS];
    bool paging = s->cr0 & CR0_PG, lma = s->efer & EFER_LMA;
    unsigned pdptes = paging && !lma && (s->cr4 & CR4_PAE) ? 4 : 0;
    if (lma != (paging && (s->efer & EFER_LME)))
        return CHECK_LMA;
    if (lma && !(s->cr4 & CR4_PAE))
        return CHECK_LONG_MODE_PAE;
    if (!lma && (s->cr4 & CR4_PCIDE))
        return CHECK_PCID;
    if (lma && (cs->attributes & SEGMENT_L_AND_D) == SEGMENT_L_AND_D)
        return CHECK_CS_L_AND_D;
    if ((s->rflags & RFLAGS_VM) && (lma || !(s->cr0 & CR0_PE)))
        return CHECK_VM86;
    if (!(s->cr0 & CR0_PE) && (s->seg[SEG_SS].attributes & SEGMENT_DPL))
        return CHECK_REAL_MODE_SS;
    for (unsigned i = 0; i < pdptes; i++) // [SDM] 3C 27.3.1.6
        if ((s->pdpte[i] & 1) && (s->pdpte[i] & limits->pdpte_reserved))
            return CHECK_PDPTE;
    return CHECK_OK;
}

static enum virt_check (*const group_checks[])(const struct vcpu_state *, const struct virt_limits *) = {
    [__builtin_ctz(GROUP_RIP)] = check_rip,       [__builtin_ctz(GROUP_CR)] = check_cr,
    [__builtin_ctz(GROUP_EFER)] = check_efer,     [__builtin_ctz(GROUP_SEG_CODE)] = check_code,
    [__builtin_ctz(GROUP_SEG_DATA)] = check_data, [__builtin_ctz(GROUP_SEG_SYSTEM)] = check_system,
    [__builtin_ctz(GROUP_MSR)] = check_msr,       [__builtin_ctz(GROUP_DR)] = check_debug,
    [__builtin_ctz(GROUP_EVENT)] = check_event,
};

enum virt_check virt_check(uint32_t groups, const struct vcpu_state *state, const struct virt_limits *limits)
{
    for (uint32_t left = groups & VIRT_GROUPS & ~(uint32_t)GROUP_TSC; left; left &= left - 1) {
        enum virt_check failed = group_checks[__builtin_ctz(left)](state, limits);
        if (failed)
            return failed;
    }
    return (groups & CHECK_MODE_GROUPS) == CHECK_MODE_GROUPS ? check_mode(state, limits) : CHECK_OK;
}
