// Guest kernels: bzImage, ELF with a PVH entry, Multiboot.
// SPDX-License-Identifier: MIT
//
// [boot] is Documentation/arch/x86/boot.rst of Linux 6.1, [pvh] is Xen's docs/misc/pvh.pandoc, [multiboot]
// the Multiboot Specification 0.6.96.
#include "tools/guest_image.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Where fields of a bzImage lie [boot, "The Real-Mode Kernel Header"].
enum {
    BZ_SETUP_SECTS = 0x1f1,
    BZ_SYSSIZE = 0x1f4, // in 16 bytes
    BZ_BOOT_FLAG = 0x1fe,
    BZ_MAGIC = 0x202,
    BZ_VERSION = 0x206,
    BZ_LOADFLAGS = 0x211,
    BZ_XLOADFLAGS = 0x236,
    BZ_HEADER_END = 0x268,
    BZ_SETUP_SECTS_OLD = 4, // stands for 0
    BZ_LOADED_HIGH = 1,
    BZ_KERNEL_64 = 1,
    BZ_VERSION_64 = 0x020c, // the first with xloadflags
    SECTOR = 512
};

enum { XEN_ELFNOTE_PHYS32_ENTRY = 18, NOTE_ALIGN = 4 };
enum {
    MULTIBOOT_MAGIC = 0x1badb002,
    MULTIBOOT_SEARCH = 8192,
    MULTIBOOT_HEADER = 12,
    MULTIBOOT_LONG_HEADER = 32, // with load addresses
    MULTIBOOT_ADDRESSES = 1 << 16
};

__attribute__((format(printf, 2, 3))) static bool fail(struct guest_image *image, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(image->error, sizeof image->error, format, arguments);
    va_end(arguments);
    return false;
}

static uint16_t read16(const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static uint32_t read32(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static bool check_bzimage(struct guest_image *image, const uint8_t *bytes, size_t size)
{
    size_t sectors = bytes[BZ_SETUP_SECTS] ? bytes[BZ_SETUP_SECTS] : BZ_SETUP_SECTS_OLD;
    size_t payload = (sectors + 1) * SECTOR;
    size_t needed = payload + (size_t)read32(bytes + BZ_SYSSIZE) * 16;
    image->kind = GUEST_BZIMAGE;
    image->protocol = read16(bytes + BZ_VERSION);
    image->aligned = payload;
    unsigned major = image->protocol >> 8, minor = image->protocol & 0xff;
    if (major > GUEST_PROTOCOL_KNOWN >> 8)
        return fail(image, "Linux boot protocol %u.%02u is too new, expected 2.12 to 2.%02u", major, minor,
                    GUEST_PROTOCOL_KNOWN & 0xff);
    if (image->protocol < BZ_VERSION_64)
        return fail(image, "Linux boot protocol %u.%02u is too old, expected 2.12 or later", major, minor);
    if (!(bytes[BZ_LOADFLAGS] & BZ_LOADED_HIGH) || !(read16(bytes + BZ_XLOADFLAGS) & BZ_KERNEL_64))
        return fail(image, "a Linux kernel without a 64-bit entry, expected one for x86-64");
    if (size < needed)
        return fail(image, "truncated: %zu bytes, expected %zu", size, needed);
    return true;
}

// One 32-bit and one 64-bit program header, in the fields that matter here.
struct segment {
    uint32_t type;
    uint64_t offset, bytes;
};

static struct segment segment_at(const uint8_t *bytes, bool wide, uint64_t at)
{
    if (wide) {
        Elf64_Phdr p;
        memcpy(&p, bytes + at, sizeof p);
        return (struct segment){p.p_type, p.p_offset, p.p_filesz};
    }
    Elf32_Phdr p;
    memcpy(&p, bytes + at, sizeof p);
    return (struct segment){p.p_type, p.p_offset, p.p_filesz};
}

static size_t padded(size_t bytes)
{
    return (bytes + NOTE_ALIGN - 1) & ~(size_t)(NOTE_ALIGN - 1);
}

static bool note_is_pvh(const uint8_t *note, size_t bytes)
{
    for (size_t at = 0; bytes - at >= sizeof(Elf64_Nhdr);) {
        Elf64_Nhdr n; // the same in both classes
        memcpy(&n, note + at, sizeof n);
        at += sizeof n;
        size_t name = padded(n.n_namesz), content = padded(n.n_descsz);
        if (name > bytes - at || content > bytes - at - name)
            return false;
        if (n.n_type == XEN_ELFNOTE_PHYS32_ENTRY && n.n_namesz == 4 && memcmp(note + at, "Xen", 4) == 0)
            return true;
        at += name + content;
    }
    return false;
}

struct elf_view {
    bool wide;
    unsigned machine, count;
    uint64_t headers, header_bytes;
};

static bool elf_view(struct elf_view *v, const uint8_t *bytes, size_t size)
{
    Elf64_Ehdr h64;
    Elf32_Ehdr h32;
    if (size < sizeof h64 || bytes[EI_DATA] != ELFDATA2LSB)
        return false;
    memcpy(&h64, bytes, sizeof h64);
    memcpy(&h32, bytes, sizeof h32);
    v->wide = bytes[EI_CLASS] == ELFCLASS64;
    *v = v->wide ? (struct elf_view){true, h64.e_machine, h64.e_phnum, h64.e_phoff, sizeof(Elf64_Phdr)}
                 : (struct elf_view){false, h32.e_machine, h32.e_phnum, h32.e_phoff, sizeof(Elf32_Phdr)};
    return v->headers <= size && v->count * v->header_bytes <= size - v->headers;
}

// The offset of its header; `size`: there is none.
static size_t find_multiboot(const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + MULTIBOOT_HEADER <= size && at + MULTIBOOT_HEADER <= MULTIBOOT_SEARCH; at += 4)
        if (read32(bytes + at) == MULTIBOOT_MAGIC &&
            read32(bytes + at) + read32(bytes + at + 4) + read32(bytes + at + 8) == 0)
            return at;
    return size;
}

// A file that is no ELF file must say itself where it goes.
static bool check_flat(struct guest_image *image, const uint8_t *bytes, size_t size)
{
    size_t at = find_multiboot(bytes, size);
    if (!(read32(bytes + at + 4) & MULTIBOOT_ADDRESSES) || size - at < MULTIBOOT_LONG_HEADER)
        return fail(image,
                    "a Multiboot image without load addresses, expected an ELF file, or some in its header");
    image->kind = GUEST_MULTIBOOT;
    return true;
}

static bool check_elf(struct guest_image *image, const uint8_t *bytes, size_t size)
{
    struct elf_view v;
    bool pvh = false;
    if (!elf_view(&v, bytes, size))
        return fail(image, "truncated: %zu bytes of an ELF file without its program headers", size);
    if (v.machine != EM_X86_64 && v.machine != EM_386)
        return fail(image, "an ELF file for another processor, expected one for x86");
    for (unsigned i = 0; i < v.count; i++) {
        struct segment s = segment_at(bytes, v.wide, v.headers + i * v.header_bytes);
        if ((s.type == PT_LOAD || s.type == PT_NOTE) && (s.offset > size || s.bytes > size - s.offset))
            return fail(image, "truncated: %zu bytes, a segment ends at byte %llu", size,
                        (unsigned long long)(s.offset + s.bytes));
        pvh = pvh || (s.type == PT_NOTE && note_is_pvh(bytes + s.offset, s.bytes));
    }
    if (!pvh && find_multiboot(bytes, size) == size)
        return fail(image, "an ELF file without a PVH note, expected one, or a Multiboot header");
    image->kind = pvh ? GUEST_PVH : GUEST_MULTIBOOT;
    return true;
}

bool guest_image_check(struct guest_image *image, const uint8_t *bytes, size_t size)
{
    *image = (struct guest_image){0};
    if (size >= BZ_HEADER_END && read16(bytes + BZ_BOOT_FLAG) == 0xaa55 &&
        memcmp(bytes + BZ_MAGIC, "HdrS", 4) == 0)
        return check_bzimage(image, bytes, size);
    if (size >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0)
        return check_elf(image, bytes, size);
    if (find_multiboot(bytes, size) != size)
        return check_flat(image, bytes, size);
    return fail(image, "not a kernel, expected a bzImage, an ELF file with a PVH note, or a Multiboot image");
}
