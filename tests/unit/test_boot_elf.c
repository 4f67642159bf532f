// ELF images of guest kernels: good ones, and what hostile ones may try
// SPDX-License-Identifier: MIT
//
// LINK: servers/vmm/boot_elf.c servers/vmm/boot_place.c servers/vmm/boot_state.c servers/vmm/boot_pvh.c
// LINK: servers/vmm/boot_multiboot.c servers/vmm/boot_firmware.c
#include "tests/unit/boot_world.h"

enum { PAGE = 4096 };

static struct file file;

static const char *try_load(const struct file *f, uint64_t *end)
{
    struct boot_image image = image_of(f, f->size);
    struct boot_elf elf;
    const char *wrong = boot_elf_open(&elf, &image);
    if (!wrong)
        wrong = boot_elf_load(&elf, end);
    free_image(&image);
    return wrong;
}

static void refuse(const struct file *f)
{
    uint64_t end;
    assert_non_null(try_load(f, &end));
    assert_true(untouched());
}

static void both_classes(void **state)
{
    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        uint64_t end, gpa = 0x200000 + wide * 0x10000;
        file_elf(&file, wide, gpa);
        assert_null(try_load(&file, &end));
        assert_loaded_at(gpa);
        assert_int_equal(end, gpa + CODE_ROOM);
    }
}

static void every_truncation(void **state)
{
    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        file_elf(&file, wide, 0x200000);
        for (file.size = 0; file.size < CODE_AT + CODE_BYTES; file.size++)
            refuse(&file);
    }
}

static void headers_that_lie(void **state)
{
    (void)state;
    static const struct {
        unsigned at, bytes;
        uint64_t value;
    } lies[] = {
        {0, 1, 0},           {4, 1, 0},         {4, 1, 3},       {5, 1, 2}, // magic, class, endianness
        {MACHINE, 2, 183},                                                  // processor
        {32, 8, UINT64_MAX}, {32, 8, 1u << 20}, {56, 2, 0xffff},            // program headers
        {54, 2, 32},         {54, 2, 0},        {56, 2, 0},
    };
    for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
        file_elf(&file, true, 0x200000);
        file_put(&file, lies[i].at, lies[i].value, lies[i].bytes);
        refuse(&file);
    }
}

static void segments_that_lie(void **state)
{
    (void)state;
    const uint64_t huge = UINT64_MAX - 0x100;
    const struct boot_segment lies[] = {
        {ELF_LOAD, huge, CODE_BYTES, 0, 0x200000, CODE_ROOM}, // in the file
        {ELF_LOAD, CODE_AT, huge, 0, 0x200000, huge},
        {ELF_LOAD, CODE_AT, CODE_BYTES + 1, 0, 0x200000, CODE_ROOM},
        {ELF_LOAD, CODE_AT, CODE_BYTES, 0, 0x200000, CODE_BYTES - 1},          // more than its room
        {ELF_LOAD, CODE_AT, CODE_BYTES, 0, RAM_BYTES - CODE_BYTES, CODE_ROOM}, // in memory
        {ELF_LOAD, CODE_AT, CODE_BYTES, 0, RAM_BYTES, CODE_ROOM},
        {ELF_LOAD, CODE_AT, CODE_BYTES, 0, huge, CODE_ROOM},
        {ELF_LOAD, CODE_AT, CODE_BYTES, 0, 0x200000, huge},
        {ELF_NOTE, huge, 0x100, 0, 0, 0},
    };
    for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
        file_elf(&file, true, 0x200000);
        file_segment(&file, 1, &lies[i]);
        refuse(&file);
    }
}

// From BOOT_OWN to 1 MiB all is ours.
static void own_memory_is_kept(void **state)
{
    (void)state;
    static const struct {
        uint64_t gpa;
        bool good;
    } places[] = {
        {0, true},
        {BOOT_OWN - CODE_ROOM, true},
        {BOOT_OWN - CODE_ROOM + 1, false},
        {BOOT_OWN, false},
        {BOOT_ACPI, false},
        {BOOT_KERNEL - CODE_ROOM, false},
        {BOOT_KERNEL - 1, false},
        {BOOT_KERNEL, true},
        {RAM_BYTES - CODE_ROOM, true},
    };
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        uint64_t end;
        file_elf(&file, true, places[i].gpa);
        assert_int_equal(!try_load(&file, &end), places[i].good);
    }
}

// The second of two segments is bad: the first is not written either.
static void all_or_nothing(void **state)
{
    (void)state;
    file_elf(&file, true, 0x200000);
    struct boot_segment good = code_segment(0x200000), bad = code_segment(RAM_BYTES);
    file_segment(&file, 0, &good);
    file_segment(&file, 1, &bad);
    refuse(&file);
}

static void what_is_held(void **state)
{
    (void)state;
    struct boot_elf elf;
    file_elf(&file, false, 0x200000);
    struct boot_image image = image_of(&file, file.size);
    assert_null(boot_elf_open(&elf, &image));
    assert_true(boot_elf_holds(&elf, 0x200000) && boot_elf_holds(&elf, 0x200000 + CODE_ROOM - 1));
    assert_false(boot_elf_holds(&elf, 0x1fffff) || boot_elf_holds(&elf, 0x200000 + CODE_ROOM));
    free_image(&image);
}

// Pages of the image that begin as they do in RAM are not copied; what lies around them is.
static void whole_pages_are_shared(void **state)
{
    (void)state;
    enum { GPA = 0x200000, SKIP = 0x200, HEAD = PAGE - SKIP, SIZE = HEAD + 2 * PAGE + 5 };
    static uint8_t bytes[SIZE];
    memset(bytes, 7, sizeof bytes);
    const struct boot_image image = {bytes, SIZE, 3, SKIP};
    sharing.accepted = true;
    boot_put(&image, 0, SIZE, GPA + SKIP);
    assert_int_equal(sharing.calls, 1);
    assert_int_equal(sharing.image, 3);
    assert_int_equal(sharing.first, 1);
    assert_int_equal(sharing.page, GPA / PAGE + 1);
    assert_int_equal(sharing.pages, 2);
    for (unsigned i = 0; i < 4 * PAGE; i++) {
        bool copied = (i >= SKIP && i < PAGE) || (i >= 3 * PAGE && i < SKIP + SIZE);
        assert_int_equal(ram[GPA + i], copied ? 7 : PAINT);
    }
}

static void what_lies_otherwise_is_copied(void **state)
{
    (void)state;
    enum { GPA = 0x200000, SIZE = 3 * PAGE };
    static uint8_t bytes[SIZE];
    memset(bytes, 7, sizeof bytes);
    const struct boot_image image = {bytes, SIZE, 3, 0};
    sharing.accepted = true;
    boot_put(&image, 0, SIZE, GPA + 4);
    boot_put(&image, 8, 0, GPA + 8);
    boot_put(&image, PAGE - 8, 16, GPA + 5 * PAGE - 8); // no whole page
    assert_int_equal(sharing.calls, 0);
    sharing.accepted = false;
    boot_put(&image, 0, SIZE, GPA + 8 * PAGE);
    assert_int_equal(sharing.calls, 1);
    for (unsigned i = 0; i < 12 * PAGE; i++) {
        bool copied = (i >= 4 && i < SIZE + 4) || (i >= 5 * PAGE - 8 && i < 5 * PAGE + 8) ||
                      (i >= 8 * PAGE && i < 11 * PAGE);
        assert_int_equal(ram[GPA + i], copied ? 7 : PAINT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_classes, world_open, world_close),
        cmocka_unit_test_setup_teardown(every_truncation, world_open, world_close),
        cmocka_unit_test_setup_teardown(headers_that_lie, world_open, world_close),
        cmocka_unit_test_setup_teardown(segments_that_lie, world_open, world_close),
        cmocka_unit_test_setup_teardown(own_memory_is_kept, world_open, world_close),
        cmocka_unit_test_setup_teardown(all_or_nothing, world_open, world_close),
        cmocka_unit_test_setup_teardown(what_is_held, world_open, world_close),
        cmocka_unit_test_setup_teardown(whole_pages_are_shared, world_open, world_close),
        cmocka_unit_test_setup_teardown(what_lies_otherwise_is_copied, world_open, world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
