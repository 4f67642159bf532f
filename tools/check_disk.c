// What a schema cannot say about a disk.
// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "libipc/gpt.h"
#include "libipc/proto/disk.h"
#include "libipc/proto/manifest.h"
#include "tools/check.h"
#include "tools/file.h"

#define DISK_MAX (1ull << 40)

enum { DISKS_MAX = 8, LONGEST_SUFFIX = sizeof "disk...channel" - 1 };

static void check_names(struct report *r, const struct config_vm *vm, size_t i)
{
    const struct config_disk *d = config_disk(vm, i);
    check_length(r, vm, &d->name, LONGEST_SUFFIX);
    for (size_t j = 0; j < i; j++)
        check_twice(r, "name", "disk", &config_disk(vm, j)->name, &d->name);
    if (i == DISKS_MAX)
        report_error(r, d->line, "disks: more than %d, as many as a VM has places for", DISKS_MAX);
}

static void check_base(struct arena *a, struct report *r, const char *config, struct config_disk *d)
{
    struct file f;
    if (!d->base.line)
        return;
    d->base_path = check_path(a, config, d->base.text);
    if (!file_open(&f, d->base_path)) {
        report_error(r, d->base.line, "base: %s: %s, expected an image", d->base_path, strerror(errno));
        return;
    }
    d->base_bytes = f.size;
    d->base_sum = disk_sum(f.size, f.bytes, f.size);
    file_close(&f);
    if (!d->base_bytes || d->base_bytes % GPT_SECTOR)
        report_error(r, d->base.line, "base: %s: %llu bytes, expected whole sectors of %d", d->base_path,
                     (unsigned long long)d->base_bytes, GPT_SECTOR);
}

static void check_bytes(struct report *r, const char *key, const struct value *v)
{
    if (v->line && (!v->number || v->number > DISK_MAX))
        report_error(r, v->line, "%s: %s, expected 4K to 1T", key, v->text);
    else if (v->number % DISK_BLOCK)
        report_error(r, v->line, "%s: %s, expected a multiple of 4K", key, v->text);
}

static void check_size(struct report *r, struct config_disk *d)
{
    check_bytes(r, "size", &d->size);
    if (!d->size.line && !d->base.line)
        report_error(r, d->line, "a disk without 'base' lacks 'size', expected a size with a unit");
    if (!d->size.line)
        d->size.number = disk_blocks(d->base_bytes) * DISK_BLOCK;
    if (d->size.number < d->base_bytes)
        report_error(r, d->size.line, "size: %s, expected no less than the base has (%llu bytes)",
                     d->size.text, (unsigned long long)d->base_bytes);
}

static void check_space(struct report *r, struct config_disk *d)
{
    check_bytes(r, "space", &d->space);
    if (d->space.line && (!d->base.line || d->store.number != DISK_STORE_RAM))
        report_error(r, d->space.line, "space: expected it with a base and 'store: ram' only");
    if (!d->space.line)
        d->space.number = d->size.number;
}

static void check_store(struct arena *a, struct report *r, const struct config_vm *vm, struct config_disk *d)
{
    bool partition = d->store.number == DISK_STORE_PARTITION;
    if (d->store.number == DISK_STORE_NONE && !d->base.line)
        report_error(r, d->store.line, "store: none, expected a base to be read");
    if (d->partition.line && !partition)
        report_error(r, d->partition.line, "partition: expected it with 'store: partition' only");
    if (!partition)
        return;
    d->partition_name =
        d->partition.line ? d->partition.text : arena_format(a, "%s.%s", vm->name.text, d->name.text);
    size_t length = strlen(d->partition_name);
    if (!length || length > GPT_NAME_UNITS ||
        strspn(d->partition_name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != length)
        report_error(r, d->partition.line,
                     "partition: '%s', expected 1 to %d lower-case letters, digits, '.', '-' and '_'",
                     d->partition_name, GPT_NAME_UNITS);
}

static bool serial_ok(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\')
            return false;
    return strlen(text) <= DISK_SERIAL_MAX;
}

void check_disk(struct arena *a, struct report *r, const char *config, const struct config_vm *vm, size_t i)
{
    struct config_disk *d = config_disk(vm, i);
    check_names(r, vm, i);
    check_base(a, r, config, d);
    check_size(r, d);
    check_space(r, d);
    check_store(a, r, vm, d);
    if (d->serial.line && !serial_ok(d->serial.text))
        report_error(r, d->serial.line, "serial: '%s', expected up to %d characters without quotes",
                     d->serial.text, DISK_SERIAL_MAX);
}

static const struct config_disk *find_partition(const struct config *c, const struct config_disk *before)
{
    for (size_t v = 0; v < c->vms.count; v++)
        for (size_t i = 0; i < config_vm(c, v)->disks.count; i++) {
            const struct config_disk *d = config_disk(config_vm(c, v), i);
            if (d == before)
                return NULL;
            if (d->partition_name && strcmp(d->partition_name, before->partition_name) == 0)
                return d;
        }
    return NULL;
}

// A partition belongs to one disk: two that write it would destroy each other's data.
void check_partitions(struct report *r, const struct config *c)
{
    for (size_t v = 0; v < c->vms.count; v++)
        for (size_t i = 0; i < config_vm(c, v)->disks.count; i++) {
            const struct config_disk *d = config_disk(config_vm(c, v), i);
            const struct config_disk *other = d->partition_name ? find_partition(c, d) : NULL;
            if (other)
                report_error(r, d->partition.line ? d->partition.line : d->line,
                             "partition: '%s' is written by the disk in line %u already, expected another",
                             d->partition_name, other->line);
        }
}
