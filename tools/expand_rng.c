// Random numbers of a VM, and the driver of the host's virtio-rng, which some of them come from.
// SPDX-License-Identifier: MIT
//
// A processor may turn out to have none, so a VM that takes what there is gets a channel to the driver, too
// (proto/random.h). Channels are the supervisor's: the driver has all of them mapped from the beginning, so
// none may go with its VM, and a VM that is added later has none.
#include <string.h>

#include "libipc/proto/layout.h"
#include "libipc/proto/manifest.h"
#include "libipc/proto/random.h"
#include "tools/expand_parts.h"

enum { WINDOW = 0x200000, VIRTIO_ENTROPY = 4 };
_Static_assert(MANIFEST_VMS_MAX <= DRIVER_CHANNELS_MAX, "a channel each");

// A machine with an ATA disk has no virtio, and where there is an uplink its card has the interrupt.
static bool has_channel(const struct scope *s, const struct config_vm *c)
{
    bool added = s->numbers && strcmp(s->numbers->vm, c->name.text) == 0;
    bool possible = !s->config->ata && !s->config->uplink.line && !added;
    return c->rng.number == RANDOM_HOST || (c->rng.number == RANDOM_ANY && possible);
}

static void add_channel(struct scope *s, struct plan_server *server)
{
    *PLAN_ADD(s->plan, &s->random_clients, const char *) = server->name;
    uint64_t badge = DRIVER_BIT_CHANNEL(s->random_clients.count - 1);
    expand_memory(s, "@.channel", NULL, sizeof(struct random_channel), FILL_ZERO);
    expand_cap(s, &server->program, (struct kind_cap){DEVICE_SLOT_PEER, "virtio-rng.bits", "s", badge});
    expand_map(s, &server->program.maps, (struct kind_map){DEVICE_MAP_CHANNEL, "@.channel", "rw"});
}

void expand_rng(struct scope *s, const struct config_vm *c)
{
    if (c->rng.number == RANDOM_NONE)
        return;
    bool host = has_channel(s, c);
    struct plan_server *server =
        expand_device(s, KIND_RNG, s->device++,
                      arena_format(s->plan->arena, "{\"memory\": %llu, \"rdrand\": %s, \"host\": %s}",
                                   (unsigned long long)c->memory.number,
                                   c->rng.number == RANDOM_HOST ? "false" : "true", host ? "true" : "false"));
    if (host)
        add_channel(s, server);
}

void expand_rng_driver(struct scope *s)
{
    uint32_t n = 0;
    if (!s->random_clients.count)
        return;
    s->plan->rng = true;
    struct plan_server *driver = expand_server(
        s, KIND_VIRTIO_RNG, arena_format(s->plan->arena, "{\"channels\": %zu}", s->random_clients.count));
    expand_virtio_function(s, VIRTIO_ENTROPY);
    PLAN_EACH(const char *, client, &s->random_clients)
    {
        s->server = *client;
        expand_cap(s, &driver->program,
                   (struct kind_cap){DRIVER_SLOT_CLIENT + n, "@.bits", "s", DEVICE_BIT_PEER});
        expand_map(s, &driver->program.maps,
                   (struct kind_map){DRIVER_MAP_CHANNEL + n++ * (uint64_t)WINDOW, "@.channel", "rw"});
    }
}
