// Multiboot2 information, good and damaged, and the command line
// SPDX-License-Identifier: MIT
// LINK: kernel/boot/multiboot2.c kernel/boot/option.c

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/boot/boot.h"
#include "kernel/boot/map.c"

#define AREA_AT 0x1000

static _Alignas(8) uint8_t area[1024];
static uint32_t used;
static void *exact; // a copy of just the told size, so that the sanitizer sees a step outside

const void *boot_pointer(uint64_t phys, uint64_t length)
{
    if (phys != AREA_AT || length > sizeof area)
        return NULL;
    free(exact);
    exact = malloc(length);
    return memcpy(exact, area, length);
}

void panic(const char *format, ...)
{
    (void)format;
    abort();
}

static void begin(void)
{
    memset(area, 0, sizeof area);
    used = 8;
}

static void tag(uint32_t type, const void *data, uint32_t size)
{
    uint32_t head[2] = {type, 8 + size};
    memcpy(area + used, head, sizeof head);
    memcpy(area + used + 8, data, size);
    used = (used + 8 + size + 7) & ~7u;
}

static const char *read(struct boot_info *info)
{
    tag(0, "", 0);
    memcpy(area, &used, sizeof used);
    memset(info, 0, sizeof *info);
    count = 0;
    const char *error = multiboot2_read(info, AREA_AT);
    free(exact);
    exact = NULL;
    return error;
}

static void add_usual_tags(void)
{
    static const struct {
        uint32_t entry_size, version;
        struct e820 map[3];
    } memory = {
        sizeof(struct e820), 0, {{0, 0x9fc00, 1, 0}, {0x100000, 0x1ff00000, 1, 0}, {0xf0000, 0x10000, 2, 0}}};
    static const uint32_t module[2] = {0x200000, 0x200123}, later[2] = {0x900000, 0x900001};
    begin();
    tag(1, "exit-port  one=1 exit-on-panics two=", 37);
    tag(3, module, sizeof module);
    tag(3, later, sizeof later);
    tag(6, &memory, sizeof memory);
    tag(15, "new RSDP", 8);
    tag(14, "old RSDP", 8);
    tag(42, "what nobody knows", 18);
}

static void usual_information_is_read(void **state)
{
    (void)state;
    static struct boot_info info;
    add_usual_tags();
    assert_null(read(&info));
    assert_int_equal(info.archive.base, 0x200000);
    assert_int_equal(info.archive.size, 0x123);
    struct range low = map_next(AREA_AT), high = map_next(low.base + low.size);
    assert_int_equal(low.base, AREA_AT + PAGE_SIZE); // the information itself stays
    assert_int_equal(low.base + low.size, 0x9f000);
    assert_int_equal(high.base, 0x100000);
    assert_int_equal(high.size, 0x1ff00000);
    assert_int_equal(info.rsdp % 8, 0);
    assert_int_equal(area[info.rsdp - AREA_AT], 'n'); // of the newer tag
}

static void options_are_whole_words(void **state)
{
    (void)state;
    static struct boot_info info;
    add_usual_tags();
    assert_null(read(&info));
    assert_true(option("exit-port"));
    assert_false(option("exit-on-panic"));
    assert_false(option("exit"));
    assert_false(option("one"));
    assert_true(option("one=1"));
    assert_true(option("two="));
    assert_false(option("three"));
}

static void long_command_line_is_cut(void **state)
{
    (void)state;
    char text[4096];
    memset(text, 'x', sizeof text);
    boot_set_cmdline(text, sizeof text);
    text[1023] = '\0';
    assert_true(option(text));
}

static void every_cut_and_flipped_byte_is_survived(void **state)
{
    (void)state;
    static struct boot_info info;
    add_usual_tags();
    assert_null(read(&info));
    uint32_t whole = used;
    for (uint32_t size = 0; size < whole; size++) {
        memcpy(area, &size, sizeof size);
        count = 0;
        assert_non_null(multiboot2_read(&info, AREA_AT));
    }
    memcpy(area, &whole, sizeof whole);
    for (uint32_t at = 8; at < whole; at++)
        for (int bit = 0; bit < 8; bit++) {
            area[at] ^= (uint8_t)(1 << bit);
            memset(&info, 0, sizeof info);
            count = 0;
            (void)multiboot2_read(&info, AREA_AT);
            area[at] ^= (uint8_t)(1 << bit);
        }
    free(exact);
    exact = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_information_is_read),
        cmocka_unit_test(options_are_whole_words),
        cmocka_unit_test(long_command_line_is_cut),
        cmocka_unit_test(every_cut_and_flipped_byte_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
