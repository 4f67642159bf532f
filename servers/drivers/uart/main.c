// The driver of one of the host's serial lines.
// SPDX-License-Identifier: MIT
//
// It is called by nobody: bits of its notification tell of the interrupt and of the rings.
#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/thread.h"
#include "servers/drivers/uart/config.h"
#include "servers/drivers/uart/ports.h"
#include "servers/drivers/uart/serial.h"

const char program_name[] = "drivers/uart";

static bool open_ring(struct ring *r, void *memory, uint64_t bytes, uint64_t position)
{
    return bytes <= RING_CAPACITY_MAX &&
           ring_open(r, memory, RING_PAGES(bytes) * 4096, (uint32_t)bytes, 1, position);
}

static bool open_rings(struct serial *s, const struct uart_config *c)
{
    void *output = (void *)UART_MAP_OUTPUT, *input = (void *)UART_MAP_INPUT;
    return open_ring(&s->output, output, c->output, ring_resume_consuming(output, (uint32_t)c->output)) &&
           open_ring(&s->input, input, c->input, ring_resume_producing(input, (uint32_t)c->input));
}

// Takes the bits whose cause is about to be looked at.
static void wait_for_bits(bool block)
{
    struct message m = {0};
    uint64_t badge;
    enum status status = sys_reply_wait(SLOT_NONE, block ? 0 : WAIT_POLL, SLOT_NONE, SLOT_NONE, &m, &badge);
    if (status != STATUS_OK && status != STATUS_TIMEOUT)
        die("cannot wait: %s", status_name(status));
}

static void tell_peer(struct serial *s)
{
    if (s->peer_stirred)
        (void)!sys_signal(UART_SLOT_PEER); // its notification outlives it
    s->peer_stirred = false;
}

int main(void)
{
    static struct serial serial;
    struct uart_config config;
    char error[JSON_ERROR_MAX];
    log_use_ring(SLOT_LOG_SIGNAL);
    if (!config_read(&config, (const char *)MAP_CONFIG, error))
        die("%s", error);
    if (!open_rings(&serial, &config))
        die("the rings do not fit");
    ports_at((uint16_t)config.port);
    enum status status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status == STATUS_OK)
        status = sys_irq_ctl(UART_SLOT_IRQ, IRQ_BIND, UART_SLOT_IRQ_SIGNAL);
    if (status != STATUS_OK)
        die("cannot receive interrupts: %s", status_name(status));
    if (!serial_is_there()) {
        log_debug("no serial line is at port %llx", (unsigned long long)config.port);
        for (;;) {
            serial_drop(&serial);
            tell_peer(&serial);
            wait_for_bits(true);
        }
    }
    serial_start(&serial);
    for (;;) {
        bool more = serial_serve(&serial);
        tell_peer(&serial);
        wait_for_bits(!more && serial_sleeps(&serial));
    }
}
