// Ports of a VM: a virtio console device.
// SPDX-License-Identifier: MIT
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "servers/common/virtio_server.h"
#include "servers/ports/ports.h"

const char program_name[] = "ports";

enum { STATE_KIND = 0x74726f70, VERSION = 1, PORT_STRIDE = 0x400000, PORT_INPUT = 0x200000 };

static struct ports ports;
static struct virtio_server server = {
    .state_kind = STATE_KIND, .version = VERSION, .device_bytes = sizeof(struct ports_state)};

static void read_config(void)
{
    static const struct json_field fields[] = {{.key = "names", .kind = JSON_TEXT}};
    struct json_text names = {0};
    virtio_server_configure(&server, fields, 1, &names);
    for (uint32_t at = 0; at < names.length && ports.count < PORTS_MAX; ports.count++) {
        char *name = ports.name[ports.count];
        for (uint32_t i = 0; at < names.length && names.at[at] != ' '; at++)
            if (i < PORTS_NAME_BYTES - 1)
                name[i++] = names.at[at];
        at++;
    }
    if (!ports.count)
        die("there are no ports");
}

static void *window(uint32_t port)
{
    return (uint8_t *)PORTS_MAP_PORTS + (uint64_t)port * PORT_STRIDE;
}

static void open_port(uint32_t port)
{
    uint8_t *output = window(port), *input = output + PORT_INPUT;
    if (server.fresh) { // not the VM's first power-on, perhaps: those at the other ends go on
        ports.state->port[port].output = ring_last_produced(output);
        ports.state->port[port].input = ring_resume_consuming(input, INPUT_RING_BYTES);
        server.virtio.changes |= VIRTIO_CHANGED_DEVICE;
    }
    ports_open(&ports, port, output, input);
}

static void stir(struct virtio_server *s)
{
    ports_stir(&ports, &s->virtio);
}

static void publish(struct virtio_server *s)
{
    (void)s;
    ports_publish(&ports);
    for (; ports.signals; ports.signals &= ports.signals - 1)
        (void)!sys_signal(PORTS_SLOT_PORT + (uint32_t)__builtin_ctz(ports.signals));
}

int main(void)
{
    read_config();
    ports_prepare(&ports, &server.virtio);
    server.peer = stir;
    server.publish = publish;
    virtio_server_open(&server);
    ports.state = server.device;
    for (uint32_t i = 0; i < ports.count; i++)
        open_port(i);
    virtio_server_run(&server);
}
