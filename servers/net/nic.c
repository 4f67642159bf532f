// A network card of a VM: its life, its features, its control queue.
// SPDX-License-Identifier: MIT
#include "servers/net/nic.h"

#include <string.h>

#include "servers/net/nic_internal.h"

enum { QUEUE_SIZE = VIRTQ_SIZE_MAX, CLASS_ETHERNET = 0x020000, COMMAND = 2, MTU = 1500, LONGEST_WAIT = 4 };

#define FEATURES                                                                                             \
    (NIC_F_SUM | NIC_F_GUEST_SUM | NIC_F_MAC | NIC_F_GUEST_TCP4 | NIC_F_GUEST_TCP6 | NIC_F_GUEST_ECN |       \
     NIC_F_TCP4 | NIC_F_TCP6 | NIC_F_ECN | NIC_F_MERGE | NIC_F_STATUS | NIC_F_CONTROL | NIC_F_RECEIVE |      \
     NIC_F_VLAN | NIC_F_RECEIVE_MORE | NIC_F_ANNOUNCE | NIC_F_ADDRESS)

// ---- features: 5.1.3.1 ----

static bool agree(struct virtio *v, uint64_t features)
{
    static const struct {
        uint64_t these, need; // one of
    } rules[] = {
        {NIC_F_GUEST_TCP4 | NIC_F_GUEST_TCP6, NIC_F_GUEST_SUM},
        {NIC_F_GUEST_ECN, NIC_F_GUEST_TCP4 | NIC_F_GUEST_TCP6},
        {NIC_F_TCP4 | NIC_F_TCP6, NIC_F_SUM},
        {NIC_F_ECN, NIC_F_TCP4 | NIC_F_TCP6},
        {NIC_F_RECEIVE | NIC_F_VLAN | NIC_F_RECEIVE_MORE | NIC_F_ANNOUNCE | NIC_F_ADDRESS, NIC_F_CONTROL},
    };
    (void)v;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (features & rules[i].these && !(features & rules[i].need))
            return false;
    return true;
}

// ---- the link ----

static void look_at_link(struct nic *n, struct virtio *v)
{
    uint16_t status = 0;
    if (__atomic_load_n(&n->port->link, __ATOMIC_ACQUIRE))
        status |= NIC_LINK_UP;
    if (v->features & NIC_F_ANNOUNCE &&
        __atomic_load_n(&n->port->forgets, __ATOMIC_ACQUIRE) != n->state->announced)
        status |= NIC_ANNOUNCE;
    if (status == n->config.status)
        return;
    n->config.status = status;
    virtio_config_changed(v);
}

// ---- the control queue: 5.1.6.5 ----

static enum nic_answer command(struct virtio *v, uint8_t class, uint8_t code, struct virtq_stream *data)
{
    struct nic *n = v->owner;
    if (class == NIC_CLASS_ANNOUNCE) {
        if (code != NIC_ANNOUNCED || !(v->features & NIC_F_ANNOUNCE))
            return NIC_ERROR;
        n->state->announced = __atomic_load_n(&n->port->forgets, __ATOMIC_ACQUIRE);
        n->config.status &= (uint16_t)~NIC_ANNOUNCE;
        return NIC_OK;
    }
    enum nic_answer answer =
        filter_command(&n->state->filter, v->features, (enum nic_class) class, code, data);
    memcpy(n->config.address, n->state->filter.address, NET_ADDRESS);
    return answer;
}

static void control(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain c;
    while (virtq_take(q, &c)) {
        uint8_t head[COMMAND], *answer = virtq_stream_last(&c.writable);
        if (!answer || virtq_stream_get(&c.readable, head, COMMAND) != COMMAND) {
            virtio_fail(v, "fault-control-buffer", "a command that is none, or without room for an answer");
            return;
        }
        *answer = c.give_up ? NIC_ERROR : (uint8_t)command(v, head[0], head[1], &c.readable);
        v->changes |= VIRTIO_CHANGED_REST;
        virtq_done(q, c.position, 1);
    }
}

// ---- when frames are looked at ----

static uint64_t earlier_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// The guest rang, or there is room again.
static void transmit(struct virtio *v, struct virtqueue *q)
{
    struct nic *n = v->owner;
    uint64_t now = n->clock();
    uint16_t before = q->next;
    if (virtq_is_seen(q))
        n->owes = 0;
    q->lazy = true;
    q->quiet = n->polls || now - n->served < n->soon;
    nic_transmit(v, q);
    if (q->next == before)
        return;
    n->polls = q->quiet;
    n->served = now;
    n->owes = n->owes ? n->owes : now;
    n->due = n->polls ? now + n->wait : earlier_of(now + n->wait, n->owes + LONGEST_WAIT * n->wait);
}

// Frames that came meanwhile were the first of more; if none did, the guest has to ring again.
static void poll(struct nic *n, struct virtio *v, struct virtqueue *q)
{
    uint16_t before = q->next;
    virtio_serve(v, q);
    if (q->next != before)
        return;
    n->polls = false;
    n->served = 0;
    virtio_serve(v, q);
}

void nic_due(struct nic *n, struct virtio *v)
{
    n->owes = n->due = 0;
    if (n->polls)
        poll(n, v, &v->queue[NIC_TRANSMIT]);
    virtio_remind(v);
}

// ---- the virtio layer's callbacks ----

static void serve(struct virtio *v, struct virtqueue *q)
{
    if (q->number == NIC_RECEIVE)
        nic_receive(v, q);
    else if (q->number == NIC_TRANSMIT)
        transmit(v, q);
    else
        control(v, q);
}

static void reset(struct virtio *v, struct virtqueue *q)
{
    struct nic *n = v->owner;
    if (q)
        return;
    filter_reset(&n->state->filter, n->address);
    memcpy(n->config.address, n->address, NET_ADDRESS);
    nic_drop_received(v);
    v->changes |= VIRTIO_CHANGED_REST;
}

// At each start of the server, too: then the filter is as the guest set it.
static void start(struct virtio *v)
{
    struct nic *n = v->owner;
    n->state->filter.vlans_count = v->features & NIC_F_VLAN;
    v->changes |= VIRTIO_CHANGED_REST;
}

void nic_prepare(struct nic *n, struct virtio *v)
{
    n->config = (struct nic_config){.pairs = 1, .mtu = MTU};
    n->kind = (struct virtio_kind){.id = NIC_ID,
                                   .class_code = CLASS_ETHERNET,
                                   .queues = NIC_QUEUES,
                                   .queue_size = QUEUE_SIZE,
                                   .features = FEATURES,
                                   .config_bytes = sizeof n->config,
                                   .commits = true,
                                   .serve = serve,
                                   .start = start,
                                   .agree = agree,
                                   .reset = reset};
    v->kind = &n->kind;
    v->owner = n;
    v->config = &n->config;
}

// ---- the switch ----

void nic_open(struct nic *n, struct virtio *v, void *port, bool fresh)
{
    uint8_t *to = (uint8_t *)port + NET_AT_TO, *from = (uint8_t *)port + NET_AT_FROM;
    n->port = port;
    if (fresh) {
        n->state->sent = ring_resume_producing(to, NET_CELLS);
        n->state->received = ring_resume_consuming(from, NET_CELLS);
        n->state->announced = n->port->forgets;
        filter_reset(&n->state->filter, n->address);
        v->changes |= VIRTIO_CHANGED_DEVICE | VIRTIO_CHANGED_REST;
    }
    (void)!ring_open(&n->to, to, NET_RING_BYTES, NET_CELLS, NET_CELL, n->state->sent);
    (void)!ring_open(&n->from, from, NET_RING_BYTES, NET_CELLS, NET_CELL, n->state->received);
    (void)!ring_publish_produced(&n->to, n->state->sent);
    (void)!ring_publish_consumed(&n->from, n->state->received);
    memcpy(n->config.address, n->state->filter.address, NET_ADDRESS);
    n->config.status = n->port->link ? NIC_LINK_UP : 0;
    n->signal = true; // the dead server may have owed it
    n->count.sent_frames = stats_counter(v->stats, "sent-frames");
    n->count.sent_bytes = stats_counter(v->stats, "sent-bytes");
    n->count.received_frames = stats_counter(v->stats, "received-frames");
    n->count.received_bytes = stats_counter(v->stats, "received-bytes");
}

void nic_stir(struct nic *n, struct virtio *v)
{
    look_at_link(n, v);
    if (n->waits)
        virtio_serve(v, &v->queue[NIC_TRANSMIT]);
    if (v->queue[NIC_RECEIVE].running)
        virtio_serve(v, &v->queue[NIC_RECEIVE]);
    else
        nic_drop_received(v);
}

void nic_publish(struct nic *n)
{
    if (n->to.position != n->state->sent && ring_publish_produced(&n->to, n->state->sent))
        n->signal = true;
    if (n->from.position != n->state->received && ring_publish_consumed(&n->from, n->state->received))
        n->signal = true;
}
