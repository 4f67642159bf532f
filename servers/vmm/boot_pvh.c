// ELF kernels with a PVH entry: 32-bit protected mode without paging.
// SPDX-License-Identifier: MIT
//
// [PVH] Xen docs/misc/pvh.pandoc, and xen/include/public/arch-x86/hvm/start_info.h version 1. A note of type
// XEN_ELFNOTE_PHYS32_ENTRY names the entry by its physical address; EBX has the address of the start info.
#include <string.h>

#include "servers/vmm/boot.h"
#include "servers/vmm/boot_elf.h"
#include "servers/vmm/vm.h"

enum { NOTE_PHYS32_ENTRY = 18, NOTE_ALIGN = 4, START_VERSION = 1, MEMORY_MAX = 32 };
#define START_MAGIC UINT32_C(0x336ec578)

struct note {
    uint32_t name_bytes, bytes, type;
};

struct start_info {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, cmdline, rsdp, memory_map;
    uint32_t memory_entries, reserved;
};

struct start_module {
    uint64_t gpa, bytes, cmdline, reserved;
};

struct start_memory {
    uint64_t gpa, bytes;
    uint32_t type, reserved;
};

_Static_assert(sizeof(struct start_info) == 56 && sizeof(struct start_memory) == 24, "PVH");

// All that the guest is told, in the page of the boot parameters.
struct page {
    struct start_info info;
    struct start_module module;
    struct start_memory memory[MEMORY_MAX];
};

static uint64_t padded(uint32_t bytes)
{
    return ((uint64_t)bytes + NOTE_ALIGN - 1) & ~(uint64_t)(NOTE_ALIGN - 1);
}

// The entry is 4 bytes long, or 8 in the files of some linkers' scripts.
static bool entry_in(const uint8_t *notes, uint64_t bytes, uint64_t *entry)
{
    struct note n;
    for (uint64_t at = 0; bytes - at >= sizeof n;) {
        memcpy(&n, notes + at, sizeof n);
        at += sizeof n;
        uint64_t name = padded(n.name_bytes), content = padded(n.bytes);
        if (name > bytes - at || content > bytes - at - name)
            return false;
        if (n.type == NOTE_PHYS32_ENTRY && n.name_bytes == 4 && !memcmp(notes + at, "Xen", 4) &&
            (n.bytes == 4 || n.bytes == 8)) {
            *entry = 0;
            memcpy(entry, notes + at + name, n.bytes);
            return true;
        }
        at += name + content;
    }
    return false;
}

static bool find_entry(const struct boot_elf *elf, uint64_t *entry)
{
    for (uint32_t i = 0; i < elf->segments; i++) {
        struct boot_segment s = boot_elf_segment(elf, i);
        if (s.type == ELF_NOTE && entry_in(elf->image->bytes + s.offset, s.file_bytes, entry))
            return true;
    }
    return false;
}

// Any ELF file that has no other entry, so that load() says what is wrong with it.
static bool recognise(const struct boot_image *k)
{
    struct boot_elf elf;
    uint64_t entry;
    if (!boot_elf_is(k))
        return false;
    bool pvh = !boot_elf_open(&elf, k) && find_entry(&elf, &entry);
    return pvh || !boot_multiboot.recognise(k);
}

static void add_memory(void *ctx, uint64_t base, uint64_t bytes, uint32_t type)
{
    struct page *p = ctx;
    if (p->info.memory_entries < MEMORY_MAX)
        p->memory[p->info.memory_entries++] = (struct start_memory){base, bytes, type, 0};
}

static const char *write_info(const struct boot_image *initrd, uint64_t kernel_end)
{
    struct page *p = memory_at(BOOT_PARAMS, sizeof *p);
    *p = (struct page){.info = {.magic = START_MAGIC,
                                .version = START_VERSION,
                                .cmdline = boot_cmdline(),
                                .rsdp = BOOT_ACPI,
                                .memory_map = BOOT_PARAMS + offsetof(struct page, memory)}};
    memory_e820(add_memory, p);
    if (!initrd->size)
        return NULL;
    p->module = (struct start_module){.bytes = initrd->size};
    p->module.gpa = boot_place_initrd(initrd, kernel_end, UINT32_MAX);
    p->info.modules = 1;
    p->info.module_list = BOOT_PARAMS + offsetof(struct page, module);
    return p->module.gpa ? NULL : "the initrd does not fit into the guest's memory";
}

static const char *load(const struct boot_image *k, const struct boot_image *initrd, struct vcpu_state *state)
{
    struct boot_elf elf;
    uint64_t entry, end;
    const char *wrong = boot_elf_open(&elf, k);
    if (wrong)
        return wrong;
    if (!find_entry(&elf, &entry))
        return "an ELF file without a PVH entry";
    if (entry > UINT32_MAX || !boot_elf_holds(&elf, entry))
        return "its PVH entry lies outside of what is loaded";
    wrong = boot_elf_load(&elf, &end);
    if (!wrong)
        wrong = write_info(initrd, end);
    if (wrong)
        return wrong;
    boot_protected_mode(state, entry);
    state->gpr[GPR_RBX] = BOOT_PARAMS;
    return NULL;
}

const struct boot_format boot_pvh = {"PVH", recognise, load};
