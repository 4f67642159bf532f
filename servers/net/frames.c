// A network card of a VM: frames between the guest's buffers and the rings of its port.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "servers/common/copy.h"
#include "servers/common/net_head.h"
#include "servers/net/nic_internal.h"

static void count(struct virtio *v, const char *name)
{
    ++*stats_counter(v->stats, name);
}

// ---- sending ----

static const char *const fault_counters[NET_FAULTS] = {
    [NET_FAULT_FLAGS] = "header-flags",     [NET_FAULT_SEGMENTATION] = "header-segmentation",
    [NET_FAULT_SEGMENT] = "header-segment", [NET_FAULT_HEADERS] = "header-length",
    [NET_FAULT_SUM] = "header-checksum",
};

static struct net_offers offers(uint64_t features)
{
    struct net_offers o = {0};
    if (features & NIC_F_SUM)
        o.flags = NET_NEEDS_SUM;
    if (features & NIC_F_TCP4)
        o.segmentations |= NET_TCP4;
    if (features & NIC_F_TCP6)
        o.segmentations |= NET_TCP6;
    if (features & NIC_F_ECN)
        o.segmentations |= NET_ECN;
    return o;
}

static void put(const struct ring *r, uint64_t position, const struct net_head *head,
                struct virtq_stream *from)
{
    uint32_t at = sizeof *head;
    uint64_t piece;
    uint8_t *to;
    net_span(r, position, 0, sizeof *head, &to);
    memcpy(to, head, sizeof *head); // a cell is in one place
    for (const uint8_t *bytes; (bytes = virtq_stream_span(from, head->bytes, &piece));)
        for (uint32_t done = 0, part; done < piece; done += part, at += part) {
            part = net_span(r, position, at, (uint32_t)piece - done, &to);
            copy_bytes(to, bytes + done, part);
        }
}

// What cannot go out is dropped and counted; a frame that was handed out to several dead servers is, too.
static const char *refusal(struct virtio *v, const struct virtq_chain *c, struct net_head *head)
{
    if (c->give_up)
        return "sent-given-up";
    if (head->bytes < NET_FRAME_MIN)
        return "sent-too-short";
    if (head->bytes > NET_FRAME_MAX)
        return "sent-too-long";
    enum net_fault fault = net_head_check(head, offers(v->features));
    return fault == NET_GOOD ? NULL : fault_counters[fault];
}

// False: there is no room.
static bool send(struct virtio *v, struct virtq_chain *c)
{
    struct nic *n = v->owner;
    struct net_head head;
    virtq_stream_get(&c->readable, (uint8_t *)&head + NIC_HEADER_AT, NIC_HEADER);
    head.bytes = (uint32_t)c->readable.bytes;
    const char *why = refusal(v, c, &head);
    if (why) {
        count(v, why);
        return true;
    }
    uint32_t cells = net_cells(head.bytes);
    if (!net_has_room(&n->to, n->state->sent, cells))
        return false;
    put(&n->to, n->state->sent, &head, &c->readable);
    n->state->sent += cells;
    v->changes |= VIRTIO_CHANGED_DEVICE;
    ++*n->count.sent_frames;
    *n->count.sent_bytes += head.bytes;
    return true;
}

// What is not sent stays the guest's; the switch says when there is room.
static bool await_room(struct nic *n, uint32_t bytes)
{
    (void)!ring_sleep_full(&n->to, NET_CELLS); // what is not published takes room, too: look again oneself
    return net_has_room(&n->to, n->state->sent, net_cells(bytes));
}

void nic_transmit(struct virtio *v, struct virtqueue *q)
{
    struct nic *n = v->owner;
    struct virtq_chain c;
    n->waits = false;
    while (virtq_take(q, &c)) {
        uint32_t bytes = (uint32_t)c.readable.bytes - NIC_HEADER;
        if (c.writable.bytes || c.readable.bytes < NIC_HEADER) {
            virtio_fail(v, "fault-send-buffer", "a frame without a header, or to be written into");
            return;
        }
        if (send(v, &c)) {
            virtq_done(q, c.position, 0);
            continue;
        }
        virtq_return(q, c.position);
        n->waits = !await_room(n, bytes);
        if (n->waits)
            return;
    }
}

// ---- receiving ----

enum outcome { DELIVERED, NO_BUFFERS, TOO_LONG, FAULT };

// A frame on its way into one buffer after the other.
struct delivery {
    struct virtio *v;
    struct virtqueue *q;
    uint16_t first;         // place of the first buffer
    uint16_t buffers;       // so far
    uint32_t written;       // in this one
    uint8_t *buffers_at[2]; // where the guest reads how many
    enum outcome outcome;
    struct virtq_chain c;
};

static bool fail(struct delivery *d, enum outcome outcome)
{
    d->outcome = outcome;
    return false;
}

static bool next_buffer(struct delivery *d)
{
    if (d->buffers)
        virtq_done(d->q, d->c.position, d->written);
    if (d->buffers && !(d->v->features & NIC_F_MERGE))
        return fail(d, TOO_LONG);
    if (!virtq_take(d->q, &d->c))
        return fail(d, d->buffers == d->q->size ? TOO_LONG : NO_BUFFERS);
    if (d->c.readable.bytes || d->c.writable.bytes < NIC_HEADER) {
        virtio_fail(d->v, "fault-receive-buffer",
                    "a buffer for frames that cannot be written, or is too small");
        return fail(d, FAULT);
    }
    d->buffers++;
    d->written = 0;
    return true;
}

static bool put_bytes(struct delivery *d, const uint8_t *from, uint32_t bytes)
{
    uint64_t piece;
    for (uint32_t done = 0; done < bytes;) {
        uint8_t *to = virtq_stream_span(&d->c.writable, bytes - done, &piece);
        if (!to && !next_buffer(d))
            return false;
        if (!to)
            continue;
        copy_bytes(to, from + done, piece);
        done += (uint32_t)piece;
        d->written += (uint32_t)piece;
    }
    return true;
}

// The header; how many buffers follow is known at the end.
static bool put_header(struct delivery *d, const struct net_head *head)
{
    enum { BEFORE = NIC_HEADER - 2 };
    uint64_t piece;
    if (!next_buffer(d) || !put_bytes(d, (const uint8_t *)head + NIC_HEADER_AT, BEFORE))
        return false;
    for (unsigned i = 0; i < 2; i++)
        d->buffers_at[i] = virtq_stream_span(&d->c.writable, 1, &piece);
    d->written += 2;
    return true;
}

static bool put_rest(struct delivery *d, const struct ring *r, uint64_t position, uint32_t bytes)
{
    uint8_t *from;
    for (uint32_t at = NET_CELL, piece; at < bytes; at += piece) {
        piece = net_span(r, position, at, bytes - at, &from);
        if (!put_bytes(d, from, piece))
            return false;
    }
    return true;
}

static enum outcome deliver(struct virtio *v, struct virtqueue *q, const struct net_first *first)
{
    const struct nic *n = v->owner;
    struct delivery d = {.v = v, .q = q, .first = q->next};
    uint32_t bytes = first->head.bytes, here = sizeof first->frame;
    if (!put_header(&d, &first->head) || !put_bytes(&d, first->frame, bytes < here ? bytes : here) ||
        !put_rest(&d, &n->from, n->state->received, bytes + (uint32_t)sizeof first->head)) {
        virtq_return(q, d.first);
        return d.outcome;
    }
    *d.buffers_at[0] = (uint8_t)d.buffers;
    *d.buffers_at[1] = (uint8_t)(d.buffers >> 8);
    virtq_done(q, d.c.position, d.written);
    ++*n->count.received_frames;
    *n->count.received_bytes += bytes;
    return DELIVERED;
}

// What the guest did not agree to has to be done for it. NULL: nothing.
static const char *lacks(const struct virtio *v, const struct net_head *head)
{
    uint8_t kind = head->segmentation;
    if (head->flags & NET_NEEDS_SUM && !(v->features & NIC_F_GUEST_SUM))
        return "received-unsummed";
    if ((kind & NET_TCP4 && !(v->features & NIC_F_GUEST_TCP4)) ||
        (kind & NET_TCP6 && !(v->features & NIC_F_GUEST_TCP6)) ||
        (kind & NET_ECN && !(v->features & NIC_F_GUEST_ECN)))
        return "received-uncut";
    return NULL;
}

// What is not published lies in the ring, too: so it is looked at again.
static enum net_look look(struct nic *n, struct net_first *first)
{
    enum net_look look = net_look(&n->from, n->state->received, first);
    if (look != NET_NOTHING)
        return look;
    (void)!ring_sleep_empty(&n->from);
    return net_look(&n->from, n->state->received, first);
}

static void pass_on(struct virtio *v, const struct net_first *first)
{
    struct nic *n = v->owner;
    n->state->received += net_cells(first->head.bytes);
    v->changes |= VIRTIO_CHANGED_DEVICE;
}

// The switch wrote no frame there: its memory is not what it was.
static void drop_all(struct virtio *v)
{
    struct nic *n = v->owner;
    n->state->received = net_end(&n->from);
    v->changes |= VIRTIO_CHANGED_DEVICE;
    count(v, "received-damaged");
}

void nic_receive(struct virtio *v, struct virtqueue *q)
{
    struct nic *n = v->owner;
    struct net_first first;
    enum net_look found;
    q->careful = false; // one buffer is as another: no server dies of what is in it
    while ((found = look(n, &first)) == NET_FRAME) {
        const char *why =
            filter_wants(&n->state->filter, first.frame) ? lacks(v, &first.head) : "received-filtered";
        enum outcome outcome = why ? DELIVERED : deliver(v, q, &first);
        if (outcome == NO_BUFFERS || outcome == FAULT)
            return;
        if (outcome == TOO_LONG)
            why = "received-too-long";
        if (why)
            count(v, why);
        pass_on(v, &first);
    }
    if (found == NET_BAD_FRAME)
        drop_all(v);
}

void nic_drop_received(struct virtio *v)
{
    struct net_first first;
    enum net_look found;
    while ((found = look(v->owner, &first)) == NET_FRAME) {
        pass_on(v, &first);
        count(v, "received-down");
    }
    if (found == NET_BAD_FRAME)
        drop_all(v);
}
