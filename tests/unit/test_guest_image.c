// Guest kernels: each kind, and each reason to refuse one
// SPDX-License-Identifier: MIT
//
// LINK: tools/guest_image.c
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/guest_image.h"

enum { SIZE = 8192 };

static uint8_t image[SIZE];
static struct guest_image result;

// A copy on the heap, exactly as long, so that reading too far is seen.
static bool check(size_t size)
{
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, image, size);
    bool good = guest_image_check(&result, copy, size);
    free(copy);
    return good;
}

static void put16(size_t at, unsigned value)
{
    image[at] = (uint8_t)value;
    image[at + 1] = (uint8_t)(value >> 8);
}

static void put32(size_t at, uint32_t value)
{
    put16(at, value & 0xffff);
    put16(at + 2, value >> 16);
}

static void make_bzimage(void)
{
    memset(image, 0, SIZE);
    image[0x1f1] = 7;                 // sectors of set-up code
    put32(0x1f4, (SIZE - 4096) / 16); // the rest
    put16(0x1fe, 0xaa55);
    memcpy(image + 0x202, "HdrS", 4);
    put16(0x206, 0x20f);
    image[0x211] = 1;
    put16(0x236, 1);
}

static void bzimage(void **state)
{
    (void)state;
    make_bzimage();
    assert_true(check(SIZE));
    assert_int_equal(result.kind, GUEST_BZIMAGE);
    assert_int_equal(result.protocol, 0x20f);
    assert_int_equal(result.aligned, 4096);
    image[0x1f1] = 0; // stands for 4
    assert_true(check(SIZE));
    assert_int_equal(result.aligned, 5 * 512);
}

static void bzimage_refused(void **state)
{
    (void)state;
    make_bzimage();
    assert_false(check(SIZE - 1));
    assert_string_equal(result.error, "truncated: 8191 bytes, expected 8192");
    assert_false(check(0x267));
    put16(0x206, 0x20b);
    assert_false(check(SIZE));
    assert_string_equal(result.error, "Linux boot protocol 2.11 is too old, expected 2.12 or later");
    put16(0x206, 0x300);
    assert_false(check(SIZE));
    assert_string_equal(result.error, "Linux boot protocol 3.00 is too new, expected 2.12 to 2.15");
    put16(0x206, 0x210); // compatible
    assert_true(check(SIZE));
    put16(0x236, 0);
    assert_false(check(SIZE));
    assert_string_equal(result.error, "a Linux kernel without a 64-bit entry, expected one for x86-64");
}

static void make_elf(const char *note)
{
    memset(image, 0, SIZE);
    Elf64_Ehdr h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB},
                    .e_machine = EM_X86_64,
                    .e_phoff = sizeof h,
                    .e_phentsize = sizeof(Elf64_Phdr),
                    .e_phnum = 2};
    Elf64_Phdr p[2] = {{.p_type = PT_LOAD, .p_offset = 4096, .p_filesz = 4096},
                       {.p_type = PT_NOTE, .p_offset = 1000, .p_filesz = 48}};
    memcpy(image, &h, sizeof h);
    memcpy(image + sizeof h, p, sizeof p);
    // another note first: name "GNU", 4 bytes
    put32(1000, 4), put32(1004, 4), put32(1008, 18), memcpy(image + 1012, "GNU", 4);
    put32(1020, 4), put32(1024, 8), put32(1028, 18), memcpy(image + 1032, note, 4);
}

static void elf(void **state)
{
    (void)state;
    make_elf("Xen");
    assert_true(check(SIZE));
    assert_int_equal(result.kind, GUEST_PVH);
    assert_false(check(SIZE - 1));
    assert_string_equal(result.error, "truncated: 8191 bytes, a segment ends at byte 8192");
    assert_false(check(100));
    put32(1024, 1 << 30); // a note that is longer than all
    assert_false(check(SIZE));
    make_elf("XXX");
    assert_false(check(SIZE));
    assert_string_equal(result.error, "an ELF file without a PVH note, expected one, or a Multiboot header");
    make_elf("Xen");
    put16(offsetof(Elf64_Ehdr, e_machine), EM_AARCH64);
    assert_false(check(SIZE));
    assert_string_equal(result.error, "an ELF file for another processor, expected one for x86");
}

static void multiboot(void **state)
{
    (void)state;
    memset(image, 0, SIZE);
    put32(4096, 0x1badb002), put32(4100, 3), put32(4104, 0u - 0x1badb002 - 3);
    assert_false(check(SIZE));
    assert_int_equal(strncmp(result.error, "a Multiboot image without load addresses", 40), 0);
    put32(4100, 1 << 16), put32(4104, 0u - 0x1badb002 - (1 << 16));
    assert_true(check(SIZE));
    assert_int_equal(result.kind, GUEST_MULTIBOOT);
    assert_true(check(4128));
    assert_false(check(4127)); // without the end of the addresses
    assert_false(check(4107)); // without the end of the header
    assert_int_equal(strncmp(result.error, "not a kernel", 12), 0);
    make_elf("XXX");
    put32(4096, 0x1badb002), put32(4104, 0u - 0x1badb002);
    assert_true(check(SIZE));
    assert_int_equal(result.kind, GUEST_MULTIBOOT);
}

static void no_kernel(void **state)
{
    (void)state;
    memset(image, 'x', SIZE);
    for (size_t size = 0; size < 700; size++)
        assert_false(check(size));
    assert_string_equal(
        result.error, "not a kernel, expected a bzImage, an ELF file with a PVH note, or a Multiboot image");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bzimage), cmocka_unit_test(bzimage_refused),
                                       cmocka_unit_test(elf), cmocka_unit_test(multiboot),
                                       cmocka_unit_test(no_kernel)};
    return cmocka_run_group_tests_name("guest images", tests, NULL, NULL);
}
