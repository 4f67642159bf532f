// Control registers, XCR0, debug registers.
// SPDX-License-Identifier: MIT
//
// The guest's writes are checked as a processor would check them: what a processor answers with #GP never
// reaches the kernel, which refuses states that cannot be entered.
#include "servers/vmm/vm.h"

#include <string.h>

enum { VECTOR_DB = 1, VECTOR_UD = 6, VECTOR_GP = 13 };

#define CR0_PE      (1ul << 0)
#define CR0_TS      (1ul << 3)
#define CR0_ET      (1ul << 4)
#define CR0_NW      (1ul << 29)
#define CR0_CD      (1ul << 30)
#define CR0_PG      (1ul << 31)
#define CR0_KNOWN   0xe005003ful
#define CR0_LMSW    0xful // PE MP EM TS
#define CR4_DE      (1ul << 3)
#define CR4_PAE     (1ul << 5)
#define CR4_PCIDE   (1ul << 17)
#define CR4_OSXSAVE (1ul << 18)
// VME PVI TSD DE PSE PAE PGE OSFXSR OSXMMEXCPT UMIP FSGSBASE OSXSAVE SMEP SMAP
#define CR4_KNOWN 0x350ebful
#define EFER_LME  (1ul << 8)
#define EFER_LMA  (1ul << 10)
#define CS_L      (1u << 9)
#define SS_DPL    (3u << 5) // the current privilege level
#define DR6_BD    (1ul << 13)
#define DR6_KNOWN 0xe00ful // B0 to B3 BD BS BT
#define DR6_ONES  0xffff0ff0ul
#define DR7_GD    (1ul << 13)
#define DR7_KNOWN 0xffff23fful // all but RTM
#define DR7_ONES  0x400ul
#define XCR0_X87  1ul
#define XCR0_SSE  2ul
#define XCR0_AVX  4ul
#define XCR0_512  0xe0ul

// [SDM] 3A 9.8.5 entering and leaving IA-32e mode; 2A MOV CRn for what gives #GP.
static bool write_cr0(struct vm_exit *x, uint64_t value)
{
    struct vcpu_state *s = x->state;
    bool on = (value & CR0_PG) && !(s->cr0 & CR0_PG), off = !(value & CR0_PG) && (s->cr0 & CR0_PG);
    if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
        return false;
    if (on && (s->efer & EFER_LME)) {
        if (!(s->cr4 & CR4_PAE) || (s->seg[SEG_CS].attributes & CS_L))
            return false;
        s->efer |= EFER_LMA;
    }
    if (off && (s->efer & EFER_LMA)) {
        if (s->seg[SEG_CS].attributes & CS_L)
            return false;
        s->efer &= ~EFER_LMA;
    }
    s->cr0 = (value & CR0_KNOWN) | CR0_ET;
    x->groups |= GROUP_CR | GROUP_EFER;
    return true;
}

static bool write_cr4(struct vm_exit *x, uint64_t value)
{
    struct vcpu_state *s = x->state;
    if ((value & ~CR4_KNOWN) || ((s->efer & EFER_LMA) && !(value & CR4_PAE)))
        return false;
    s->cr4 = value;
    x->groups |= GROUP_CR;
    return true;
}

static bool write_cr8(struct vm_exit *x, uint64_t value)
{
    if (value > 15)
        return false;
    lapic_set_cr8(&vm.machine->chip.cpu[x->n].lapic, value);
    vm.changed |= 1 << PART_LAPIC;
    interrupts_show_priority(x);
    return true;
}

static bool write_cr(struct vm_exit *x, const struct emu_control *c)
{
    switch (c->number) {
    case 0: return write_cr0(x, c->value);
    case 4: return write_cr4(x, c->value);
    case 8: return write_cr8(x, c->value);
    case 3:
        x->state->cr3 = c->value;
        x->groups |= GROUP_CR;
        return true;
    default: return false;
    }
}

static void read_cr(struct vm_exit *x, const struct emu_control *c)
{
    const struct vcpu_state *s = x->state;
    uint64_t cr8 = lapic_cr8(&vm.machine->chip.cpu[x->n].lapic);
    x->state->gpr[c->gpr] = c->number == 0 ? s->cr0 : c->number == 3 ? s->cr3 : c->number == 4 ? s->cr4 : cr8;
    x->groups |= GROUP_GPR;
}

// What the guest's own MOV to a control register loads when it is not ours to carry out [SDM] 3A 4.4.1.
static void load_pointers(struct vcpu_state *s)
{
    const uint64_t table = s->cr3 & 0xffffffe0;
    if (!(s->cr0 & CR0_PG) || !(s->cr4 & CR4_PAE) || (s->efer & EFER_LMA))
        return;
    const void *from = vm.env.ram(vm.env.ctx, table, sizeof s->pdpte, false);
    if (from)
        memcpy(s->pdpte, from, sizeof s->pdpte);
    else
        memset(s->pdpte, 0, sizeof s->pdpte);
}

void control_exit(struct vm_exit *x)
{
    struct emu_control c;
    bool good = true;
    if (!exit_decode(x, &c))
        return;
    switch (c.what) {
    case EMU_MOV_FROM_CR: read_cr(x, &c); break;
    case EMU_MOV_TO_CR: good = write_cr(x, &c); break;
    case EMU_CLTS: good = write_cr0(x, x->state->cr0 & ~CR0_TS); break;
    case EMU_LMSW: // sets PE, never clears it
        good = write_cr0(x, (x->state->cr0 & ~(CR0_LMSW & ~CR0_PE)) | (c.value & CR0_LMSW));
        break;
    default: exit_fault(x, VECTOR_UD); return;
    }
    if (!good) {
        exit_fault_error(x, VECTOR_GP, 0);
        return;
    }
    load_pointers(x->state);
    exit_skip(x, c.length);
}

// Where the exit goes before the processor's own checks [SDM] 3C 26.1.3, they are ours.
static bool debug_access_faults(struct vm_exit *x, const struct emu_control *c)
{
    struct vcpu_state *s = x->state;
    if ((c->number == 4 || c->number == 5) && (s->cr4 & CR4_DE)) {
        exit_fault(x, VECTOR_UD);
    } else if (s->seg[SEG_SS].attributes & SS_DPL) {
        exit_fault_error(x, VECTOR_GP, 0);
    } else if (s->dr7 & DR7_GD) {
        s->dr7 &= ~DR7_GD;
        s->dr6 |= DR6_BD;
        x->groups |= GROUP_DR;
        exit_fault(x, VECTOR_DB);
    } else {
        return false;
    }
    return true;
}

// Exits only where the back-end does not let the guest have the registers itself.
void control_debug_exit(struct vm_exit *x)
{
    struct emu_control c;
    if (!exit_decode(x, &c) || debug_access_faults(x, &c))
        return;
    struct vcpu_state *s = x->state;
    unsigned n = c.number == 4 ? 6 : c.number == 5 ? 7 : c.number;
    uint64_t *dr = n == 6 ? &s->dr6 : n == 7 ? &s->dr7 : &s->dr[n & 3];
    if (c.what == EMU_MOV_FROM_DR) {
        s->gpr[c.gpr] = *dr;
        x->groups |= GROUP_GPR;
    } else {
        if (n >= 6 && c.value >> 32) {
            exit_fault_error(x, VECTOR_GP, 0);
            return;
        }
        *dr = n == 6 ? (c.value & DR6_KNOWN) | DR6_ONES : n == 7 ? (c.value & DR7_KNOWN) | DR7_ONES : c.value;
        x->groups |= GROUP_DR;
    }
    exit_skip(x, c.length);
}

// [SDM] 1 13.3, 2C XSETBV
void control_xsetbv_exit(struct vm_exit *x)
{
    struct emu_control c;
    if (!exit_decode(x, &c))
        return;
    struct vcpu_state *s = x->state;
    uint64_t value = s->gpr[GPR_RDX] << 32 | (uint32_t)s->gpr[GPR_RAX], big = value & XCR0_512;
    bool good = (uint32_t)s->gpr[GPR_RCX] == 0 && (value & XCR0_X87) && !(value & ~vm.xsave_features) &&
                (!(value & XCR0_AVX) || (value & XCR0_SSE)) &&
                (!big || (big == XCR0_512 && (value & XCR0_AVX)));
    if (!good) {
        exit_fault_error(x, VECTOR_GP, 0);
        return;
    }
    s->xcr0 = value;
    x->groups |= GROUP_XCR0;
    exit_skip(x, c.length);
}
