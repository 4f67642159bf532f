// A driver of a host device as a process.
// SPDX-License-Identifier: MIT
#include "servers/common/driver.h"

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/thread.h"
#include "libipc/time.h"

#define CHANNEL_BITS (DRIVER_BIT_CHANNEL(DRIVER_CHANNELS_MAX) - 1)

static uint32_t interrupts;   // how many there are
static uint64_t bits = ~0ull; // that came; at the start every cause is looked at

static void bind_interrupt(uint32_t number)
{
    enum status status = sys_irq_ctl(DRIVER_SLOT_IRQ + number, IRQ_BIND, DRIVER_SLOT_IRQ_SIGNAL + number);
    if (status != STATUS_OK)
        die("cannot receive interrupt %u: %s", number, status_name(status));
}

void driver_open(uint32_t irqs)
{
    log_use_ring(SLOT_LOG_SIGNAL);
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

void driver_wait(uint64_t deadline)
{
    take_bits(deadline == DEADLINE_NONE ? 0 : WAIT_DEADLINE, deadline);
}

void driver_look(void)
{
    take_bits(WAIT_POLL, 0);
}

uint64_t driver_clients(void)
{
    uint64_t clients = bits & CHANNEL_BITS;
    bits &= ~CHANNEL_BITS;
    return clients;
}
