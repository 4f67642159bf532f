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
#define CR4_PSE     (1ul << 4)
#define CR4_PAE     (1ul << 5)
#define CR4_PGE     (1ul << 7)
#define CR4_PCIDE   (1ul << 17)
#define CR4_OSXSAVE (1ul << 18)
#define CR4_SMEP    (1ul << 20)
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

// What loads the PDPTEs when it changes [SDM] 3A 4.4.1; where they are; what of one gives #GP, table 4-8: but
// bit 5, which QEMU sets as accessed. Where the processor wants it clear, the kernel refuses it, and that is
// #GP too.
#define PDPTES_CR0     (CR0_PG | CR0_CD | CR0_NW)
#define PDPTES_CR4     (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)
#define PDPTES_AT      0xffffffe0ul
#define PDPTE_P        1ul
#define PDPTE_RESERVED 0x1c6ul

static bool pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA);
}

// False: one of them is bad. Where no memory is, all bits of them are ones, reserved ones too.
static bool load_pdptes(struct vcpu_state *s, uint64_t cr3)
{
    const uint64_t reserved = PDPTE_RESERVED | ~0ul << vm.env.physical_bits;
    uint64_t pdpte[4];
    const uint64_t *from = memory_at(cr3 & PDPTES_AT, sizeof pdpte);
    if (!from)
        return false;
    for (unsigned i = 0; i < 4; i++) {
        pdpte[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
        if ((pdpte[i] & PDPTE_P) && (pdpte[i] & reserved))
            return false;
    }
    memcpy(s->pdpte, pdpte, sizeof pdpte);
    return true;
}

// [SDM] 3A 9.8.5 entering and leaving IA-32e mode; 2A MOV CRn for what gives #GP.
static bool write_cr0(struct vm_exit *x, uint64_t value)
{
    struct vcpu_state *s = x->state;
    uint64_t cr0 = (value & CR0_KNOWN) | CR0_ET, efer = s->efer;
    bool on = (value & CR0_PG) && !(s->cr0 & CR0_PG), off = !(value & CR0_PG) && (s->cr0 & CR0_PG);
    if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
        return false;
    if (on && (s->efer & EFER_LME)) {
        if (!(s->cr4 & CR4_PAE) || (s->seg[SEG_CS].attributes & CS_L))
            return false;
        efer |= EFER_LMA;
    }
    if (off && (s->efer & EFER_LMA)) {
        if (s->seg[SEG_CS].attributes & CS_L)
            return false;
        efer &= ~EFER_LMA;
    }
    if (((cr0 ^ s->cr0) & PDPTES_CR0) && pae_paging(cr0, s->cr4, efer) && !load_pdptes(s, s->cr3))
        return false;
    s->cr0 = cr0;
    s->efer = efer;
    x->groups |= GROUP_CR | GROUP_EFER;
    return true;
}

static bool write_cr4(struct vm_exit *x, uint64_t value)
{
    struct vcpu_state *s = x->state;
    if ((value & ~CR4_KNOWN) || ((s->efer & EFER_LMA) && !(value & CR4_PAE)))
        return false;
    if (((value ^ s->cr4) & PDPTES_CR4) && pae_paging(s->cr0, value, s->efer) && !load_pdptes(s, s->cr3))
        return false;
    s->cr4 = value;
    x->groups |= GROUP_CR;
    return true;
}

static bool write_cr3(struct vm_exit *x, uint64_t value)
{
    struct vcpu_state *s = x->state;
    if (pae_paging(s->cr0, s->cr4, s->efer) && !load_pdptes(s, value))
        return false;
    s->cr3 = value;
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
    case 3: return write_cr3(x, c->value);
    case 4: return write_cr4(x, c->value);
    case 8: return write_cr8(x, c->value);
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
    if (good)
        exit_skip(x, c.length);
    else
        exit_fault_error(x, VECTOR_GP, 0);
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
