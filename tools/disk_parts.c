// The partitions that a configuration's disks want of the host's disk.
// SPDX-License-Identifier: MIT
#include "tools/disk_parts.h"

#include <string.h>

#include "libipc/proto/disk.h"

static struct disk_part *find(const struct list *parts, const char *name, size_t length)
{
    struct disk_part *p = parts->items;
    for (size_t i = 0; i < parts->count; i++)
        if (strlen(p[i].name) == length && strncmp(p[i].name, name, length) == 0)
            return &p[i];
    return NULL;
}

static bool add_content(struct report *r, const struct list *parts, const char *word)
{
    const char *file = strchr(word, '=');
    if (!file)
        return report_error(r, 0, "'%s', expected PARTITION=FILE", word);
    struct disk_part *part = find(parts, word, (size_t)(file - word));
    if (!part)
        return report_error(r, 0, "'%s': no disk here has the partition '%.*s'", word, (int)(file - word),
                            word);
    part->content = file + 1;
    return true;
}

bool disk_parts(struct arena *a, struct report *r, const struct config *config, char *const *contents,
                size_t content_count, struct list *parts)
{
    for (size_t v = 0; v < config->vms.count; v++) {
        const struct config_vm *vm = config_vm(config, v);
        for (size_t i = 0; i < vm->disks.count; i++) {
            const struct config_disk *d = config_disk(vm, i);
            if (!d->partition_name)
                continue;
            struct disk_part *part = list_add(a, parts, sizeof *part);
            part->name = d->partition_name;
            part->bytes = disk_partition_bytes(d->size.number, d->base.line);
            part->line = d->partition.line ? d->partition.line : d->line;
        }
    }
    for (size_t i = 0; i < content_count; i++)
        if (!add_content(r, parts, contents[i]))
            return false;
    return true;
}
