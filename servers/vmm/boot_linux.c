// Linux's bzImage, entered in 64-bit mode.
// SPDX-License-Identifier: MIT
//
// [Linux Documentation/arch/x86/boot.rst], version 2.12 of the protocol or later, for XLF_KERNEL_64. The
// setup header begins at byte 0x1f1 of the image; the protected-mode part follows the setup sectors and is
// entered 0x200 bytes in, with the boot parameters' address in RSI, paging on and the first 4 GiB mapped to
// themselves.
#include <string.h>

#include "servers/vmm/boot.h"
#include "servers/vmm/vm.h"

enum {
    SETUP_SECTS = 0x1f1,
    SYSSIZE = 0x1f4, // of the protected-mode part, in 16 bytes
    BOOT_FLAG = 0x1fe,
    HEADER_JUMP = 0x200,
    MAGIC = 0x202,
    VERSION = 0x206,
    LOADER_TYPE = 0x210,
    LOAD_FLAGS = 0x211,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    CMD_LINE_PTR = 0x228,
    INITRD_ADDR_MAX = 0x22c,
    XLOADFLAGS = 0x236,
    CMDLINE_SIZE = 0x238,
    PREF_ADDRESS = 0x258,
    INIT_SIZE = 0x260,
    HEADER_END = 0x268,
    ENTRY_64 = 0x200,
};

// Of the boot parameters.
enum {
    PARAMS_RSDP = 0x70,
    PARAMS_E820_COUNT = 0x1e8,
    PARAMS_E820 = 0x2d0,
    PARAMS_BYTES = 4096,
    E820_MAX = 128
};

enum {
    XLF_KERNEL_64 = 1,
    CAN_USE_HEAP = 0x80,
    LOADER_UNKNOWN = 0xff,
    VERSION_MIN = 0x20c,
    VERSION_END = 0x300
};

#define CR0_64  0x80050033ul // PG WP NE ET MP PE
#define CR4_PAE 0x20ul
#define EFER_64 0x500ul // LME LMA

static uint64_t field(const uint8_t *at, size_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, at, bytes);
    return v;
}

static void set(uint8_t *at, uint64_t v, size_t bytes)
{
    memcpy(at, &v, bytes);
}

static bool recognise(const struct boot_image *k)
{
    return k->size > HEADER_END && field(k->bytes + BOOT_FLAG, 2) == 0xaa55 &&
           !memcmp(k->bytes + MAGIC, "HdrS", 4);
}

static void add_e820(void *ctx, uint64_t base, uint64_t bytes, uint32_t type)
{
    uint8_t *params = ctx, *entry = params + PARAMS_E820 + 20u * params[PARAMS_E820_COUNT];
    if (params[PARAMS_E820_COUNT] == E820_MAX)
        return;
    set(entry, base, 8);
    set(entry + 8, bytes, 8);
    set(entry + 16, type, 4);
    params[PARAMS_E820_COUNT]++;
}

// Four directories of 2 MiB pages.
static void identity_map(void)
{
    enum { PRESENT_WRITE = 3, LARGE = 0x80, TABLE = 4096, ENTRIES = 512 };
    uint64_t *top = memory_at(BOOT_TABLES, 6 * TABLE), *pointers = top + ENTRIES, *pages = pointers + ENTRIES;
    memset(top, 0, 2 * TABLE);
    top[0] = (BOOT_TABLES + TABLE) | PRESENT_WRITE;
    for (unsigned i = 0; i < 4; i++)
        pointers[i] = (BOOT_TABLES + (2 + i) * TABLE) | PRESENT_WRITE;
    for (uint64_t i = 0; i < 4ul * ENTRIES; i++)
        pages[i] = i << 21 | PRESENT_WRITE | LARGE;
}

static void set_registers(struct vcpu_state *s, uint64_t load)
{
    boot_flat_segments(s, true);
    identity_map();
    s->cr0 = CR0_64;
    s->cr3 = BOOT_TABLES;
    s->cr4 = CR4_PAE;
    s->efer = EFER_64;
    s->rip = load + ENTRY_64;
    s->gpr[GPR_RSI] = BOOT_PARAMS;
}

static const char *fill_params(const struct boot_image *k, const struct boot_image *initrd,
                               uint64_t kernel_end)
{
    uint8_t *params = memory_at(BOOT_PARAMS, PARAMS_BYTES);
    size_t header_end = HEADER_JUMP + 2u + k->bytes[HEADER_JUMP + 1];
    if (header_end < HEADER_END || header_end > PARAMS_E820)
        return "its setup header has an impossible length";
    memset(params, 0, PARAMS_BYTES);
    memcpy(params + SETUP_SECTS, k->bytes + SETUP_SECTS, header_end - SETUP_SECTS);
    if (strlen(vm.config.cmdline) > field(params + CMDLINE_SIZE, 4))
        return "the command line is longer than it takes";
    set(params + CMD_LINE_PTR, boot_cmdline(), 4);
    params[LOADER_TYPE] = LOADER_UNKNOWN;
    params[LOAD_FLAGS] &= (uint8_t)~CAN_USE_HEAP;
    set(params + PARAMS_RSDP, BOOT_ACPI, 8);
    memory_e820(add_e820, params);
    if (!initrd->size)
        return NULL;
    uint64_t at = boot_place_initrd(initrd, kernel_end, field(params + INITRD_ADDR_MAX, 4) + 1);
    if (!at)
        return "the initrd does not fit into the guest's memory";
    set(params + RAMDISK_IMAGE, at, 4);
    set(params + RAMDISK_SIZE, initrd->size, 4);
    return NULL;
}

static const char *load(const struct boot_image *k, const struct boot_image *initrd, struct vcpu_state *state)
{
    uint64_t sectors = k->bytes[SETUP_SECTS] ? k->bytes[SETUP_SECTS] : 4, skip = (sectors + 1) * 512;
    if (field(k->bytes + VERSION, 2) < VERSION_MIN)
        return "its boot protocol is older than 2.12";
    if (field(k->bytes + VERSION, 2) >= VERSION_END)
        return "its boot protocol is newer than 2";
    if (!(field(k->bytes + XLOADFLAGS, 2) & XLF_KERNEL_64))
        return "it has no 64-bit entry";
    if (skip + ENTRY_64 >= k->size || field(k->bytes + SYSSIZE, 4) * 16 > k->size - skip)
        return "the image is truncated";
    uint64_t at = field(k->bytes + PREF_ADDRESS, 8), room = field(k->bytes + INIT_SIZE, 4);
    uint64_t bytes = k->size - skip;
    if (room < bytes)
        room = bytes;
    if (at % 4096 || !boot_room(at, room))
        return "it does not fit into the guest's memory";
    const char *wrong = fill_params(k, initrd, at + room);
    if (wrong)
        return wrong;
    boot_put(k, skip, bytes, at);
    set_registers(state, at);
    return NULL;
}

const struct boot_format boot_linux = {"Linux bzImage", recognise, load};
