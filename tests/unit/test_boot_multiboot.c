// Multiboot kernels: ELF files and flat ones, and what the guest is told
// SPDX-License-Identifier: MIT
//
// LINK: servers/vmm/boot_elf.c servers/vmm/boot_place.c servers/vmm/boot_state.c servers/vmm/boot_pvh.c
// LINK: servers/vmm/boot_multiboot.c servers/vmm/boot_firmware.c
#include "tests/unit/boot_world.h"

enum { GPA = 0x200000, MAGIC = 0x1badb002, ENTRY_MAGIC = 0x2badb002, ADDRESSES = 1 << 16, FLAT_AT = 0x40 };

static struct file file;
static struct vcpu_state state;

static void put_header(struct file *f, unsigned at, uint32_t flags)
{
    file_put(f, at, MAGIC, 4);
    file_put(f, at + 4, flags, 4);
    file_put(f, at + 8, 0u - MAGIC - flags, 4);
}

static void make_elf(bool wide, uint32_t flags)
{
    file_elf(&file, wide, GPA);
    put_header(&file, CODE_AT + 0x40, flags);
}

// Where a flat image wants to be: the fields behind the checksum.
struct places {
    uint32_t header, load, load_end, bss_end, entry;
};

static const struct places good_places = {GPA + FLAT_AT, GPA, GPA + CODE_BYTES, GPA + CODE_ROOM, GPA + 8};

static void make_flat(const struct places *p)
{
    file = (struct file){.size = CODE_BYTES};
    for (unsigned i = 0; i < CODE_BYTES; i++)
        file.bytes[i] = (uint8_t)(i + 1);
    put_header(&file, FLAT_AT, ADDRESSES);
    memcpy(file.bytes + FLAT_AT + 12, p, sizeof *p);
}

static void elf_entry_is_translated(void **unused)
{
    (void)unused;
    for (unsigned wide = 0; wide < 2; wide++) {
        make_elf(wide, 3);
        assert_null(load(&boot_multiboot, &file, 0, &state));
        assert_protected_mode(&state, GPA + 0x10);
        assert_int_equal(state.gpr[GPR_RAX], ENTRY_MAGIC);
        assert_int_equal(state.gpr[GPR_RBX], BOOT_PARAMS);
        assert_int_equal(ram[GPA + CODE_ROOM - 1], 0);
    }
}

static void elf_entry_outside(void **unused)
{
    (void)unused;
    static const uint64_t entries[] = {0, ENTRY_VIRTUAL - 1, ENTRY_VIRTUAL + CODE_ROOM, GPA};
    for (unsigned i = 0; i < sizeof entries / sizeof *entries; i++) {
        make_elf(true, 0);
        file_put(&file, ENTRY, entries[i], 8);
        assert_non_null(load(&boot_multiboot, &file, 0, &state));
        assert_true(untouched());
    }
}

static void a_flat_image(void **unused)
{
    (void)unused;
    make_flat(&good_places);
    assert_null(load(&boot_multiboot, &file, 0, &state));
    assert_protected_mode(&state, GPA + 8);
    assert_memory_equal(ram + GPA, file.bytes, CODE_BYTES);
    assert_int_equal(ram[GPA + CODE_ROOM - 1], 0);
    assert_int_equal(ram[GPA + CODE_ROOM], PAINT);
}

// No end: all of the file. No bss: nothing is cleared. Some bytes in front of the load address are left out.
static void a_flat_image_in_few_words(void **unused)
{
    (void)unused;
    const struct places p = {GPA + FLAT_AT - 0x10, GPA, 0, 0, GPA};
    make_flat(&p);
    assert_null(load(&boot_multiboot, &file, 0, &state));
    assert_memory_equal(ram + GPA, file.bytes + 0x10, CODE_BYTES - 0x10);
    assert_int_equal(ram[GPA + CODE_BYTES - 0x10], PAINT);
}

static void flat_images_that_lie(void **unused)
{
    (void)unused;
    static const struct places lies[] = {
        {GPA + FLAT_AT + 1, GPA, 0, 0, GPA},                // before the file
        {GPA - 1, GPA, 0, 0, GPA},                          // header below what is loaded
        {GPA + FLAT_AT, GPA, GPA - 1, 0, GPA},              // ends before it begins
        {GPA + FLAT_AT, GPA, GPA + CODE_BYTES + 1, 0, GPA}, // truncated
        {GPA + FLAT_AT, GPA, 0, UINT32_MAX, GPA},           // more than RAM
        {GPA + FLAT_AT, GPA, 0, 0, GPA - 1},                // entry
        {GPA + FLAT_AT, GPA, 0, 0, GPA + CODE_BYTES},
        {RAM_BYTES + FLAT_AT, RAM_BYTES, 0, 0, RAM_BYTES},
        {BOOT_KERNEL - 4 + FLAT_AT, BOOT_KERNEL - 4, 0, 0, BOOT_KERNEL}, // over our tables
        {BOOT_OWN - 4 + FLAT_AT, BOOT_OWN - 4, 0, 0, BOOT_OWN - 4},
    };
    for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
        make_flat(&lies[i]);
        assert_non_null(load(&boot_multiboot, &file, 0, &state));
        assert_true(untouched());
    }
    make_flat(&good_places);
    for (file.size = FLAT_AT + 12; file.size < CODE_BYTES; file.size++)
        assert_non_null(load(&boot_multiboot, &file, 0, &state));
}

static void where_a_header_is_looked_for(void **unused)
{
    (void)unused;
    static const struct {
        unsigned at;
        bool found;
    } places[] = {{0, true}, {4, true}, {2, false}, {8192 - 12, true}, {8192 - 8, false}, {8192, false}};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        file = (struct file){.size = FILE_MAX};
        put_header(&file, places[i].at, 0);
        struct boot_image image = image_of(&file, file.size);
        assert_int_equal(boot_multiboot.recognise(&image), places[i].found);
        free_image(&image);
    }
    file = (struct file){.size = 64};
    put_header(&file, 0, 0);
    file.bytes[8] ^= 1; // the checksum
    struct boot_image image = image_of(&file, file.size);
    assert_false(boot_multiboot.recognise(&image));
    free_image(&image);
}

// Bits 0 to 15 are demands: a loader that does not know one must not start the kernel.
static void demands(void **unused)
{
    (void)unused;
    for (unsigned bit = 0; bit < 32; bit++) {
        make_elf(false, 1u << bit);
        assert_int_equal(!load(&boot_multiboot, &file, 0, &state), bit < 2 || bit > 16);
    }
}

static void what_the_guest_is_told(void **unused)
{
    (void)unused;
    const size_t disk = 5000;
    make_elf(false, 0);
    assert_null(load(&boot_multiboot, &file, disk, &state));
    const uint64_t info = state.gpr[GPR_RBX];
    assert_int_equal(word_at(info, 4), 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    assert_int_equal(word_at(info + 4, 4), 636);
    assert_int_equal(word_at(info + 8, 4), (RAM_BYTES - BOOT_KERNEL) / 1024);
    assert_string_equal(memory_at(word_at(info + 16, 4), 16), "first second=2");
    assert_int_equal(word_at(info + 20, 4), 1);
    const uint64_t module = word_at(info + 24, 4), at = word_at(module, 4);
    assert_int_equal(at, (RAM_BYTES - disk) & ~4095ul);
    assert_int_equal(word_at(module + 4, 4), at + disk);
    assert_string_equal(memory_at(word_at(module + 8, 4), 1), "");
    assert_string_equal(memory_at(at, disk), "a disk");
    assert_int_equal(word_at(info + 44, 4), 3 * 24);
    const uint64_t entry = word_at(info + 48, 4) + 2 * 24;
    assert_int_equal(word_at(entry, 4), 20);
    assert_int_equal(word_at(entry + 4, 8), BOOT_KERNEL);
    assert_int_equal(word_at(entry + 12, 8), RAM_BYTES - BOOT_KERNEL);
    assert_int_equal(word_at(entry + 20, 4), 1);
    make_elf(false, 0);
    assert_null(load(&boot_multiboot, &file, 0, &state));
    assert_int_equal(word_at(info + 20, 4), 0); // no initrd, no module
    assert_non_null(load(&boot_multiboot, &file, RAM_BYTES - GPA, &state));
}

// Every vector of real mode leads to an IRET.
static void vectors_of_real_mode(void **unused)
{
    (void)unused;
    make_elf(false, 0);
    assert_null(load(&boot_multiboot, &file, 0, &state));
    for (unsigned v = 0; v < 256; v++) {
        uint64_t at = word_at(v * 4 + 2, 2) * 16 + word_at(v * 4, 2);
        bool line = (v >= 8 && v < 16) || (v >= 0x70 && v < 0x78);
        assert_true(at >= 0xf0000 && at < 0x100000);
        assert_int_equal(ram[at], line ? 0x50 : 0xcf);
        assert_non_null(memchr(ram + at, 0xcf, 9));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(elf_entry_is_translated, world_open, world_close),
        cmocka_unit_test_setup_teardown(elf_entry_outside, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_flat_image, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_flat_image_in_few_words, world_open, world_close),
        cmocka_unit_test_setup_teardown(flat_images_that_lie, world_open, world_close),
        cmocka_unit_test_setup_teardown(where_a_header_is_looked_for, world_open, world_close),
        cmocka_unit_test_setup_teardown(demands, world_open, world_close),
        cmocka_unit_test_setup_teardown(what_the_guest_is_told, world_open, world_close),
        cmocka_unit_test_setup_teardown(vectors_of_real_mode, world_open, world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
