// Model-specific registers as the guest sees them: one table; what is not in it gives #GP.
// SPDX-License-Identifier: MIT
//
// The registers that the kernel switches (SYSCALL, SYSENTER, FS and GS bases) do not exit. PAT and EFER are
// part of the vCPU's state; the local APIC has its own; the rest is kept in struct vm_cpu.
#include "libipc/log.h"
#include "servers/vmm/vm.h"

enum msr {
    MSR_TSC = 0x10,
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_TSC_ADJUST = 0x3b,
    MSR_MICROCODE = 0x8b,
    MSR_MTRR_CAP = 0xfe,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_DEBUG_CONTROL = 0x1d9,
    MSR_MTRR_VARIABLE = 0x200, // 8 pairs
    MSR_MTRR_FIXED_64K = 0x250,
    MSR_MTRR_FIXED_16K = 0x258, // 2
    MSR_MTRR_FIXED_4K = 0x268,  // 8
    MSR_PAT = 0x277,
    MSR_MTRR_DEFAULT = 0x2ff,
    MSR_EFER = 0xc0000080,
    MSR_KVM_WALL_OLD = 0x11,
    MSR_KVM_TIME_OLD = 0x12,
    MSR_KVM_WALL_CLOCK = 0x4b564d00,
    MSR_KVM_SYSTEM_TIME = 0x4b564d01,
    MSR_KVM_PV_EOI = 0x4b564d04,
    MSR_AMD_PMC = 0xc0010000, // four events, four counters
    MSR_AMD_HWCR = 0xc0010015,
    MSR_AMD_SYSCFG = 0xc0010010,
    MSR_AMD_TOP_MEM2 = 0xc001001d,
    MSR_AMD_PATCH_LOADER = 0xc0010020,
    MSR_AMD_INTERRUPT_PENDING = 0xc0010055,
    MSR_AMD_DE_CFG = 0xc0011029,
};

enum { MTRR_FIXED = 11, MTRR_WRITE_BACK = 6, MTRR_FIXED_ENABLE = 1 << 10, MTRR_ENABLE = 1 << 11 };
enum { MTRR_VARIABLE = 8, MTRR_CAP = 1 << 8 | MTRR_VARIABLE, DE_CFG_LFENCE = 1 << 1 };
enum { FEATURE_CONTROL_LOCKED = 1 };
enum { EFER_SCE = 1, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11 };

struct msr_row {
    uint32_t first, last;
    bool (*read)(struct vm_exit *x, uint32_t msr, uint64_t *value); // false: #GP
    bool (*write)(struct vm_exit *x, uint32_t msr, uint64_t value); // NULL: #GP
};

static bool read_zero(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    (void)x, (void)msr;
    *value = 0;
    return true;
}

static bool ignore(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    (void)x, (void)msr, (void)value;
    return true;
}

static bool read_tsc(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = x->now.tsc;
    return true;
}

static bool write_tsc(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    (void)msr;
    clock_adjust(x, x->cpu->tsc_adjust + value - x->now.tsc);
    return true;
}

static bool read_adjust(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = x->cpu->tsc_adjust;
    return true;
}

static bool write_adjust(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    (void)msr;
    clock_adjust(x, value);
    return true;
}

static bool read_mtrr_cap(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    (void)x, (void)msr;
    *value = MTRR_CAP;
    return true;
}

// Memory is write-back whatever the guest says: there is no device memory behind its RAM.
static uint64_t *mtrr(struct vm_exit *x, uint32_t msr)
{
    if (msr == MSR_MTRR_DEFAULT)
        return &x->cpu->mtrr_default;
    if (msr == MSR_MTRR_FIXED_64K)
        return &x->cpu->mtrr[0];
    if (msr < MSR_MTRR_FIXED_64K)
        return &x->cpu->mtrr[12 + (msr - MSR_MTRR_VARIABLE)];
    return &x->cpu->mtrr[msr >= MSR_MTRR_FIXED_4K ? 3 + (msr - MSR_MTRR_FIXED_4K)
                                                  : 1 + (msr - MSR_MTRR_FIXED_16K)];
}

static bool read_mtrr(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    *value = *mtrr(x, msr);
    return true;
}

static bool write_mtrr(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    *mtrr(x, msr) = value;
    server_changed(&vm.server, mtrr(x, msr), sizeof value);
    return true;
}

// As firmware leaves them: all memory write-back.
void msr_power_up(struct vm_cpu *cpu)
{
    cpu->mtrr_default = MTRR_ENABLE | MTRR_FIXED_ENABLE | MTRR_WRITE_BACK;
    for (unsigned i = 0; i < MTRR_FIXED; i++)
        cpu->mtrr[i] = MTRR_WRITE_BACK * 0x0101010101010101u;
}

static bool read_pat(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    (void)msr;
    exit_need(x, GROUP_MSR);
    *value = x->state->pat;
    return true;
}

// Each byte is a memory type: 0, 1, 4, 5, 6 or 7 [SDM] 3A 11.12.2.
static bool write_pat(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    (void)msr;
    for (unsigned i = 0; i < 64; i += 8)
        if ((value >> i & 0xff) > 7 || (value >> i & 0xfe) == 2)
            return false;
    exit_need(x, GROUP_MSR);
    x->state->pat = value;
    x->groups |= GROUP_MSR;
    return true;
}

static bool read_efer(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    (void)msr;
    exit_need(x, GROUP_EFER);
    *value = x->state->efer;
    return true;
}

// LMA follows LME with paging; LME does not change while paging is on [SDM] 3A 9.8.5.
static bool write_efer(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    (void)msr;
    exit_need(x, GROUP_CR | GROUP_EFER);
    uint64_t old = x->state->efer, allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    bool paging = x->state->cr0 >> 31 & 1;
    if ((value & ~allowed) || (paging && ((value ^ old) & EFER_LME)))
        return false;
    x->state->efer = (value & ~(uint64_t)EFER_LMA) | (old & EFER_LMA);
    x->groups |= GROUP_EFER;
    return true;
}

static bool read_kept(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    *value = msr == MSR_MISC_ENABLE ? x->cpu->misc_enable : x->cpu->debug_control;
    return true;
}

static bool write_kept(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    uint64_t *kept = msr == MSR_MISC_ENABLE ? &x->cpu->misc_enable : &x->cpu->debug_control;
    *kept = value;
    server_changed(&vm.server, kept, sizeof *kept);
    return true;
}

static bool read_clock(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    bool wall = msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_WALL_OLD;
    *value = wall ? vm.machine->wall_page : x->cpu->clock_page;
    return true;
}

static bool write_clock(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    if (msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_WALL_OLD) {
        server_changed(&vm.server, &vm.machine->wall_page, sizeof vm.machine->wall_page);
        return clock_write_wall(value);
    }
    server_changed(&vm.server, &x->cpu->clock_page, sizeof x->cpu->clock_page);
    return clock_write_system_time(x->cpu, value);
}

static bool read_eoi(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = x->cpu->eoi_word;
    return true;
}

static bool write_eoi(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    (void)msr;
    return eoi_write(x, value);
}

static bool read_apic(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    return irqchip_msr_read(&vm.machine->chip, x->n, msr, value, x->now);
}

static bool write_apic(struct vm_exit *x, uint32_t msr, uint64_t value)
{
    const struct lapic *lapic = &vm.machine->chip.cpu[x->n].lapic;
    uint32_t kick = 0, priority = lapic->tpr;
    bool good = irqchip_msr_write(&vm.machine->chip, x->n, msr, value, x->now, &kick);
    vm.changed |= 1 << PART_VECTORS;
    if (msr == MSR_TSC_DEADLINE)
        return good;
    vm.changed |= 1 << PART_LAPIC | 1 << PART_CHIPS;
    interrupts_kick(kick & ~(1u << x->n));
    if (lapic->tpr != priority) {
        exit_need(x, GROUP_CR);
        interrupts_show_priority(x);
    }
    return good;
}

static bool read_de_cfg(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    (void)x, (void)msr;
    *value = DE_CFG_LFENCE;
    return true;
}

// As firmware without VMX leaves it. A guest on an Intel processor locks it itself where it is open [SDM]
// 3C 24.7.
static bool read_locked(struct vm_exit *x, uint32_t msr, uint64_t *value)
{
    (void)x, (void)msr;
    *value = FEATURE_CONTROL_LOCKED;
    return true;
}

static const struct msr_row rows[] = {
    {MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, read_apic, write_apic},
    {MSR_X2APIC, MSR_X2APIC + 0xff, read_apic, write_apic},
    {MSR_APIC_BASE, MSR_APIC_BASE, read_apic, write_apic},
    {MSR_EFER, MSR_EFER, read_efer, write_efer},
    {MSR_TSC, MSR_TSC, read_tsc, write_tsc},
    {MSR_PAT, MSR_PAT, read_pat, write_pat},
    {MSR_KVM_WALL_OLD, MSR_KVM_TIME_OLD, read_clock, write_clock},
    {MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, read_clock, write_clock},
    {MSR_KVM_PV_EOI, MSR_KVM_PV_EOI, read_eoi, write_eoi},
    {MSR_MTRR_CAP, MSR_MTRR_CAP, read_mtrr_cap, NULL},
    {MSR_MTRR_VARIABLE, MSR_MTRR_VARIABLE + 2 * MTRR_VARIABLE - 1, read_mtrr, write_mtrr},
    {MSR_MTRR_FIXED_64K, MSR_MTRR_FIXED_64K, read_mtrr, write_mtrr},
    {MSR_MTRR_FIXED_16K, MSR_MTRR_FIXED_16K + 1, read_mtrr, write_mtrr},
    {MSR_MTRR_FIXED_4K, MSR_MTRR_FIXED_4K + 7, read_mtrr, write_mtrr},
    {MSR_MTRR_DEFAULT, MSR_MTRR_DEFAULT, read_mtrr, write_mtrr},
    {MSR_TSC_ADJUST, MSR_TSC_ADJUST, read_adjust, write_adjust},
    {MSR_MISC_ENABLE, MSR_MISC_ENABLE, read_kept, write_kept},
    {MSR_DEBUG_CONTROL, MSR_DEBUG_CONTROL, read_kept, write_kept},
    {MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, read_locked, NULL},
    {MSR_MICROCODE, MSR_MICROCODE, read_zero, ignore},
    {MSR_AMD_PMC, MSR_AMD_PMC + 7, read_zero, ignore},
    {MSR_AMD_HWCR, MSR_AMD_HWCR, read_zero, ignore},
    {MSR_AMD_SYSCFG, MSR_AMD_SYSCFG, read_zero, ignore},
    {MSR_AMD_TOP_MEM2, MSR_AMD_TOP_MEM2, read_zero, ignore},
    {MSR_AMD_PATCH_LOADER, MSR_AMD_PATCH_LOADER, read_zero, ignore},
    {MSR_AMD_INTERRUPT_PENDING, MSR_AMD_INTERRUPT_PENDING, read_zero, ignore},
    {MSR_AMD_DE_CFG, MSR_AMD_DE_CFG, read_de_cfg, ignore},
};

static const struct msr_row *row_of(uint32_t msr)
{
    for (const struct msr_row *r = rows; r < rows + sizeof rows / sizeof *rows; r++)
        if (msr >= r->first && msr <= r->last)
            return r;
    return NULL;
}

enum { VECTOR_GP = 13 };

void msr_read_exit(struct vm_exit *x)
{
    struct emu_control c;
    uint64_t value;
    if (!exit_decode(x, &c))
        return;
    uint32_t msr = (uint32_t)x->state->gpr[GPR_RCX];
    const struct msr_row *r = row_of(msr);
    x->pure = true;
    if (!r || !r->read(x, msr, &value)) {
        log_debug("RDMSR %x: #GP", msr);
        exit_fault_error(x, VECTOR_GP, 0);
        return;
    }
    x->state->gpr[GPR_RAX] = (uint32_t)value;
    x->state->gpr[GPR_RDX] = value >> 32;
    x->groups |= GROUP_GPR_ABCD;
    exit_skip(x, c.length);
}

void msr_write_exit(struct vm_exit *x)
{
    struct emu_control c;
    if (!exit_decode(x, &c))
        return;
    uint32_t msr = (uint32_t)x->state->gpr[GPR_RCX];
    uint64_t value = x->state->gpr[GPR_RDX] << 32 | (uint32_t)x->state->gpr[GPR_RAX];
    const struct msr_row *r = row_of(msr);
    if (!r || !r->write || !r->write(x, msr, value)) {
        log_debug("WRMSR %x %llx: #GP", msr, (unsigned long long)value);
        exit_fault_error(x, VECTOR_GP, 0);
        return;
    }
    exit_skip(x, c.length);
}
