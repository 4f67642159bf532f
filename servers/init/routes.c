// What took which route of a VM (libipc/proto/init.h).
// SPDX-License-Identifier: MIT
//
// The kernel counts along each route, and the counts stay while servers come and go. It names the target by a
// number; who receives there the manifest says.
#include <string.h>

#include "libipc/syscall.h"
#include "servers/init/init.h"

enum { PLACES = INFO_ROUTE_LISTS * INFO_ROUTE_PLACES };

static uint16_t find_target(uint64_t number)
{
    for (uint16_t i = 0; number && i < init.m.object_count; i++)
        if (init.m.object[i].number == number)
            return i;
    return MANIFEST_NONE;
}

static void name_server(struct init_route *to, uint16_t target)
{
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (server_exists(n) && server_receives(n, target))
            name_copy(to->server, init.m.server[n].name);
}

static bool vm_slot(uint64_t v, uint32_t *slot)
{
    for (uint16_t i = 0; v < init.m.vm_count && vm_exists((uint32_t)v) && i < init.m.object_count; i++)
        if (init.m.object[i].type == MANIFEST_VM && init.m.object[i].payer == init.m.vm[v].quota) {
            *slot = object_slot(i);
            return true;
        }
    return false;
}

bool route_find(uint64_t vm, uint64_t place, struct init_route *to)
{
    struct info_route r = {0};
    uint32_t slot;
    if (!vm_slot(vm, &slot))
        return false;
    for (;; place++) {
        if (place >= PLACES ||
            sys_info_route(slot, place / INFO_ROUTE_PLACES, place % INFO_ROUTE_PLACES) != STATUS_OK)
            return false;
        memcpy(&r, utcb()->words, sizeof r);
        if (r.count)
            break;
    }
    uint64_t list = place / INFO_ROUTE_PLACES;
    uint16_t target = find_target(r.target);
    bool doorbell = target != MANIFEST_NONE && init.m.object[target].type == MANIFEST_NOTIFICATION;
    *to = (struct init_route){.first = r.first, .last = r.last, .count = r.count, .place = place};
    to->space = (uint32_t)list / 2; // INFO_ROUTE_LIST()
    to->use = doorbell ? INIT_ROUTE_DOORBELLS : list % 2 ? INIT_ROUTE_WRITES : INIT_ROUTE_READS;
    name_server(to, target);
    return true;
}
