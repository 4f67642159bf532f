// Multiboot kernels, version 1: ELF files, and flat ones whose header says where they go.
// SPDX-License-Identifier: MIT
//
// [Multiboot] Multiboot Specification 0.6.96, 3.1 to 3.3. The header lies in the first 8192 bytes; the kernel
// is entered in 32-bit protected mode without paging, EAX has the magic, EBX the address of the information.
#include <string.h>

#include "servers/vmm/boot.h"
#include "servers/vmm/boot_elf.h"
#include "servers/vmm/vm.h"

enum { SEARCH_BYTES = 8192, MEMORY_MAX = 32, KIB = 1024, LOW_RAM_KIB = 636 };
#define HEADER_MAGIC UINT32_C(0x1badb002)
#define ENTRY_MAGIC  UINT32_C(0x2badb002)

// What a header may ask for: modules on page boundaries, memory information, addresses of its own. Other bits
// of the lower half are demands that a loader must refuse when it does not know them.
enum {
    WANT_PAGES = 1 << 0,
    WANT_MEMORY = 1 << 1,
    DEMANDS = 0xffff,
    HAS_ADDRESSES = 1 << 16,
};

struct header {
    uint32_t magic, flags, checksum;
    uint32_t header_gpa, load_gpa, load_end, bss_end, entry; // HAS_ADDRESSES
};

enum { HEADER_SHORT = 12 };

enum {
    INFO_MEMORY = 1 << 0,
    INFO_CMDLINE = 1 << 2,
    INFO_MODULES = 1 << 3,
    INFO_MAP = 1 << 6,
    INFO_NAME = 1 << 9
};

struct info {
    uint32_t flags, memory_lower, memory_upper, boot_device, cmdline, modules, module_list, symbols[4],
        map_bytes, map, drives_bytes, drives, config, name, apm;
};

struct module {
    uint32_t gpa, end, cmdline, reserved;
};

struct memory {
    uint32_t bytes_behind_this;
    uint64_t gpa, bytes;
    uint32_t type;
} __attribute__((packed));

_Static_assert(offsetof(struct info, map_bytes) == 44 && offsetof(struct info, name) == 64, "Multiboot");

// All that the guest is told, in the page of the boot parameters.
struct page {
    struct info info;
    struct module module;
    char name[12], empty[4];
    struct memory memory[MEMORY_MAX];
};

#define IN_PAGE(member) ((uint32_t)(BOOT_PARAMS + offsetof(struct page, member)))

// What is loaded, and where it begins to run.
struct loaded {
    uint64_t entry, end;
};

static bool find_header(const struct boot_image *k, struct header *h, uint64_t *offset)
{
    for (uint64_t at = 0; at + HEADER_SHORT <= k->size && at + HEADER_SHORT <= SEARCH_BYTES; at += 4) {
        memcpy(h, k->bytes + at, HEADER_SHORT);
        if (h->magic != HEADER_MAGIC || h->magic + h->flags + h->checksum != 0)
            continue;
        *offset = at;
        return true;
    }
    return false;
}

static bool recognise(const struct boot_image *k)
{
    struct header h;
    uint64_t offset;
    return find_header(k, &h, &offset);
}

// The header's own addresses say which bytes of the file go where [Multiboot] 3.1.3.
static const char *load_flat(const struct boot_image *k, uint64_t offset, struct loaded *l)
{
    struct header h;
    if (offset + sizeof h > k->size)
        return "the image is truncated in its header";
    memcpy(&h, k->bytes + offset, sizeof h);
    uint64_t before = (uint64_t)h.header_gpa - h.load_gpa;
    if (h.load_gpa > h.header_gpa || before > offset)
        return "its header's load address does not fit the file";
    uint64_t from = offset - before, bytes = h.load_end ? (uint64_t)h.load_end - h.load_gpa : k->size - from;
    if (h.load_end && h.load_end < h.load_gpa)
        return "its header's load addresses are in the wrong order";
    if (bytes > k->size - from)
        return "the image is truncated";
    uint64_t room = h.bss_end > h.load_gpa + bytes ? h.bss_end - (uint64_t)h.load_gpa : bytes;
    uint8_t *to = boot_room(h.load_gpa, room);
    if (!to)
        return "it lies outside of the guest's memory, or over the tables below 1 MiB";
    if (h.entry < h.load_gpa || h.entry - h.load_gpa >= bytes)
        return "its entry lies outside of what is loaded";
    boot_put(k, from, bytes, h.load_gpa);
    memset(to + bytes, 0, room - bytes);
    *l = (struct loaded){h.entry, h.load_gpa + room};
    return NULL;
}

// The file says the virtual address of the entry: its physical one is as far into its segment.
static bool entry_of(const struct boot_elf *elf, uint64_t *entry)
{
    for (uint32_t i = 0; i < elf->segments; i++) {
        struct boot_segment s = boot_elf_segment(elf, i);
        if (s.type != ELF_LOAD || elf->entry < s.virtual || elf->entry - s.virtual >= s.bytes)
            continue;
        *entry = s.gpa + (elf->entry - s.virtual);
        return *entry <= UINT32_MAX;
    }
    return false;
}

static const char *load_elf(const struct boot_image *k, struct loaded *l)
{
    struct boot_elf elf;
    const char *wrong = boot_elf_open(&elf, k);
    if (wrong)
        return wrong;
    if (!entry_of(&elf, &l->entry))
        return "its entry lies outside of what is loaded";
    return boot_elf_load(&elf, &l->end);
}

static void add_memory(void *ctx, uint64_t base, uint64_t bytes, uint32_t type)
{
    struct page *p = ctx;
    size_t n = p->info.map_bytes / sizeof p->memory[0];
    if (n == MEMORY_MAX)
        return;
    p->memory[n] =
        (struct memory){sizeof p->memory[0] - sizeof p->memory[0].bytes_behind_this, base, bytes, type};
    p->info.map_bytes += (uint32_t)sizeof p->memory[0];
}

static const char *write_info(const struct boot_image *initrd, uint64_t kernel_end)
{
    struct page *p = memory_at(BOOT_PARAMS, sizeof *p);
    *p = (struct page){.name = "Bulkhead",
                       .info = {.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP | INFO_NAME,
                                .memory_lower = LOW_RAM_KIB,
                                .memory_upper = (uint32_t)((boot_low_ram() - BOOT_KERNEL) / KIB),
                                .cmdline = boot_cmdline(),
                                .map = IN_PAGE(memory),
                                .name = IN_PAGE(name)}};
    memory_e820(add_memory, p);
    if (!initrd->size)
        return NULL;
    uint64_t at = boot_place_initrd(initrd, kernel_end, UINT32_MAX);
    p->module = (struct module){(uint32_t)at, (uint32_t)(at + initrd->size), IN_PAGE(empty), 0};
    p->info.modules = 1;
    p->info.module_list = IN_PAGE(module);
    return at ? NULL : "the initrd does not fit into the guest's memory";
}

static const char *load(const struct boot_image *k, const struct boot_image *initrd, struct vcpu_state *state)
{
    struct header h;
    struct loaded l = {0};
    uint64_t offset = 0;
    find_header(k, &h, &offset);
    if (h.flags & DEMANDS & ~(uint32_t)(WANT_PAGES | WANT_MEMORY))
        return "its header demands what this loader does not give, such as a video mode";
    const char *wrong = h.flags & HAS_ADDRESSES ? load_flat(k, offset, &l) : load_elf(k, &l);
    if (!wrong)
        wrong = write_info(initrd, l.end);
    if (wrong)
        return wrong;
    boot_firmware();
    boot_protected_mode(state, l.entry);
    state->gpr[GPR_RAX] = ENTRY_MAGIC;
    state->gpr[GPR_RBX] = BOOT_PARAMS;
    return NULL;
}

const struct boot_format boot_multiboot = {"Multiboot", recognise, load};
