// Makes what the manifest lists, one type after the other, so that what refers to something comes after it.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/proto/init.h"
#include "libipc/proto/names.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/time.h"
#include "servers/init/init.h"

enum { PAGE = 4096, SMALL_PAGES = 512, BORROW_MAX = 512, QUOTA_SLOTS = 8 };

static uint64_t scratch_at;

void *scratch_open(uint32_t memory, uint64_t pages)
{
    scratch_at = pages <= SMALL_PAGES ? INIT_MAP_SCRATCH : INIT_MAP_SCRATCH_LARGE;
    enum status s = sys_map(ROOT_SLOT_PROCESS, scratch_at, memory, RIGHT_READ | RIGHT_WRITE);
    if (s != STATUS_OK)
        fatal("a memory object cannot be mapped: %s", status_name(s));
    return (void *)scratch_at;
}

void scratch_close(void)
{
    if (sys_unmap(ROOT_SLOT_PROCESS, scratch_at) != STATUS_OK)
        fatal("a memory object cannot be unmapped");
}

void scratch_drop(void)
{
    (void)!sys_unmap(ROOT_SLOT_PROCESS, scratch_at);
}

enum status with_badge(uint32_t own, uint64_t badge, uint32_t *slot)
{
    *slot = own;
    if (!badge)
        return STATUS_OK;
    *slot = SLOT_SCRATCH;
    (void)!sys_revoke(ROOT_SLOT_PROCESS, SLOT_SCRATCH); // the one before, if any
    return sys_grant(ROOT_SLOT_PROCESS, SLOT_SCRATCH, own, RIGHT_ALL, badge);
}

static uint32_t payer_slot(uint16_t payer)
{
    return payer == MANIFEST_NONE ? ROOT_SLOT_PROCESS : object_slot(payer);
}

static void must(const struct manifest_object *o, enum status s, const char *what)
{
    if (s != STATUS_OK)
        fatal("object %.*s: %s: %s", (int)o->name.length, o->name.at, what, status_name(s));
}

static enum status create(enum object_type type, uint32_t slot, const struct manifest_object *o, uint64_t a,
                          uint64_t b, uint64_t c, uint64_t d)
{
    return sys_create(type, slot, payer_slot(o->payer), a, b, c, d);
}

static void make_quota(const struct manifest_object *o, uint32_t slot)
{
    must(o, create(OBJECT_PROCESS, slot, o, o->quota, QUOTA_SLOTS, SLOT_NONE, 0), "cannot be set aside");
}

static void make_account(const struct manifest_object *o, uint32_t slot)
{
    must(o,
         create(OBJECT_ACCOUNT, slot, o, o->account.weight, ticks_from_ns(o->account.budget_us * NS_PER_US),
                ticks_from_ns(o->account.period_us * NS_PER_US), 0),
         "cannot be made");
}

static void make_endpoint(const struct manifest_object *o, uint32_t slot)
{
    must(o, create(OBJECT_ENDPOINT, slot, o, 0, 0, 0, 0), "cannot be made");
}

static void make_notification(const struct manifest_object *o, uint32_t slot)
{
    must(o, create(OBJECT_NOTIFICATION, slot, o, 0, 0, 0, 0), "cannot be made");
}

static void fill_nothing(const struct manifest_object *o, uint32_t slot)
{
    (void)o, (void)slot;
}

static void fill_zero(const struct manifest_object *o, uint32_t slot)
{
    stock_take(slot, 0, o->memory.pages, o->name);
    memset(scratch_open(slot, o->memory.pages), 0, o->memory.pages * PAGE);
    scratch_close();
}

static void fill_text(const struct manifest_object *o, uint32_t slot)
{
    uint64_t bytes = o->memory.pages * PAGE;
    struct json_text text = o->memory.content;
    if (text.length >= bytes)
        fatal("object %.*s: its text has %u bytes, its pages hold %llu", (int)o->name.length, o->name.at,
              text.length, (unsigned long long)bytes);
    stock_take(slot, 0, o->memory.pages, o->name);
    char *to = scratch_open(slot, o->memory.pages);
    memset(to, 0, bytes);
    memcpy(to, text.at, text.length);
    scratch_close();
}

static void fill_names(const struct manifest_object *o, uint32_t slot)
{
    fill_zero(o, slot);
    struct name_entry *to = scratch_open(slot, o->memory.pages);
    for (uint32_t i = 0; i < o->memory.name_count; i++) {
        const struct manifest_name *name = &o->memory.name[i];
        memcpy(to[name->entry].text, name->text.at, name->text.length);
        to[name->entry].use = 1;
    }
    scratch_close();
}

// The last page holds the beginning of what comes next in the archive; so be it.
static void fill_file(const struct manifest_object *o, uint32_t slot)
{
    struct archive_file file;
    struct json_text name = o->memory.content;
    enum archive_status found = archive_find(&init.archive, "", name.at, name.length, &file);
    if (found != ARCHIVE_OK)
        fatal("object %.*s: file %.*s: %s", (int)o->name.length, o->name.at, (int)name.length, name.at,
              archive_status_text(found));
    uint64_t first = file.offset / PAGE, pages = (file.offset + file.size + PAGE - 1) / PAGE - first;
    if (pages != o->memory.pages)
        fatal("object %.*s: file %.*s lies on %llu pages, the manifest says %llu", (int)o->name.length,
              o->name.at, (int)name.length, name.at, (unsigned long long)pages,
              (unsigned long long)o->memory.pages);
    for (uint64_t page = 0; page < pages; page += BORROW_MAX) {
        uint64_t n = pages - page < BORROW_MAX ? pages - page : BORROW_MAX;
        must(o, sys_supply(slot, page, ROOT_SLOT_ARCHIVE, first + page, n, SUPPLY_BORROW),
             "cannot be filled");
    }
}

// It is written when all is taken from the stock: pools_write().
static void fill_pools(const struct manifest_object *o, uint32_t slot)
{
    stock_take(slot, 0, o->memory.pages, o->name);
}

static void fill_clock(const struct manifest_object *o, uint32_t slot)
{
    fill_zero(o, slot);
    memcpy(scratch_open(slot, o->memory.pages), &init.clock, sizeof init.clock);
    scratch_close();
}

// The pages are where the firmware put the BAR, in what of physical memory is not RAM.
static void fill_bar(const struct manifest_object *o, uint32_t slot)
{
    uint64_t address;
    const char *wrong = device_bar(object_slot(o->device), o->memory.bar, &address);
    if (wrong)
        fatal("object %.*s: BAR %u %s", (int)o->name.length, o->name.at, o->memory.bar, wrong);
    must(o, sys_supply(slot, 0, ROOT_SLOT_FIRMWARE, address / PAGE, o->memory.pages, SUPPLY_MOVE),
         "its BAR cannot be taken");
}

static void make_memory(const struct manifest_object *o, uint32_t slot)
{
    static void (*const fill[])(const struct manifest_object *, uint32_t) = {
        [FILL_ZERO] = fill_zero,   [FILL_DATA] = fill_zero,   [FILL_NONE] = fill_nothing,
        [FILL_FILE] = fill_file,   [FILL_TEXT] = fill_text,   [FILL_NAMES] = fill_names,
        [FILL_POOLS] = fill_pools, [FILL_CLOCK] = fill_clock, [FILL_BAR] = fill_bar,
    };
    uint32_t pager = SLOT_NONE;
    bool based = o->memory.fill == FILL_FILE || o->memory.fill == FILL_NONE;
    if (o->memory.pager != MANIFEST_NONE)
        must(o, with_badge(object_slot(o->memory.pager), o->memory.badge, &pager), "its pager's badge");
    must(o, create(OBJECT_MEMORY, slot, o, o->memory.pages, pager, based ? ROOT_SLOT_ARCHIVE : SLOT_NONE, 0),
         "cannot be made");
    fill[o->memory.fill](o, slot);
}

static void make_vm(const struct manifest_object *o, uint32_t slot)
{
    if (!init.info.virtualization)
        fatal("object %.*s: this machine has neither SVM nor VMX", (int)o->name.length, o->name.at);
    must(o, create(OBJECT_VM, slot, o, 0, 0, 0, 0), "cannot be made");
    for (uint32_t i = 0; i < o->vm.count; i++) {
        const struct manifest_route *r = &o->vm.route[i];
        must(o,
             sys_route(slot, r->space | (uint64_t)r->rights << 8, r->first, r->last, object_slot(r->target),
                       r->badge),
             "a route");
    }
}

static void make_space(const struct manifest_object *o, uint32_t slot)
{
    must(o, create(OBJECT_SPACE, slot, o, object_slot(o->space.vm), 0, 0, 0), "cannot be made");
    for (uint32_t i = 0; i < o->space.maps.count; i++) {
        const struct manifest_map *map = &o->space.maps.map[i];
        must(o, sys_map(slot, map->address, object_slot(map->memory), map->rights), "a map");
    }
}

// Its first exit waits on the endpoint until the monitor is there.
static void make_vcpu(const struct manifest_object *o, uint32_t slot)
{
    uint32_t monitor;
    must(o, with_badge(object_slot(o->vcpu.monitor), o->vcpu.badge, &monitor), "its monitor's badge");
    must(o,
         create(OBJECT_VCPU, slot, o, object_slot(o->vcpu.vm), object_slot(o->vcpu.space), monitor,
                CREATE_EXEC(0, o->vcpu.priority, 0)),
         "cannot be made");
    must(o, sys_vcpu_ctl(slot, VCPU_SET_ACCOUNT, object_slot(o->vcpu.account)), "its account");
}

static void make_irq(const struct manifest_object *o, uint32_t slot)
{
    uint32_t gsi = (uint32_t)o->gsi;
    const char *wrong = o->device == MANIFEST_NONE ? NULL : device_interrupt(object_slot(o->device), &gsi);
    if (wrong)
        fatal("object %.*s: its device %s", (int)o->name.length, o->name.at, wrong);
    must(o, create(OBJECT_IRQ, slot, o, gsi, ROOT_SLOT_SYSTEM, 0, 0), "cannot be made");
}

static void make_device(const struct manifest_object *o, uint32_t slot)
{
    uint16_t function;
    if (!device_find(o->function.id, o->function.index, &function))
        fatal("object %.*s: this machine has no PCI function %04x:%04x number %u", (int)o->name.length,
              o->name.at, o->function.id & 0xffff, o->function.id >> 16, o->function.index);
    must(o, create(OBJECT_DEVICE, slot, o, function, ROOT_SLOT_SYSTEM, 0, 0), "cannot be made");
}

static void make_ioports(const struct manifest_object *o, uint32_t slot)
{
    must(o, create(OBJECT_IOPORTS, slot, o, o->ioports.first, o->ioports.last, ROOT_SLOT_SYSTEM, 0),
         "cannot be made");
}

static void (*const make[])(const struct manifest_object *, uint32_t) = {
    [MANIFEST_QUOTA] = make_quota,
    [MANIFEST_ACCOUNT] = make_account,
    [MANIFEST_ENDPOINT] = make_endpoint,
    [MANIFEST_NOTIFICATION] = make_notification,
    [MANIFEST_DEVICE] = make_device,
    [MANIFEST_MEMORY] = make_memory,
    [MANIFEST_VM] = make_vm,
    [MANIFEST_SPACE] = make_space,
    [MANIFEST_VCPU] = make_vcpu,
    [MANIFEST_IRQ] = make_irq,
    [MANIFEST_IOPORTS] = make_ioports,
};

void pools_write(void)
{
    for (uint16_t i = 0; i < init.m.object_count; i++) {
        const struct manifest_object *o = &init.m.object[i];
        if (o->type != MANIFEST_MEMORY || o->memory.fill != FILL_POOLS)
            continue;
        void *table = scratch_open(object_slot(i), o->memory.pages);
        memset(table, 0, o->memory.pages * PAGE);
        stock_table(table);
        scratch_close();
    }
}

// An optional device that this machine lacks, and what would be a part of it.
static bool is_missing(const struct manifest_object *o)
{
    uint16_t function;
    if (o->device != MANIFEST_NONE)
        return init.m.object[o->device].missing;
    return o->type == MANIFEST_DEVICE && o->function.optional &&
           !device_find(o->function.id, o->function.index, &function);
}

void machine_renew(uint16_t quota)
{
    for (unsigned type = MANIFEST_VM; type <= MANIFEST_VCPU; type++)
        for (uint32_t i = 0; i < init.m.object_count; i++) {
            const struct manifest_object *o = &init.m.object[i];
            if (o->type != type || o->payer != quota)
                continue;
            if (type == MANIFEST_VM)
                must(o, sys_destroy(object_slot((uint16_t)i)), "its end");
            make[type](o, object_slot((uint16_t)i));
        }
}

// By which INFO tells who waits for whom, and where routes lead.
static void note_number(struct manifest_object *o, uint32_t slot)
{
    bool named = o->type == MANIFEST_ENDPOINT || o->type == MANIFEST_NOTIFICATION;
    const struct info_other *info = named ? info_of(slot) : NULL;
    o->number = info ? info->number : 0;
}

void objects_create(void)
{
    for (unsigned type = 0; type < sizeof make / sizeof make[0]; type++)
        for (uint32_t i = 0; i < init.m.object_count; i++) {
            struct manifest_object *o = &init.m.object[i];
            if (!o->fresh || o->type != type)
                continue;
            o->missing = is_missing(o);
            if (o->missing)
                continue;
            make[type](o, object_slot((uint16_t)i));
            note_number(o, object_slot((uint16_t)i));
        }
}
