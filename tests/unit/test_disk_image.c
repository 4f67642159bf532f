// The image of the host's disk: what is laid out, what stays, what is refused
// SPDX-License-Identifier: MIT
// LINK: libipc/gpt.c tools/arena.c tools/disk_image.c tools/disk_layout.c tools/file.c tools/report.c
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/disk_image.h"

#define MIB (UINT64_C(1) << 20)

static char folder[] = "/tmp/test_disk_image.XXXXXX";
static char path[64], content[64];
static char said[1024];
static struct gpt table;
static int fd;

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/disk", folder);
    snprintf(content, sizeof content, "%s/content", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(content);
    return rmdir(folder);
}

static bool make(const struct disk_part *parts, size_t count, bool replace)
{
    struct list list = {(void *)(uintptr_t)parts, count, count};
    FILE *to = fmemopen(said, sizeof said, "w");
    struct report r = {.to = to, .file = "c.yaml"};
    memset(said, 0, sizeof said);
    bool good = disk_image_make(&r, path, &list, replace);
    fclose(to);
    assert_int_equal(good, r.errors == 0);
    return good;
}

static void expect_refusal(const struct disk_part *parts, size_t count, const char *why)
{
    char line[512];
    assert_false(make(parts, count, false));
    snprintf(line, sizeof line, why, path);
    assert_string_equal(said, line);
}

static bool read_sectors(void *context, uint64_t sector, uint32_t sectors, void *to)
{
    (void)context;
    ssize_t bytes = (ssize_t)sectors * GPT_SECTOR;
    return pread(fd, to, (size_t)bytes, (off_t)sector * GPT_SECTOR) == bytes;
}

static void read_table(void)
{
    struct stat s;
    fd = open(path, O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &s) == 0);
    assert_true(gpt_read(&table, &(struct gpt_disk){"d", (uint64_t)s.st_size / 512, read_sectors, NULL}));
    assert_string_equal(table.warning, "");
}

static void put(const char *name, uint64_t at, char what)
{
    read_table();
    const struct gpt_partition *p = gpt_find(&table, name);
    assert_int_equal(pwrite(fd, &what, 1, (off_t)(p->entry.first * 512 + at)), 1);
    close(fd);
}

static char get(const char *name, uint64_t at)
{
    char what;
    read_table();
    const struct gpt_partition *p = gpt_find(&table, name);
    assert_int_equal(pread(fd, &what, 1, (off_t)(p->entry.first * 512 + at)), 1);
    close(fd);
    return what;
}

static uint64_t first(const char *name)
{
    read_table();
    close(fd);
    const struct gpt_partition *p = gpt_find(&table, name);
    return p ? p->entry.first : 0;
}

// Another's opinion of the table.
static void expect_no_complaint(void)
{
    char command[256], line[256];
    snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin sfdisk --verify %s 2>&1", path);
    FILE *f = popen(command, "r");
    bool good = false;
    while (fgets(line, sizeof line, f))
        good |= strcmp(line, "No errors detected.\n") == 0;
    assert_int_equal(pclose(f), 0);
    assert_true(good);
}

static const struct disk_part two[] = {{"alpha.root", 2 * MIB, 5, NULL}, {"beta.root", MIB + 4096, 9, NULL}};

static void fresh(void)
{
    unlink(path);
    assert_true(make(two, 2, false));
    assert_string_equal(said, "");
}

static void new_image(void **state)
{
    (void)state;
    fresh();
    expect_no_complaint();
    read_table();
    assert_int_equal(table.count, 2);
    assert_string_equal(table.partitions[0].name, "alpha.root");
    assert_int_equal(table.partitions[0].entry.first, 2048);
    assert_int_equal(table.partitions[1].entry.first, 3 * 2048);
    assert_int_equal(gpt_sectors(&table.partitions[1]), 2048 + 8);
    assert_memory_not_equal(table.partitions[0].entry.unique, table.partitions[1].entry.unique, 16);
    close(fd);
    assert_int_equal(get("beta.root", 0), 0);
    // both copies are there
    fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "xxxx", 4, 512), 4);
    struct stat s;
    fstat(fd, &s);
    assert_true(gpt_read(&table, &(struct gpt_disk){"d", (uint64_t)s.st_size / 512, read_sectors, NULL}));
    assert_string_not_equal(table.warning, "");
    close(fd);
    assert_true(make(two, 2, false)); // which repairs it
    assert_non_null(strstr(said, "damaged"));
    read_table();
    close(fd);
    unlink(path);
    assert_true(make(two, 0, false)); // none at all is a disk, too
    read_table();
    close(fd);
}

static void data_stays(void **state)
{
    (void)state;
    fresh();
    put("alpha.root", 2 * MIB - 1, 'a');
    put("beta.root", 0, 'b');
    const struct disk_part three[] = {
        {"beta.root", MIB + 4096, 1, NULL}, {"gamma", 8 * MIB, 2, NULL}, {"alpha.root", 2 * MIB, 3, NULL}};
    assert_true(make(three, 3, false));
    assert_int_equal(get("alpha.root", 2 * MIB - 1), 'a');
    assert_int_equal(get("beta.root", 0), 'b');
    assert_int_equal(first("alpha.root"), 2048);
    expect_no_complaint();
    read_table();
    assert_string_equal(table.partitions[0].name, "beta.root"); // in the order of the configuration
    close(fd);
    // an empty one may go, and its place is taken first
    const struct disk_part other[] = {
        {"alpha.root", 2 * MIB, 1, NULL}, {"beta.root", MIB + 4096, 2, NULL}, {"delta", MIB, 3, NULL}};
    uint64_t place = first("gamma");
    assert_true(make(other, 3, false));
    assert_int_equal(first("delta"), place);
    assert_int_equal(get("beta.root", 0), 'b');
}

static void refusals(void **state)
{
    (void)state;
    fresh();
    put("beta.root", MIB, 'b');
    const struct disk_part resized[] = {{"alpha.root", 3 * MIB, 5, NULL}, {"beta.root", MIB, 9, NULL}};
    expect_refusal(resized, 2,
                   "c.yaml:9: partition 'beta.root' of %s has 1028 KiB and holds data, expected 1024 KiB: "
                   "disk-image --replace drops it\n");
    expect_refusal(
        two, 1,
        "c.yaml: partition 'beta.root' of %s holds data, but no disk here has it: disk-image --replace drops "
        "it\n");
    assert_int_equal(get("beta.root", MIB), 'b');
    assert_true(make(resized, 2, true));
    assert_int_equal(get("beta.root", 0), 0);
    assert_int_not_equal(first("alpha.root"), 0);

    const struct disk_part twins[] = {{"a", MIB, 5, NULL}, {"a", MIB, 9, NULL}};
    expect_refusal(twins, 2, "c.yaml:9: partition: 'a' is that of line 5 already, expected another\n");
    const struct disk_part odd[] = {{"a", 1000, 7, NULL}};
    expect_refusal(odd, 1, "c.yaml:7: partition 'a': 1000 bytes, expected whole sectors of 512\n");
    const struct disk_part longer[] = {{"abcdefghijklmnopqrstuvwxyz01234567890", 512, 7, NULL}};
    expect_refusal(longer, 1,
                   "c.yaml:7: partition: 'abcdefghijklmnopqrstuvwxyz01234567890', expected a name of up to "
                   "36 characters\n");
}

static void no_image_of_ours(void **state)
{
    (void)state;
    FILE *f = fopen(path, "wb");
    fprintf(f, "%2000s", "precious");
    fclose(f);
    expect_refusal(two, 2,
                   "c.yaml: %s: no partition table: sector 0 is no protective MBR; expected an image made by "
                   "this command\n");
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_size, 2000);
    unlink(path);
    mkdir(path, 0700);
    expect_refusal(two, 2, "c.yaml: %s: cannot be opened: Is a directory\n");
    rmdir(path);
}

// A machine runs on it: QEMU reads and writes under a lock.
static void locked(void **state)
{
    (void)state;
    fresh();
    int other = open(path, O_RDWR);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
    assert_int_equal(fcntl(other, F_OFD_SETLK, &lock), 0);
    expect_refusal(two, 2, "c.yaml: %s: a machine is running on it\n");
    close(other);
}

static void content_fits(void **state)
{
    (void)state;
    unlink(path);
    FILE *f = fopen(content, "wb");
    fprintf(f, "%4096s", "end");
    fclose(f);
    const struct disk_part parts[] = {{"a", MIB, 5, NULL}, {"b", 8192, 6, content}};
    assert_true(make(parts, 2, false));
    assert_int_equal(get("b", 0), ' ');
    assert_int_equal(get("b", 4095), 'd');
    assert_int_equal(get("b", 4096), 0);
    assert_false(make(parts, 2, false));
    assert_non_null(strstr(said, "c.yaml:6: partition 'b' of "));
    assert_true(make(parts, 2, true));
    const struct disk_part nothing[] = {{"b", 8192, 6, "/nonexistent"}};
    assert_false(make(nothing, 1, true));
    assert_string_equal(said, "c.yaml:6: partition 'b': /nonexistent: No such file or directory\n");
    assert_int_equal(get("b", 4095), 'd'); // nothing was touched
    const struct disk_part larger[] = {{"b", 1024, 6, content}};
    unlink(path);
    assert_false(make(larger, 1, false));
    assert_non_null(strstr(said, "has 4096 bytes, expected no more than 1024"));
    assert_int_equal(access(path, F_OK), -1); // nothing by halves
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_image),        cmocka_unit_test(data_stays), cmocka_unit_test(refusals),
        cmocka_unit_test(no_image_of_ours), cmocka_unit_test(locked),     cmocka_unit_test(content_fits),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
