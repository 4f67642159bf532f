// The registers that a guest starts with.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "servers/vmm/boot.h"
#include "servers/vmm/vm.h"

enum { SEGMENT_CODE = 0xb, SEGMENT_DATA = 0x3, SEGMENT_LDT = 0x2, SEGMENT_TSS32 = 0xb };
enum {
    ATTRIBUTE_S = 1 << 4,
    ATTRIBUTE_P = 1 << 7,
    ATTRIBUTE_L = 1 << 9,
    ATTRIBUTE_D = 1 << 10,
    ATTRIBUTE_G = 1 << 11
};
enum { SELECTOR_CODE = 0x10, SELECTOR_DATA = 0x18, TSS_LIMIT = 0x67, CR0_PE = 1 };

void boot_reset_state(struct vcpu_state *s)
{
    memset(s, 0, sizeof *s);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        s->seg[i] =
            (struct vcpu_segment){.limit = 0xffff, .attributes = ATTRIBUTE_P | ATTRIBUTE_S | SEGMENT_DATA};
    s->seg[SEG_CS] = (struct vcpu_segment){.selector = 0xf000,
                                           .base = 0xffff0000,
                                           .limit = 0xffff,
                                           .attributes = ATTRIBUTE_P | ATTRIBUTE_S | SEGMENT_CODE};
    s->seg[SEG_LDTR].attributes = ATTRIBUTE_P | SEGMENT_LDT;
    s->seg[SEG_TR].attributes = ATTRIBUTE_P | SEGMENT_TSS32;
    s->gdtr.limit = s->idtr.limit = 0xffff;
    s->rip = 0xfff0;
    s->rflags = 2;
    s->cr0 = 0x60000010;
    s->pat = 0x0007040600070406;
    s->dr6 = 0xffff0ff0;
    s->dr7 = 0x400;
    s->xcr0 = 1;
}

void boot_flat_segments(struct vcpu_state *s, bool wide)
{
    const uint16_t common = ATTRIBUTE_P | ATTRIBUTE_S | ATTRIBUTE_G;
    struct vcpu_segment data = {
        .selector = SELECTOR_DATA, .limit = UINT32_MAX, .attributes = common | ATTRIBUTE_D | SEGMENT_DATA};
    for (unsigned i = SEG_ES; i <= SEG_GS; i++)
        s->seg[i] = data;
    s->seg[SEG_CS].selector = SELECTOR_CODE;
    s->seg[SEG_CS].base = 0;
    s->seg[SEG_CS].limit = UINT32_MAX;
    s->seg[SEG_CS].attributes = (uint16_t)(common | SEGMENT_CODE | (wide ? ATTRIBUTE_L : ATTRIBUTE_D));
    uint64_t *gdt = memory_at(BOOT_GDT, 4 * sizeof *gdt);
    gdt[SELECTOR_CODE / 8] = wide ? 0x00af9b000000ffff : 0x00cf9b000000ffff;
    gdt[SELECTOR_DATA / 8] = 0x00cf93000000ffff;
    s->gdtr = (struct vcpu_table){.base = BOOT_GDT, .limit = 4 * sizeof *gdt - 1};
    s->idtr = (struct vcpu_table){0};
}

// [PVH] and [Multiboot] 3.2 agree: PE alone is set, the task register holds a TSS.
void boot_protected_mode(struct vcpu_state *s, uint64_t entry)
{
    boot_flat_segments(s, false);
    s->cr0 = CR0_PE;
    s->seg[SEG_TR].limit = TSS_LIMIT;
    s->rip = entry;
}
