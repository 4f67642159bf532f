// A driver of host disks as a process.
// SPDX-License-Identifier: MIT
#include "servers/common/block_driver.h"

#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/thread.h"
#include "libipc/time.h"
#include "servers/common/block_config.h"

enum { WINDOW = 2 << 20 };
#define CHANNEL_BITS (DRIVER_BIT_CHANNEL(DRIVER_CHANNELS_MAX) - 1)

static uint32_t interrupts;   // how many there are
static uint64_t bits = ~0ull; // that came; at the start every cause is looked at

static void signal_client(void *context, uint32_t port)
{
    (void)context;
    (void)!sys_signal(DRIVER_SLOT_CLIENT + port); // its notification outlives it
}

static void wait_for_device(void *context)
{
    const struct block_service *s = context;
    block_driver_wait(s->backend.deadline(s->backend.device));
}

static void bind_interrupt(uint32_t number)
{
    enum status status = sys_irq_ctl(DRIVER_SLOT_IRQ + number, IRQ_BIND, DRIVER_SLOT_IRQ_SIGNAL + number);
    if (status != STATUS_OK)
        die("cannot receive interrupt %u: %s", number, status_name(status));
}

void block_driver_open(struct block_service *s, uint32_t irqs)
{
    char error[JSON_ERROR_MAX];
    log_use_ring(SLOT_LOG_SIGNAL);
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
    enum status status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status != STATUS_OK)
        die("cannot bind the notification: %s", status_name(status));
    interrupts = irqs;
    for (uint32_t i = 0; i < irqs; i++)
        bind_interrupt(i);
}

// The device was served since these interrupts came: a level may come again.
static void acknowledge(void)
{
    for (uint32_t i = 0; i < interrupts; i++)
        if (bits & DRIVER_BIT_IRQ(i))
            (void)!sys_irq_ctl(DRIVER_SLOT_IRQ + i, IRQ_ACK, SLOT_NONE); // it is bound
    bits &= CHANNEL_BITS;
}

static void take_bits(unsigned flags, uint64_t deadline)
{
    struct message m = {0};
    uint64_t badge;
    acknowledge();
    utcb()->deadline = deadline;
    enum status status = sys_reply_wait(SLOT_NONE, flags, SLOT_NONE, SLOT_NONE, &m, &badge);
    if (status == STATUS_OK)
        bits |= m.words[0];
    else if (status != STATUS_TIMEOUT)
        die("cannot wait: %s", status_name(status));
}

void block_driver_wait(uint64_t deadline)
{
    take_bits(deadline == DEADLINE_NONE ? 0 : WAIT_DEADLINE, deadline);
}

void block_driver_run(struct block_service *s)
{
    block_service_start(s);
    for (;;) {
        uint64_t channels = bits & CHANNEL_BITS;
        bits &= ~CHANNEL_BITS;
        if (block_service_serve(s, channels))
            take_bits(WAIT_POLL, 0);
        else
            block_driver_wait(s->backend.deadline(s->backend.device));
    }
}
