// A VM's PCI devices: each a server of its own, at a place of its own on the monitor's bus.
// SPDX-License-Identifier: MIT
//
// What all of them have beside their kind's rows: the bus, the monitor's notification, the line page, the
// guest's memory where the monitor has it. The monitor gets their endpoint and notification, which the routes
// to their BARs and doorbells lead to. What stands in for a device lowers its line and tells the bus.
#include "libipc/proto/bus.h"
#include "libipc/proto/layout.h"
#include "tools/expand_parts.h"

enum { WINDOW = 0x200000, OBJECTS_QUOTA = 128 << 10 }; // kernel memory of its objects

static const char *line_page(const struct scope *s, unsigned number)
{
    return arena_format(s->plan->arena, "%s.line%u", s->vm, number);
}

static void add_bus(const struct scope *s, struct plan_program *to, uint32_t bus, uint32_t vmm, uint64_t line,
                    unsigned number)
{
    expand_cap(s, to, (struct kind_cap){bus, "vmm.%", "s", BUS_BADGE_DEVICE + number});
    expand_cap(s, to, (struct kind_cap){vmm, "vmm.%.bits", "s", VMM_BIT_LINES});
    expand_map(s, &to->maps, (struct kind_map){line, line_page(s, number), "rw"});
}

static void add_to_monitor(const struct scope *s, unsigned number)
{
    struct plan_program *vmm = &expand_find_server(s->plan, expand_name(s, "vmm.%"))->program;
    expand_cap(s, vmm, (struct kind_cap){VMM_SLOT_DEVICE_BITS + number, "@.bits", "s", DEVICE_BIT_BUS});
    expand_cap(s, vmm, (struct kind_cap){VMM_SLOT_DEVICE + number, "@", "s", 0});
    expand_map(s, &vmm->maps,
               (struct kind_map){VMM_MAP_LINE + (uint64_t)number * WINDOW, line_page(s, number), "rw"});
}

struct plan_server *expand_device(struct scope *s, enum kind_index index, unsigned number, const char *config)
{
    struct plan_server *server = expand_server(s, index, config);
    expand_memory(s, line_page(s, number), "%.quota", PAGE, FILL_ZERO);
    add_bus(s, &server->program, DEVICE_SLOT_BUS, DEVICE_SLOT_VMM, DEVICE_MAP_LINE, number);
    expand_guest_ram(s, server);
    expand_stand_in(s, server, index, ", \"line\": true, \"bus\": true");
    add_bus(s, &server->failed, FAILED_SLOT_BUS, FAILED_SLOT_VMM, FAILED_MAP_LINE, number);
    add_to_monitor(s, number);
    expand_find_object(s->plan, expand_name(s, "%.quota"))->quota += server->quota + OBJECTS_QUOTA;
    s->devices = arena_format(s->plan->arena, "%s%s%u", s->devices, *s->devices ? ", " : "", number);
    return server;
}

void expand_virtio_stand_in(const struct scope *s, struct plan_server *server, const char *config)
{
    expand_set_text(expand_find_object(s->plan, expand_name(s, "@.failed")), config);
    expand_map(s, &server->failed.maps, (struct kind_map){MAP_STATS, "@.stats", "rw"});
    PLAN_EACH(struct plan_map, m, &s->guest_ram)
    expand_map(s, &server->failed.maps, (struct kind_map){DEVICE_MAP_RAM + m->address, m->memory, "rw"});
}
