// Disks: each a server, and the memory or the partition that its data are in.
// SPDX-License-Identifier: MIT
#include "libipc/proto/disk.h"
#include "libipc/proto/layout.h"
#include "tools/expand_parts.h"

enum { REQUESTS_HEAP = 48 << 10, VIRTIO_BLOCK = 2, SECTOR = 512 };

static const char *disk_config(const struct scope *s, const struct config_vm *vm, const struct config_disk *d)
{
    return arena_format(
        s->plan->arena,
        "{\"memory\": %llu, \"size\": %llu, \"store\": \"%s\", \"base\": %llu, \"base_sum\": \"0x%llx\", "
        "\"space\": %llu, \"queues\": %llu, \"serial\": \"%s\", \"partition\": \"%s\"}",
        (unsigned long long)vm->memory.number, (unsigned long long)d->size.number,
        disk_store_names[d->store.number], (unsigned long long)d->base_bytes, (unsigned long long)d->base_sum,
        (unsigned long long)d->space.number, (unsigned long long)d->queues.number,
        d->serial.line ? d->serial.text : d->name.text, d->partition_name ? d->partition_name : "");
}

// Page tables of memory that a server maps, all of it being 4 KiB pages.
static uint64_t tables(uint64_t bytes)
{
    return (bytes / 512 + bytes / 512 / 512 + 4 * PAGE) / PAGE * PAGE;
}

static uint64_t add_data(const struct scope *s, const struct config_disk *d, struct plan_server *server)
{
    uint64_t bytes = d->base_path ? disk_overlay_bytes(d->size.number, d->space.number) : d->size.number;
    if (d->store.number == DISK_STORE_PARTITION)
        bytes = d->base_path ? disk_partition_memory(d->size.number) : 0;
    if (!bytes || d->store.number == DISK_STORE_NONE)
        return 0;
    expand_memory(s, "@.data", "%.quota", bytes, FILL_DATA);
    expand_map(s, &server->program.maps, (struct kind_map){DISK_MAP_DATA, "@.data", "rw"});
    return tables(bytes);
}

// What it held at first is in the archive once for all disks of that file, and mapped from there.
static uint64_t add_base(const struct scope *s, const struct config_disk *d, struct plan_server *server)
{
    if (!d->base_path)
        return 0;
    expand_memory(s, "@.base", "%.quota", d->base_bytes, FILL_FILE);
    expand_find_object(s->plan, expand_name(s, "@.base"))->memory.file =
        expand_file(s, "disk", d->base_path, 0)->name;
    expand_map(s, &server->program.maps, (struct kind_map){DISK_MAP_BASE, "@.base", "r"});
    return tables(d->base_bytes);
}

// What stands in for it fails the guest's requests, in the guest's memory.
static void add_stand_in(struct scope *s, const struct config_vm *vm, const struct config_disk *d,
                         struct plan_server *server)
{
    const char *config = arena_format(
        s->plan->arena, "{\"virtio\": %d, \"queues\": %llu, \"memory\": %llu, \"sectors\": %llu}",
        VIRTIO_BLOCK, (unsigned long long)d->queues.number, (unsigned long long)vm->memory.number,
        (unsigned long long)d->size.number / SECTOR);
    expand_virtio_stand_in(s, server, config);
}

// Its queues, and its requests, of which several are under way in a partition.
static uint64_t heap_of(const struct config_disk *d)
{
    return (1 + d->queues.number) * PAGE + (d->partition_name ? REQUESTS_HEAP : 0);
}

void expand_disks(struct scope *s, const struct config_vm *c)
{
    for (size_t i = 0; i < c->disks.count; i++) {
        const struct config_disk *d = config_disk(c, i);
        s->part = d->name.text;
        struct plan_server *server = expand_device(s, KIND_DISK, s->device++, disk_config(s, c, d));
        server->heap = heap_of(d);
        add_stand_in(s, c, d, server);
        uint64_t quota = add_data(s, d, server) + add_base(s, d, server);
        expand_find_object(s->plan, expand_name(s, "%.quota"))->quota += quota;
        if (d->partition_name)
            expand_channel(s, server, d->partition_name);
    }
}
