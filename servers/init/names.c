// Tables of names, kept up to date (libipc/proto/names.h).
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/proto/names.h"
#include "libipc/proto/terminal.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

static uint64_t uses = 1; // all that is there from the beginning is used the first time

static void write(struct name_entry *to, struct json_text text, uint64_t use)
{
    if (use) {
        memset(to->text, 0, sizeof to->text);
        memcpy(to->text, text.at, text.length < NAME_BYTES ? text.length : NAME_BYTES - 1);
    }
    __atomic_store_n(&to->use, use, __ATOMIC_RELEASE);
}

// Those that are fresh begin, those of a VM end.
static void change(bool (*wanted)(const struct manifest_name *, uint32_t), uint32_t vm, bool begin)
{
    for (uint32_t i = 0; i < init.m.object_count; i++) {
        const struct manifest_object *o = &init.m.object[i];
        for (uint32_t k = 0; manifest_is_table(o) && !o->fresh && k < o->memory.name_count; k++) {
            const struct manifest_name *name = &o->memory.name[k];
            if (!wanted(name, vm))
                continue;
            struct name_entry *table = scratch_open(object_slot((uint16_t)i), o->memory.pages);
            write(&table[name->entry], name->text, begin ? ++uses : 0);
            scratch_close();
        }
    }
}

static bool is_fresh(const struct manifest_name *name, uint32_t vm)
{
    (void)vm;
    return name->fresh;
}

static bool is_of(const struct manifest_name *name, uint32_t vm)
{
    return name->vm == vm;
}

void names_begin(void)
{
    change(is_fresh, 0, true);
    if (init.m.log_signal != MANIFEST_NONE)
        (void)!sys_signal(SLOT_OWN_LOG_SIGNAL);
}

void names_end(uint32_t vm)
{
    change(is_of, vm, false);
    if (init.m.log_signal != MANIFEST_NONE)
        (void)!sys_signal(SLOT_OWN_LOG_SIGNAL);
}

uint32_t names_free(uint32_t first, uint32_t end)
{
    uint32_t free = first;
    for (uint32_t i = 0; i < init.m.object_count; i++)
        for (uint32_t k = 0; manifest_is_table(&init.m.object[i]) && k < init.m.object[i].memory.name_count;
             k++) {
            uint64_t entry = init.m.object[i].memory.name[k].entry;
            if (entry >= free && entry < end)
                free = (uint32_t)entry + 1;
        }
    return free - first;
}
