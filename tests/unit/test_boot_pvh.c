// PVH kernels: the entry in a note, and what the guest is told
// SPDX-License-Identifier: MIT
//
// LINK: servers/vmm/boot_elf.c servers/vmm/boot_place.c servers/vmm/boot_state.c servers/vmm/boot_pvh.c
// LINK: servers/vmm/boot_multiboot.c servers/vmm/boot_firmware.c
#include "tests/unit/boot_world.h"

enum { GPA = 0x200000, PHYS32_ENTRY = 18 };

static struct file file;
static struct vcpu_state state;

static void add_note(struct file *f, unsigned at, uint32_t type, const char *name, uint64_t value,
                     uint32_t bytes)
{
    uint32_t head[3] = {(uint32_t)strlen(name) + 1, bytes, type};
    memcpy(f->bytes + at, head, sizeof head);
    memcpy(f->bytes + at + sizeof head, name, strlen(name) + 1);
    file_put(f, at + sizeof head + (strlen(name) + 4) / 4 * 4, value, 8);
}

static void note_bytes(struct file *f, uint64_t bytes)
{
    const struct boot_segment note = {.type = ELF_NOTE, .offset = NOTE_AT, .file_bytes = bytes};
    file_segment(f, 0, &note);
}

// Another note comes before the one that counts.
static void make(bool wide, uint64_t entry, uint32_t entry_bytes)
{
    file_elf(&file, wide, GPA);
    add_note(&file, NOTE_AT, 1, "GNU", 0, 4);
    add_note(&file, NOTE_AT + 20, PHYS32_ENTRY, "Xen", entry, entry_bytes);
    note_bytes(&file, 20 + 16 + entry_bytes);
}

static void entries_of_both_widths(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < 4; i++) {
        make(i & 1, GPA + 0x20, i & 2 ? 8 : 4);
        assert_null(load(&boot_pvh, &file, 0, &state));
        assert_protected_mode(&state, GPA + 0x20);
        assert_int_equal(state.gpr[GPR_RBX], BOOT_PARAMS);
        assert_loaded_at(GPA);
    }
}

static void what_the_guest_is_told(void **unused)
{
    (void)unused;
    const size_t disk = 5000;
    make(true, GPA, 4);
    assert_null(load(&boot_pvh, &file, disk, &state));
    const uint64_t info = state.gpr[GPR_RBX];
    assert_int_equal(word_at(info, 4), 0x336ec578);
    assert_int_equal(word_at(info + 4, 4), 1);
    assert_string_equal(memory_at(word_at(info + 24, 8), 16), "first second=2");
    assert_int_equal(word_at(info + 32, 8), BOOT_ACPI);
    assert_int_equal(word_at(info + 48, 4), 3); // memory
    const uint64_t map = word_at(info + 40, 8) + 2 * 24;
    assert_int_equal(word_at(map, 8), BOOT_KERNEL);
    assert_int_equal(word_at(map + 8, 8), RAM_BYTES - BOOT_KERNEL);
    assert_int_equal(word_at(map + 16, 4), 1);
    assert_int_equal(word_at(info + 12, 4), 1); // modules
    const uint64_t module = word_at(info + 16, 8), at = word_at(module, 8);
    assert_int_equal(at, (RAM_BYTES - disk) & ~4095ul);
    assert_int_equal(word_at(module + 8, 8), disk);
    assert_string_equal(memory_at(at, disk), "a disk");
}

// The initrd takes all room above the kernel, and no byte more.
static void an_initrd_that_just_fits(void **unused)
{
    (void)unused;
    const size_t room = RAM_BYTES - (GPA + 4096);
    make(true, GPA, 4);
    assert_null(load(&boot_pvh, &file, room, &state));
    make(true, GPA, 4);
    assert_non_null(load(&boot_pvh, &file, room + 1, &state));
    assert_non_null(load(&boot_pvh, &file, RAM_BYTES, &state));
}

static void bad_entries(void **unused)
{
    (void)unused;
    static const uint64_t entries[] = {0, GPA - 1, GPA + CODE_ROOM, RAM_BYTES, UINT32_MAX, 1ull << 32 | GPA};
    for (unsigned i = 0; i < sizeof entries / sizeof *entries; i++) {
        make(true, entries[i], 8);
        assert_non_null(load(&boot_pvh, &file, 0, &state));
        assert_true(untouched());
    }
}

static void notes_that_lie(void **unused)
{
    (void)unused;
    for (uint32_t bytes = 0; bytes < 20 + 16 + 4; bytes++) { // cut off
        make(true, GPA, 4);
        note_bytes(&file, bytes);
        assert_non_null(load(&boot_pvh, &file, 0, &state));
    }
    static const struct {
        unsigned at;
        uint32_t value;
    } lies[] = {{0, UINT32_MAX}, {4, UINT32_MAX}, {4, UINT32_MAX - 3}, {20, 5}, {24, 2}, {24, 16},
                {28, 17},        {32, 0}};
    for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
        make(true, GPA, 4);
        file_put(&file, NOTE_AT + lies[i].at, lies[i].value, 4);
        assert_non_null(load(&boot_pvh, &file, 0, &state));
        assert_true(untouched());
    }
}

// An ELF file that has neither a note nor a Multiboot header is told what it lacks; with one it is not ours.
static void who_is_recognised(void **unused)
{
    (void)unused;
    file_elf(&file, true, GPA);
    struct boot_image image = image_of(&file, file.size);
    assert_true(boot_pvh.recognise(&image));
    assert_false(boot_multiboot.recognise(&image));
    free_image(&image);
    file_put(&file, CODE_AT, 0x1badb002, 4);
    file_put(&file, CODE_AT + 4, 0, 4);
    file_put(&file, CODE_AT + 8, 0u - 0x1badb002, 4);
    image = image_of(&file, file.size);
    assert_false(boot_pvh.recognise(&image));
    assert_true(boot_multiboot.recognise(&image));
    free_image(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entries_of_both_widths, world_open, world_close),
        cmocka_unit_test_setup_teardown(what_the_guest_is_told, world_open, world_close),
        cmocka_unit_test_setup_teardown(an_initrd_that_just_fits, world_open, world_close),
        cmocka_unit_test_setup_teardown(bad_entries, world_open, world_close),
        cmocka_unit_test_setup_teardown(notes_that_lie, world_open, world_close),
        cmocka_unit_test_setup_teardown(who_is_recognised, world_open, world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
