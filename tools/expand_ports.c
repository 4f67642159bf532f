// The ports of a VM: one virtio console device, and a console of the terminal for each.
// SPDX-License-Identifier: MIT
#include "libipc/proto/layout.h"
#include "libipc/stream.h"
#include "tools/expand_parts.h"

enum { PORT_STRIDE = 0x400000, PORT_INPUT = 0x200000, VIRTIO_CONSOLE = 3 };

static const char *names(const struct scope *s, const struct config_vm *c)
{
    const char *text = "";
    for (size_t i = 0; i < c->ports.count; i++)
        text = arena_format(s->plan->arena, "%s%s%s", text, i ? " " : "", config_port(c, i)->text);
    return text;
}

static void add_port(struct scope *s, struct plan_server *server, uint32_t i, const char *name)
{
    uint64_t window = PORTS_MAP_PORTS + (uint64_t)i * PORT_STRIDE;
    const char *output = arena_format(s->plan->arena, "@.output%u", i);
    const char *input = arena_format(s->plan->arena, "@.input%u", i);
    expand_memory(s, output, "%.quota", STREAM_PAGES * PAGE, FILL_ZERO);
    expand_memory(s, input, "%.quota", RING_PAGES(INPUT_RING_BYTES) * PAGE, FILL_ZERO);
    expand_map(s, &server->program.maps, (struct kind_map){window, output, "rw"});
    expand_map(s, &server->program.maps, (struct kind_map){window + PORT_INPUT, input, "rw"});
    expand_console(s, arena_format(s->plan->arena, "%s.%s", s->vm, name), server,
                   (struct console_end){PORTS_SLOT_PORT + i, DEVICE_BIT_PEER, output, input});
}

void expand_ports(struct scope *s, const struct config_vm *c)
{
    if (!c->ports.count)
        return;
    struct plan_server *server =
        expand_device(s, KIND_PORTS, s->device++,
                      arena_format(s->plan->arena, "{\"memory\": %llu, \"names\": \"%s\"}",
                                   (unsigned long long)c->memory.number, names(s, c)));
    expand_virtio_stand_in(s, server,
                           arena_format(s->plan->arena, "{\"virtio\": %d, \"queues\": %zu, \"memory\": %llu}",
                                        VIRTIO_CONSOLE, 2 + 2 * c->ports.count,
                                        (unsigned long long)c->memory.number));
    for (uint32_t i = 0; i < c->ports.count; i++)
        add_port(s, server, i, config_port(c, i)->text);
}
