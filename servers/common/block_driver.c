// A driver of host disks as a process.
// SPDX-License-Identifier: MIT
#include "servers/common/block_driver.h"

#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/syscall.h"
#include "servers/common/block_config.h"
#include "servers/common/driver.h"

enum { WINDOW = 2 << 20 };

static void signal_client(void *context, uint32_t port)
{
    (void)context;
    (void)!sys_signal(DRIVER_SLOT_CLIENT + port); // it outlives its server, if not the VM
}

static void wait_for_device(void *context)
{
    const struct block_service *s = context;
    driver_wait(s->backend.deadline(s->backend.device));
}

void block_driver_open(struct block_service *s, uint32_t irqs)
{
    char error[JSON_ERROR_MAX];
    driver_open(irqs);
    if (!block_config_read(s, (const char *)MAP_CONFIG, error))
        die("%s", error);
    s->signal = signal_client;
    s->wait = wait_for_device;
    s->context = s;
    for (uint32_t i = 0; i < s->port_count; i++) {
        s->ports[i].shared = (struct block_channel *)(DRIVER_MAP_CHANNEL + i * WINDOW);
        s->ports[i].buffer.data = (uint8_t *)(DRIVER_MAP_BUFFER + i * WINDOW);
        s->restarted |= s->ports[i].shared->presence != BLOCK_UNKNOWN;
    }
}

void block_driver_run(struct block_service *s)
{
    block_service_start(s);
    for (;;) {
        if (block_service_serve(s, driver_clients()))
            driver_look();
        else
            driver_wait(s->backend.deadline(s->backend.device));
    }
}
