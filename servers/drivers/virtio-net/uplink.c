// virtio-net as a port of the switch.
// SPDX-License-Identifier: MIT
#include "servers/drivers/virtio-net/uplink.h"

#include <string.h>

#include "libipc/log.h"
#include "servers/common/copy.h"

enum { RECEIVE_QUEUE = 0, TRANSMIT_QUEUE = 1, TURN = 64 };
#define BIT(n)   (UINT64_C(1) << (n))
#define ALL_FREE UINT64_MAX
_Static_assert(UPLINK_BUFFERS == 64, "a bit each");
_Static_assert(UPLINK_HEADER + NET_WIRE_MAX <= UPLINK_BUFFER, "a frame fits");

static void count(struct uplink *u, const char *name)
{
    ++*stats_counter(u->stats, name);
}

// ---- the device ----

// Buffers of the transmit queue lie behind those of the other.
static struct dma_page buffer(const struct uplink *u, uint32_t n)
{
    const struct dma_page *page = &u->buffers[n / UPLINK_PER_PAGE];
    uint32_t at = n % UPLINK_PER_PAGE * UPLINK_BUFFER;
    return (struct dma_page){(uint8_t *)page->at + at, page->address + at};
}

static void give_buffer(struct uplink *u, uint8_t n)
{
    const struct host_piece piece = {buffer(u, n).address, UPLINK_BUFFER, true};
    (void)host_queue_add(&u->receive, n, &piece, 1); // it has a place for each
}

static const char *start(struct uplink *u)
{
    struct host_function *f = &u->function;
    u->free = ALL_FREE;
    if (!host_function_reset(f))
        return "it cannot be reset";
    const char *wrong = host_function_agree(f, 0);
    if (!wrong)
        wrong = host_function_queue(f, &u->receive, RECEIVE_QUEUE, UPLINK_BUFFERS);
    if (!wrong)
        wrong = host_function_queue(f, &u->transmit, TRANSMIT_QUEUE, UPLINK_BUFFERS);
    if (wrong)
        return wrong;
    for (uint32_t n = 0; n < UPLINK_BUFFERS; n++)
        give_buffer(u, (uint8_t)n);
    host_function_begin(f);
    host_function_ring(&u->receive);
    return NULL;
}

static void open_device(struct uplink *u)
{
    const char *wrong = start(u);
    u->dead = wrong;
    if (wrong)
        log_error("the device cannot be used: %s", wrong);
}

static void recover(struct uplink *u, const char *why)
{
    log_warning("the device %s: it is reset", why);
    if (++u->resets < UPLINK_RESETS) {
        open_device(u);
        return;
    }
    log_error("the device moves nothing: it is left alone");
    u->dead = true;
    (void)!host_function_reset(&u->function);
}

// ---- from the device to the switch ----

static void put(const struct ring *r, const struct net_head *head, const uint8_t *frame)
{
    uint8_t *to;
    net_span(r, r->position, 0, sizeof *head, &to);
    memcpy(to, head, sizeof *head); // a cell is in one place
    for (uint32_t done = 0, part; done < head->bytes; done += part) {
        part = net_span(r, r->position, (uint32_t)sizeof *head + done, head->bytes - done, &to);
        copy_bytes(to, frame + done, part);
    }
}

static void receive(struct uplink *u, uint8_t n, uint32_t written)
{
    const struct net_head head = {.bytes = written > UPLINK_HEADER ? written - UPLINK_HEADER : 0};
    uint32_t cells = net_cells(head.bytes);
    if (head.bytes < NET_FRAME_MIN)
        count(u, "received-too-short");
    else if (!__atomic_load_n(&u->port->link, __ATOMIC_ACQUIRE))
        count(u, "received-down");
    else if (!net_has_room(&u->to, u->to.position, cells))
        count(u, "received-full");
    else {
        put(&u->to, &head, (const uint8_t *)buffer(u, n).at + UPLINK_HEADER);
        u->tell |= ring_publish_produced(&u->to, u->to.position + cells);
        ++*u->count.received;
    }
}

// False: the device said what cannot be.
static bool receive_all(struct uplink *u, uint32_t *moved)
{
    enum host_queue_result got;
    uint8_t n;
    uint32_t written;
    while ((got = host_queue_take(&u->receive, &n, &written)) == HOST_QUEUE_ENTRY) {
        u->resets = 0;
        receive(u, n, written);
        give_buffer(u, n);
        if (++*moved == TURN)
            break;
    }
    if (*moved)
        host_function_ring(&u->receive);
    return got != HOST_QUEUE_LIE;
}

// ---- from the switch to the device ----

static bool take_sent(struct uplink *u)
{
    enum host_queue_result got;
    uint8_t n;
    uint32_t written;
    while ((got = host_queue_take(&u->transmit, &n, &written)) == HOST_QUEUE_ENTRY) {
        u->resets = 0;
        u->free |= BIT(n);
    }
    return got == HOST_QUEUE_EMPTY;
}

static void take_out(struct uplink *u, const struct net_first *first)
{
    uint32_t bytes = first->head.bytes, here = sizeof first->frame, part;
    uint8_t *from;
    memcpy(u->frame, first->frame, bytes < here ? bytes : here);
    for (uint32_t at = here; at < bytes; at += part) {
        part = net_span(&u->from, u->from.position, (uint32_t)sizeof first->head + at, bytes - at, &from);
        copy_bytes(u->frame + at, from, part);
    }
}

// The next frame that can go out becomes the one that is being sent: from here on it is not the ring's.
static bool next_frame(struct uplink *u, uint32_t *moved)
{
    struct net_first first;
    for (; *moved < TURN; ++*moved) {
        enum net_look found = net_look(&u->from, u->from.position, &first);
        if (found != NET_FRAME && found != NET_BAD_FRAME)
            return false;
        if (found == NET_BAD_FRAME) { // the switch wrote no frame there: its memory is not what it was
            u->tell |= ring_publish_consumed(&u->from, net_end(&u->from));
            count(u, "sent-damaged");
            continue;
        }
        take_out(u, &first);
        u->tell |= ring_publish_consumed(&u->from, u->from.position + net_cells(first.head.bytes));
        const char *wrong = net_cut(&u->cut, &first.head, u->frame);
        u->next = wrong ? u->cut.pieces : 0;
        if (!wrong)
            return true;
        count(u, wrong);
    }
    return false;
}

static void send_piece(struct uplink *u)
{
    uint32_t n = (uint32_t)__builtin_ctzll(u->free);
    struct dma_page to = buffer(u, UPLINK_BUFFERS + n);
    memset(to.at, 0, UPLINK_HEADER); // nothing is left to be done
    uint32_t bytes = UPLINK_HEADER + net_cut_piece(&u->cut, u->next++, (uint8_t *)to.at + UPLINK_HEADER);
    (void)host_queue_add(&u->transmit, (uint8_t)n, &(struct host_piece){to.address, bytes, false}, 1);
    u->free &= ~BIT(n);
    ++*u->count.sent;
}

static void send_all(struct uplink *u, uint32_t *moved)
{
    bool any = false;
    while (u->free && (u->next < u->cut.pieces || next_frame(u, moved))) {
        send_piece(u);
        any = true;
        if (++*moved >= TURN)
            break;
    }
    if (any)
        host_function_ring(&u->transmit);
}

// ---- all of it ----

void uplink_open(struct uplink *u)
{
    uint8_t *memory = (uint8_t *)u->port;
    uint8_t *to = memory + NET_AT_TO, *from = memory + NET_AT_FROM;
    (void)!ring_open(&u->to, to, NET_RING_BYTES, NET_CELLS, NET_CELL, ring_resume_producing(to, NET_CELLS));
    (void)!ring_open(&u->from, from, NET_RING_BYTES, NET_CELLS, NET_CELL,
                     ring_resume_consuming(from, NET_CELLS));
    u->count.sent = stats_counter(u->stats, "sent-frames");
    u->count.received = stats_counter(u->stats, "received-frames");
    u->resets = u->next = u->cut.pieces = 0;
    (void)!ring_publish_produced(&u->to, u->to.position);
    (void)!ring_publish_consumed(&u->from, u->from.position);
    u->tell = true; // the dead driver may have owed it
    open_device(u);
}

// That a frame has gone is of interest only when all buffers are taken. A switch whose index cannot be has to
// say something else first.
static bool may_sleep(struct uplink *u)
{
    uint32_t filled;
    if (u->dead)
        return true;
    host_queue_interrupts(&u->transmit, !u->free);
    if (!u->free)
        return !host_queue_has_used(&u->transmit);
    return ring_sleep_empty(&u->from) || !ring_filled(&u->from, &filled);
}

// The interrupt first, then the queues: what came in between is seen, what comes behind interrupts again.
bool uplink_serve(struct uplink *u)
{
    uint32_t came = 0, went = 0;
    if (!u->dead && host_function_gave_up(&u->function, host_function_interrupt(&u->function)))
        recover(u, "gave up");
    if (!u->dead && (!receive_all(u, &came) || !take_sent(u)))
        recover(u, "reports frames that cannot be");
    if (!u->dead)
        send_all(u, &went);
    return came == TURN || went >= TURN || !may_sleep(u);
}
