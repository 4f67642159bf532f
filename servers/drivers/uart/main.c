// The driver of the host's serial line.
// SPDX-License-Identifier: MIT
//
// It is called by nobody: bits of its notification tell of the interrupt and of the rings.
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/thread.h"
#include "servers/drivers/uart/serial.h"

const char program_name[] = "drivers/uart";

static bool open_rings(struct serial *s)
{
    void *output = (void *)UART_MAP_OUTPUT, *input = (void *)UART_MAP_INPUT;
    return ring_open(&s->output, output, RING_PAGES(OUTPUT_RING_BYTES) * 4096, OUTPUT_RING_BYTES, 1,
                     ring_resume_consuming(output, OUTPUT_RING_BYTES)) &&
           ring_open(&s->input, input, RING_PAGES(INPUT_RING_BYTES) * 4096, INPUT_RING_BYTES, 1,
                     ring_resume_producing(input, INPUT_RING_BYTES));
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
        (void)!sys_signal(UART_SLOT_CONSOLE); // its notification outlives it
    s->peer_stirred = false;
}

int main(void)
{
    static struct serial serial;
    log_use_ring(SLOT_LOG_SIGNAL);
    if (!open_rings(&serial))
        die("the rings do not fit");
    enum status status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status == STATUS_OK)
        status = sys_irq_ctl(UART_SLOT_IRQ, IRQ_BIND, UART_SLOT_IRQ_SIGNAL);
    if (status != STATUS_OK)
        die("cannot receive interrupts: %s", status_name(status));
    serial_start(&serial);
    for (;;) {
        bool more = serial_serve(&serial);
        tell_peer(&serial);
        wait_for_bits(!more && serial_sleeps(&serial));
    }
}
