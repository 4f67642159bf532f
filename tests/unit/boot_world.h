// Guest memory and kernel files for the tests of the boot formats
// SPDX-License-Identifier: MIT
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/log.h"
#include "servers/vmm/boot.h"
#include "servers/vmm/boot_elf.h"
#include "servers/vmm/vm.h"

enum { RAM_BYTES = 4 << 20, PAINT = 0x5a, FILE_MAX = 16384, ENTRY_VIRTUAL = 0x40100000 };

struct vm vm;
static uint8_t *ram;

void *memory_at(uint64_t gpa, uint64_t bytes)
{
    return gpa < RAM_BYTES && bytes <= RAM_BYTES - gpa ? ram + gpa : NULL;
}

// What the pager was asked to share. It refuses, so that all is copied; or the pages stay as they were.
static struct sharing {
    bool accepted;
    unsigned calls;
    uint64_t image, first, page, pages;
} sharing;

bool memory_share(uint64_t image, uint64_t first, uint64_t page, uint64_t pages)
{
    sharing = (struct sharing){sharing.accepted, sharing.calls + 1, image, first, page, pages};
    return sharing.accepted;
}

void memory_e820(void (*add)(void *ctx, uint64_t base, uint64_t bytes, uint32_t type), void *ctx)
{
    add(ctx, 0, 0x9f000, 1);
    add(ctx, 0xe0000, 0x20000, 2);
    add(ctx, BOOT_KERNEL, RAM_BYTES - BOOT_KERNEL, 1);
}

void io_firmware_write(uint16_t port, uint8_t value)
{
    (void)port, (void)value;
}

void log_line(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

static inline int world_open(void **state)
{
    (void)state;
    ram = malloc(RAM_BYTES);
    memset(ram, PAINT, RAM_BYTES);
    sharing = (struct sharing){0};
    strcpy(vm.config.cmdline, "first second=2");
    return 0;
}

static inline int world_close(void **state)
{
    (void)state;
    free(ram);
    return 0;
}

// Is all memory where a kernel may lie as it was?
static inline bool untouched(void)
{
    for (size_t i = BOOT_KERNEL; i < RAM_BYTES; i++)
        if (ram[i] != PAINT)
            return false;
    return true;
}

// A kernel file: an ELF header, two program headers, a note, then 0x100 bytes to be loaded.
struct file {
    uint8_t bytes[FILE_MAX];
    size_t size;
    bool wide;
};

enum { HEADERS_AT = 64, NOTE_AT = 192, CODE_AT = 256, CODE_BYTES = 0x100, CODE_ROOM = 0x180 };

struct wide_segment {
    uint32_t type, flags;
    uint64_t offset, virtual, gpa, file_bytes, bytes, align;
};

struct narrow_segment {
    uint32_t type, offset, virtual, gpa, file_bytes, bytes, flags, align;
};

static inline void file_put(struct file *f, size_t at, uint64_t value, size_t bytes)
{
    memcpy(f->bytes + at, &value, bytes);
}

static inline void file_segment(struct file *f, unsigned n, const struct boot_segment *s)
{
    struct wide_segment w = {s->type, 5, s->offset, s->virtual, s->gpa, s->file_bytes, s->bytes, 0};
    struct narrow_segment i = {s->type,
                               (uint32_t)s->offset,
                               (uint32_t)s->virtual,
                               (uint32_t)s->gpa,
                               (uint32_t)s->file_bytes,
                               (uint32_t)s->bytes,
                               5,
                               0};
    if (f->wide)
        memcpy(f->bytes + HEADERS_AT + n * sizeof w, &w, sizeof w);
    else
        memcpy(f->bytes + HEADERS_AT + n * sizeof i, &i, sizeof i);
}

// Offsets of the fields of an ELF header that differ with the class.
enum { MACHINE = 18, ENTRY = 24 };
#define PHOFF(f)     ((f)->wide ? 32u : 28u)
#define PHENTSIZE(f) ((f)->wide ? 54u : 42u)
#define PHNUM(f)     ((f)->wide ? 56u : 44u)

static inline struct boot_segment code_segment(uint64_t gpa)
{
    return (struct boot_segment){ELF_LOAD, CODE_AT, CODE_BYTES, ENTRY_VIRTUAL, gpa, CODE_ROOM};
}

static inline void file_elf(struct file *f, bool wide, uint64_t gpa)
{
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 0, 1, 1};
    *f = (struct file){.wide = wide, .size = CODE_AT + CODE_BYTES};
    memcpy(f->bytes, ident, sizeof ident);
    f->bytes[4] = wide ? 2 : 1;
    file_put(f, MACHINE, wide ? 62 : 3, 2);
    file_put(f, ENTRY, ENTRY_VIRTUAL + 0x10, wide ? 8 : 4);
    file_put(f, PHOFF(f), HEADERS_AT, wide ? 8 : 4);
    file_put(f, PHENTSIZE(f), wide ? sizeof(struct wide_segment) : sizeof(struct narrow_segment), 2);
    file_put(f, PHNUM(f), 2, 2);
    file_segment(f, 0, &(struct boot_segment){.type = ELF_NOTE, .offset = NOTE_AT, .file_bytes = 0});
    struct boot_segment code = code_segment(gpa);
    file_segment(f, 1, &code);
    for (unsigned i = 0; i < CODE_BYTES; i++)
        f->bytes[CODE_AT + i] = (uint8_t)(i + 1);
}

// An image of exactly its size, so that a sanitizer sees what reads beyond. The caller frees it.
static inline struct boot_image image_of(const struct file *f, size_t size)
{
    uint8_t *bytes = malloc(size ? size : 1);
    memcpy(bytes, f->bytes, size);
    return (struct boot_image){bytes, size, 0, 0};
}

static inline void free_image(const struct boot_image *image)
{
    free((void *)(uintptr_t)image->bytes);
}

static inline const char *load(const struct boot_format *format, const struct file *f, size_t initrd_bytes,
                               struct vcpu_state *state)
{
    static const uint8_t disk[RAM_BYTES] = "a disk";
    struct boot_image kernel = image_of(f, f->size), initrd = {disk, initrd_bytes, 1, 0};
    boot_reset_state(state);
    const char *wrong = format->recognise(&kernel) ? format->load(&kernel, &initrd, state) : "unknown";
    free_image(&kernel);
    return wrong;
}

static inline void assert_loaded_at(uint64_t gpa)
{
    for (unsigned i = 0; i < CODE_ROOM; i++)
        assert_int_equal(ram[gpa + i], i < CODE_BYTES ? (uint8_t)(i + 1) : 0);
    assert_int_equal(ram[gpa + CODE_ROOM], PAINT);
}

static inline uint64_t word_at(uint64_t gpa, size_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, memory_at(gpa, bytes), bytes);
    return v;
}

// [PVH], [Multiboot] 3.2: 32-bit protected mode, flat segments, no paging, no interrupts.
static inline void assert_protected_mode(const struct vcpu_state *s, uint64_t entry)
{
    assert_int_equal(s->rip, entry);
    assert_int_equal(s->rflags, 2);
    assert_int_equal(s->cr0, 1);
    assert_int_equal(s->cr4, 0);
    assert_int_equal(s->efer, 0);
    for (unsigned i = SEG_ES; i <= SEG_GS; i++) {
        assert_int_equal(s->seg[i].base, 0);
        assert_int_equal(s->seg[i].limit, UINT32_MAX);
        assert_int_equal(s->seg[i].attributes, i == SEG_CS ? 0xc9b : 0xc93);
    }
    assert_int_equal(s->seg[SEG_TR].attributes, 0x8b);
}
