// Linux's bzImage: where it goes, what it is told, and images that are refused
// SPDX-License-Identifier: MIT
//
// LINK: servers/vmm/boot_linux.c servers/vmm/boot_place.c servers/vmm/boot_state.c
#include "tests/unit/boot_world.h"

// [Linux Documentation/arch/x86/boot.rst], the setup header.
enum {
    SETUP_SECTS = 0x1f1,
    SYSSIZE = 0x1f4,
    BOOT_FLAG = 0x1fe,
    JUMP = 0x200,
    HEADER_MAGIC = 0x202,
    VERSION = 0x206,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    CMD_LINE_PTR = 0x228,
    INITRD_ADDR_MAX = 0x22c,
    XLOADFLAGS = 0x236,
    CMDLINE_SIZE = 0x238,
    PREF_ADDRESS = 0x258,
    INIT_SIZE = 0x260,
    E820_COUNT = 0x1e8,
    E820 = 0x2d0
};
enum { SETUP = 5 * 512, CODE = 0x1000, GPA = 0x200000, ROOM = 0x3000 };

static struct file file;
static struct vcpu_state state;

static void make(void)
{
    file = (struct file){.size = SETUP + CODE};
    file.bytes[SETUP_SECTS] = 4;
    file_put(&file, SYSSIZE, CODE / 16, 4);
    file_put(&file, BOOT_FLAG, 0xaa55, 2);
    file_put(&file, JUMP, 0x6aeb, 2);
    file_put(&file, HEADER_MAGIC, 0x53726448, 4);
    file_put(&file, VERSION, 0x20f, 2);
    file_put(&file, INITRD_ADDR_MAX, 0x7fffffff, 4);
    file_put(&file, XLOADFLAGS, 1, 2);
    file_put(&file, CMDLINE_SIZE, 2047, 4);
    file_put(&file, PREF_ADDRESS, GPA, 8);
    file_put(&file, INIT_SIZE, ROOM, 4);
    memset(file.bytes + SETUP, 0xc3, CODE);
}

static void it_is_loaded_and_entered(void **unused)
{
    (void)unused;
    make();
    assert_null(load(&boot_linux, &file, 0, &state));
    assert_memory_equal(ram + GPA, file.bytes + SETUP, CODE);
    assert_int_equal(ram[GPA + CODE], PAINT);
    assert_int_equal(state.rip, GPA + 0x200);
    assert_int_equal(state.gpr[GPR_RSI], BOOT_PARAMS);
    assert_int_equal(state.efer, 0x500);
    assert_int_equal(state.seg[SEG_CS].attributes, 0xa9b);
    assert_int_equal(state.cr3, BOOT_TABLES);
    for (uint64_t i = 0; i < 2048; i++) // 4 GiB mapped to themselves
        assert_int_equal(word_at(BOOT_TABLES + 0x2000 + 8 * i, 8), i << 21 | 0x83);
}

static void what_it_is_told(void **unused)
{
    (void)unused;
    make();
    assert_null(load(&boot_linux, &file, 5000, &state));
    assert_memory_equal(ram + BOOT_PARAMS + JUMP, file.bytes + JUMP, 0x10);
    assert_string_equal((char *)ram + word_at(BOOT_PARAMS + CMD_LINE_PTR, 4), "first second=2");
    assert_int_equal(word_at(BOOT_PARAMS + RAMDISK_SIZE, 4), 5000);
    uint64_t disk = word_at(BOOT_PARAMS + RAMDISK_IMAGE, 4);
    assert_int_equal(disk, (RAM_BYTES - 5000) & ~4095u);
    assert_string_equal((char *)ram + disk, "a disk");
    assert_int_equal(ram[BOOT_PARAMS + E820_COUNT], 3);
    assert_int_equal(word_at(BOOT_PARAMS + E820 + 20, 8), 0xe0000);
    assert_int_equal(word_at(BOOT_PARAMS + E820 + 36, 4), 2);
}

static void no_initrd_above_the_limit(void **unused)
{
    (void)unused;
    make();
    file_put(&file, INITRD_ADDR_MAX, 0x2fffff, 4);
    assert_null(load(&boot_linux, &file, 5000, &state));
    assert_int_equal(word_at(BOOT_PARAMS + RAMDISK_IMAGE, 4), 0x2fe000);
    assert_non_null(load(&boot_linux, &file, 0x2fffff - GPA - ROOM + 4097, &state));
}

// Each is good but for one field.
static void images_that_are_refused(void **unused)
{
    static const struct {
        size_t at;
        uint64_t value;
        size_t bytes;
        const char *wrong;
    } fields[] = {
        {HEADER_MAGIC, 0x73726448, 4, "unknown"},
        {BOOT_FLAG, 0, 2, "unknown"},
        {VERSION, 0x20b, 2, "its boot protocol is older than 2.12"},
        {VERSION, 0x300, 2, "its boot protocol is newer than 2"},
        {XLOADFLAGS, 2, 2, "it has no 64-bit entry"},
        {SETUP_SECTS, 0xff, 1, "the image is truncated"},
        {SYSSIZE, CODE / 16 + 1, 4, "the image is truncated"},
        {PREF_ADDRESS, GPA + 1, 8, "it does not fit into the guest's memory"},
        {PREF_ADDRESS, RAM_BYTES - ROOM + 4096, 8, "it does not fit into the guest's memory"},
        {PREF_ADDRESS, UINT64_MAX - 4095, 8, "it does not fit into the guest's memory"},
        {PREF_ADDRESS, BOOT_TABLES, 8, "it does not fit into the guest's memory"},
        {INIT_SIZE, UINT32_MAX, 4, "it does not fit into the guest's memory"},
        {JUMP, 0x10eb, 2, "its setup header has an impossible length"},
        {JUMP, 0xffeb, 2, "its setup header has an impossible length"},
        {CMDLINE_SIZE, 5, 4, "the command line is longer than it takes"},
    };
    (void)unused;
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
        make();
        file_put(&file, fields[i].at, fields[i].value, fields[i].bytes);
        assert_string_equal(load(&boot_linux, &file, 0, &state), fields[i].wrong);
        assert_true(untouched());
    }
}

static void cut_off_anywhere(void **unused)
{
    (void)unused;
    for (size_t size = 0; size < SETUP + CODE; size += 64) {
        make();
        file.size = size;
        assert_non_null(load(&boot_linux, &file, 0, &state));
        assert_true(untouched());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_loaded_and_entered, world_open, world_close),
        cmocka_unit_test_setup_teardown(what_it_is_told, world_open, world_close),
        cmocka_unit_test_setup_teardown(no_initrd_above_the_limit, world_open, world_close),
        cmocka_unit_test_setup_teardown(images_that_are_refused, world_open, world_close),
        cmocka_unit_test_setup_teardown(cut_off_anywhere, world_open, world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
