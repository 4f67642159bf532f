// NICs: each a server that is a device of its VM and a port of the switch.
// SPDX-License-Identifier: MIT
//
// A port's memory and rules are paid by the VM. By its number a port has its windows and slot in the switch,
// and its entry in the switch's table of names (proto/net.h).
#include <string.h>

#include "libipc/proto/layout.h"
#include "libipc/proto/names.h"
#include "libipc/proto/net.h"
#include "tools/expand_parts.h"

enum { WINDOW = 0x200000, VIRTIO_NET = 1, QUEUES = 3, BURSTS = 50 /* a second */ };
enum { FRAMES_BURST_MIN = 64, BYTES_BURST_MIN = 2 * NET_FRAME_MAX };

static bool has_nets(const struct config *c)
{
    for (size_t i = 0; i < c->vms.count; i++)
        if (config_vm(c, i)->nets.count)
            return true;
    return false;
}

void expand_switch(struct scope *s)
{
    if (!has_nets(s->config))
        return;
    expand_stand_in(s, expand_server(s, KIND_SWITCH, "{}"), KIND_SWITCH, ", \"links\": true");
    expand_memory(s, "@.names", NULL, NET_PORTS_MAX * sizeof(struct name_entry), FILL_NAMES);
}

_Static_assert(NET_PORTS_MAX <= 64, "a bit of the rules for each group, of which each port is in one");

// Groups are numbered as they come.
static uint32_t group_number(struct scope *s, const char *name)
{
    uint32_t number = 0;
    PLAN_EACH(const char *const, group, &s->groups)
    {
        if (strcmp(*group, name) == 0)
            return number;
        number++;
    }
    *PLAN_ADD(s->plan, &s->groups, const char *) = name;
    return number;
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static const char *limit(const struct scope *s, const char *key, const struct value *rate, uint64_t least)
{
    if (!rate->line)
        return "";
    return arena_format(s->plan->arena, ", \"%s\": %llu, \"%s_burst\": %llu", key,
                        (unsigned long long)rate->number, key,
                        (unsigned long long)at_least(rate->number / BURSTS, least));
}

// Frames without a tag are of VLAN 1, unless the configuration says another, or has tagged ones only.
static unsigned untagged(const struct config_net *n)
{
    return n->vlan.line ? (unsigned)n->vlan.number : n->vlans.line ? 0 : NET_VLAN;
}

static const char *rules(struct scope *s, const struct config_net *n)
{
    return arena_format(s->plan->arena,
                        "{\"groups\": \"0x%llx\", \"address\": %llu, \"check\": %s, \"vlan\": %u, "
                        "\"vlans\": [%s]%s%s}",
                        1ull << group_number(s, n->group.text), (unsigned long long)n->address,
                        n->source_check.number ? "true" : "false", untagged(n), n->ranges,
                        limit(s, "frames", &n->frames, FRAMES_BURST_MIN),
                        limit(s, "bytes", &n->bytes, BYTES_BURST_MIN));
}

// The port's memory, and the right to tell its server.
static void give_port(const struct scope *s, struct plan_program *to, uint32_t number, uint64_t badge)
{
    expand_map(s, &to->maps, (struct kind_map){SWITCH_MAP_PORT + (uint64_t)number * WINDOW, "@.port", "rw"});
    expand_cap(s, to, (struct kind_cap){SWITCH_SLOT_PORT + number, "@.bits", "s", badge});
}

// What is not the same at all ports.
struct port_end {
    const char *name, *payer;
    uint64_t window; // of its server, and where that tells the switch
    uint32_t slot;
    uint64_t badge; // as what it hears of it
};

static void add_port(struct scope *s, struct plan_server *server, struct port_end end, const char *text)
{
    uint32_t number = s->port_count++;
    struct plan_server *to = expand_find_server(s->plan, "switch");
    struct plan_object *names = expand_find_object(s->plan, "switch.names");
    *PLAN_ADD(s->plan, &names->memory.names, struct plan_name) =
        (struct plan_name){number, expand_name(s, end.name)};
    expand_memory(s, "@.port", end.payer, NET_PORT_BYTES, FILL_ZERO);
    expand_set_text(expand_object(s, MANIFEST_MEMORY, "@.rules", end.payer), text);
    give_port(s, &to->program, number, end.badge);
    give_port(s, &to->failed, number, end.badge);
    expand_map(s, &to->program.maps,
               (struct kind_map){SWITCH_MAP_RULES + (uint64_t)number * WINDOW, "@.rules", "r"});
    expand_map(s, &server->program.maps, (struct kind_map){end.window, "@.port", "rw"});
    expand_cap(s, &server->program, (struct kind_cap){end.slot, "switch.bits", "s", SWITCH_BIT_PORT(number)});
}

void expand_nets(struct scope *s, const struct config_vm *c)
{
    const unsigned long long memory = c->memory.number;
    for (size_t i = 0; i < c->nets.count; i++) {
        const struct config_net *n = config_net(c, i);
        s->part = n->name.text;
        const char *config = arena_format(s->plan->arena, "{\"memory\": %llu, \"address\": %llu}", memory,
                                          (unsigned long long)n->address);
        struct plan_server *server = expand_device(s, KIND_NET, s->device++, config);
        expand_virtio_stand_in(s, server,
                               arena_format(s->plan->arena,
                                            "{\"virtio\": %d, \"queues\": %d, \"memory\": %llu}", VIRTIO_NET,
                                            QUEUES, memory));
        add_port(s, server,
                 (struct port_end){"%.#", "%.quota", DEVICE_MAP_PORT, DEVICE_SLOT_PEER, DEVICE_BIT_PEER},
                 rules(s, n));
    }
}

static uint64_t groups_of(struct scope *s, const struct config_uplink *u)
{
    uint64_t groups = u->groups.count ? 0 : UINT64_MAX >> (64 - s->groups.count);
    PLAN_EACH(const struct value, group, &u->groups)
    groups |= UINT64_C(1) << group_number(s, group->text);
    return groups;
}

void expand_uplink(struct scope *s)
{
    const struct config_uplink *u = &s->config->uplink;
    if (!u->line)
        return;
    s->plan->uplink = true;
    struct plan_server *driver = expand_server(s, KIND_VIRTIO_NET, "{}");
    expand_virtio_function(s, VIRTIO_NET);
    add_port(s, driver,
             (struct port_end){"uplink", NULL, DRIVER_MAP_CHANNEL, DRIVER_SLOT_CLIENT, DRIVER_BIT_CHANNEL(0)},
             arena_format(s->plan->arena, "{\"groups\": \"0x%llx\", \"check\": false, \"vlan\": %u}",
                          (unsigned long long)groups_of(s, u), NET_VLAN));
}
