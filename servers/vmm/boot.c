// Starting a guest: firmware tables, then whichever format the kernel image has.
// SPDX-License-Identifier: MIT
#include "servers/vmm/boot.h"

#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "servers/vmm/acpi/acpi.h"
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

static const struct boot_format *const formats[] = {&boot_linux, &boot_pvh, &boot_multiboot};

static uint64_t low_ram_end;

static void note_low_ram(void *ctx, uint64_t base, uint64_t bytes, uint32_t type)
{
    (void)ctx;
    if (type == 1 && base == BOOT_KERNEL)
        low_ram_end = base + bytes;
}

uint64_t boot_low_ram(void)
{
    memory_e820(note_low_ram, NULL);
    return low_ram_end;
}

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

void *boot_room(uint64_t gpa, uint64_t bytes)
{
    bool ours = gpa < BOOT_KERNEL && (gpa >= BOOT_OWN || bytes > BOOT_OWN - gpa);
    return ours ? NULL : memory_at(gpa, bytes);
}

uint32_t boot_cmdline(void)
{
    memcpy(memory_at(BOOT_CMDLINE, CONFIG_CMDLINE_MAX), vm.config.cmdline, CONFIG_CMDLINE_MAX);
    return BOOT_CMDLINE;
}

uint64_t boot_place_initrd(const struct boot_image *initrd, uint64_t floor, uint64_t limit)
{
    uint64_t end = boot_low_ram() < limit ? boot_low_ram() : limit;
    if (initrd->size > end)
        return 0;
    uint64_t at = (end - initrd->size) & ~4095ul;
    void *to = at >= floor && at >= BOOT_KERNEL ? memory_at(at, initrd->size) : NULL;
    if (!to)
        return 0;
    memcpy(to, initrd->bytes, initrd->size);
    return at;
}

static bool write_acpi(void)
{
    const struct acpi_config acpi = {.gpa = BOOT_ACPI,
                                     .cpus = (uint32_t)vm.config.cpus,
                                     .pci_memory = 0xc0000000,
                                     .pci_memory_last = 0xfebfffff,
                                     .ioapic_id = (uint8_t)vm.config.cpus,
                                     .com1 = true};
    void *at = memory_at(BOOT_ACPI, BOOT_ACPI_BYTES);
    return at && acpi_build(at, BOOT_ACPI_BYTES, &acpi);
}

bool boot_load(struct vcpu_state *state)
{
    const struct vm_config *c = &vm.config;
    const struct boot_image kernel = {(const uint8_t *)VMM_MAP_KERNEL + c->kernel.offset, c->kernel.bytes};
    const struct boot_image initrd = {(const uint8_t *)VMM_MAP_INITRD + c->initrd.offset, c->initrd.bytes};
    boot_reset_state(state);
    if (!write_acpi()) {
        log_error("%s: the ACPI tables do not fit", c->name);
        return false;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!formats[i]->recognise(&kernel))
            continue;
        const char *wrong = formats[i]->load(&kernel, &initrd, state);
        if (wrong)
            log_error("%s: kernel (%s): %s", c->name, formats[i]->name, wrong);
        return !wrong;
    }
    log_error("%s: the kernel image is no bzImage, no ELF file with a PVH note, and has no Multiboot header",
              c->name);
    return false;
}
