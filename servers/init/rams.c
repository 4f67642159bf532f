// Guests' memories and their pager: what it may show of the archive, and that it is to take pages back.
// SPDX-License-Identifier: MIT
//
// The supervisor touches no memory of a guest, not even to free it. The pager takes its pages back in its own
// time, and says so by a call.
#include <string.h>

#include "libipc/proto/memory.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

enum { PAGE = 4096 };

static struct ram_table *open_table(void)
{
    uint16_t memory = init.m.rams.memory;
    return scratch_open(object_slot(memory), init.m.object[memory].memory.pages);
}

// MEMORY_RAMS_MAX: it has no pager that keeps books.
uint32_t ram_number(uint16_t object)
{
    const struct manifest_object *o = &init.m.object[object];
    bool paged = init.m.rams.memory != MANIFEST_NONE && o->memory.pager != MANIFEST_NONE;
    return paged && o->memory.badge && o->memory.badge <= MEMORY_RAMS_MAX ? (uint32_t)o->memory.badge - 1
                                                                          : MEMORY_RAMS_MAX;
}

uint32_t rams_free(void)
{
    uint32_t free = 0;
    for (uint32_t v = 0; v < init.m.vm_count; v++)
        for (uint32_t i = 0; vm_exists(v) && i < init.m.vm[v].memory_count; i++) {
            uint32_t number = ram_number(init.m.vm[v].memory[i]);
            free = number < MEMORY_RAMS_MAX && number >= free ? number + 1 : free;
        }
    return free;
}

static struct ram_image image_pages(uint16_t object)
{
    struct archive_file file;
    struct json_text name = init.m.object[object].memory.content;
    if (archive_find(&init.archive, "", name.at, name.length, &file) != ARCHIVE_OK)
        return (struct ram_image){0};
    uint64_t first = file.offset / PAGE;
    return (struct ram_image){first, (file.offset + file.size + PAGE - 1) / PAGE - first};
}

static void write_entry(struct ram_entry *e, const struct manifest_vm *vm)
{
    e->images = vm->image_count < MEMORY_IMAGES_MAX ? vm->image_count : MEMORY_IMAGES_MAX;
    for (uint32_t i = 0; i < e->images; i++)
        e->image[i] = image_pages(vm->images[i]);
}

void rams_write(uint32_t v)
{
    const struct manifest_vm *vm = &init.m.vm[v];
    for (uint32_t i = 0; i < vm->memory_count; i++) {
        uint32_t number = ram_number(vm->memory[i]);
        if (number == MEMORY_RAMS_MAX)
            continue;
        write_entry(&open_table()->ram[number], vm);
        scratch_close();
    }
}

void rams_tell(void)
{
    uint32_t signal;
    if (init.m.rams.memory != MANIFEST_NONE &&
        with_badge(object_slot(init.m.rams.signal), init.m.rams.badge, &signal) == STATUS_OK)
        (void)!sys_signal(signal);
}

uint32_t rams_empty(uint32_t v)
{
    const struct manifest_vm *vm = &init.m.vm[v];
    uint32_t count = 0;
    for (uint32_t i = 0; i < vm->memory_count; i++) {
        uint32_t number = ram_number(vm->memory[i]);
        if (number == MEMORY_RAMS_MAX)
            continue;
        __atomic_add_fetch(&open_table()->ram[number].wanted, 1, __ATOMIC_RELEASE);
        scratch_close();
        count++;
    }
    if (count)
        rams_tell();
    return count;
}

// INFO is believed, not the caller.
bool rams_are_empty(uint32_t v)
{
    const struct manifest_vm *vm = &init.m.vm[v];
    for (uint32_t i = 0; i < vm->memory_count; i++) {
        const struct info_memory *info = info_of(object_slot(vm->memory[i]));
        if (info && info->filled)
            return false;
    }
    return true;
}
