// A network card of a VM as a process.
// SPDX-License-Identifier: MIT
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/time.h"
#include "servers/common/virtio_server.h"
#include "servers/net/nic.h"

const char program_name[] = "net";

enum { STATE_KIND = 0x74656e, VERSION = 1 };
#define SOON (40 * NS_PER_US)
#define WAIT (150 * NS_PER_US)

static struct nic nic;
static struct virtio_server server = {.state_kind = STATE_KIND,
                                      .version = VERSION,
                                      .device_bytes = sizeof(struct nic_state),
                                      .device_often = NIC_STATE_OFTEN};

static void read_config(void)
{
    static const struct json_field fields[] = {{.key = "address", .kind = JSON_NUMBER}};
    uint64_t address = 0;
    virtio_server_configure(&server, fields, 1, &address);
    if (!address || address >> (8 * NET_ADDRESS) || address >> 40 & 1)
        die("an address that no card has: %llx", (unsigned long long)address);
    for (unsigned i = 0; i < NET_ADDRESS; i++)
        nic.address[i] = (uint8_t)(address >> (8 * (NET_ADDRESS - 1 - i)));
}

static void stir(struct virtio_server *s)
{
    nic_stir(&nic, &s->virtio);
}

static void due(struct virtio_server *s)
{
    nic_due(&nic, &s->virtio);
}

static uint64_t clock_now(void)
{
    return now();
}

static void publish(struct virtio_server *s)
{
    nic_publish(&nic);
    s->server.due_at = nic.due;
    if (nic.signal)
        (void)!sys_signal(DEVICE_SLOT_PEER); // notifications outlive their servers
    nic.signal = false;
}

int main(void)
{
    read_config();
    nic_prepare(&nic, &server.virtio);
    nic.soon = ticks_from_ns(SOON);
    nic.wait = ticks_from_ns(WAIT);
    nic.clock = clock_now;
    server.peer = stir;
    server.due = due;
    server.publish = publish;
    virtio_server_open(&server);
    nic.state = server.device;
    nic_open(&nic, &server.virtio, (void *)DEVICE_MAP_PORT, server.fresh);
    virtio_server_run(&server);
}
