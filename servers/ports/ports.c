// Ports of a VM.
// SPDX-License-Identifier: MIT
#include "servers/ports/ports.h"

#include "libipc/proto/layout.h"

enum { QUEUE_SIZE = 64, CLASS_COMMUNICATION = 0x078000 };

static bool is_multiport(const struct virtio *v)
{
    return v->features & PORTS_F_MULTIPORT;
}

static uint32_t port_of(uint32_t queue)
{
    return queue < PORTS_CONTROL_RECEIVE ? 0 : (queue - PORTS_CONTROL_RECEIVE) / 2;
}

static uint32_t receive_queue(uint32_t port)
{
    return port ? PORTS_CONTROL_RECEIVE + 2 * port : 0;
}

// ---- control messages ----

static size_t put_message(const struct ports *p, uint32_t port, enum ports_event event,
                          struct virtq_stream *to)
{
    struct ports_message m = {port, (uint16_t)event, 1};
    size_t bytes = virtq_stream_put(to, &m, sizeof m);
    return bytes + (event == PORTS_NAME ? virtq_stream_put(to, p->name[port], strlen(p->name[port])) : 0);
}

// False: the guest has no room for it yet.
static bool tell(struct virtio *v, struct virtqueue *q, uint32_t port, enum ports_event event)
{
    struct ports *p = v->owner;
    struct virtq_chain c;
    if (!virtq_take(q, &c))
        return false;
    if (c.readable.bytes || c.writable.bytes < sizeof(struct ports_message) + PORTS_NAME_BYTES) {
        virtio_fail(v, "fault-control-buffer", "a buffer for control messages that is too small");
        return false;
    }
    virtq_done(q, c.position, (uint32_t)put_message(p, port, event, &c.writable));
    p->state->port[port].owed &= (uint8_t) ~(1u << event);
    v->changes |= VIRTIO_CHANGED_DEVICE;
    return true;
}

static void tell_owed(struct virtio *v, struct virtqueue *q)
{
    const struct ports *p = v->owner;
    for (uint32_t port = 0; port < p->count; port++)
        for (uint32_t event = 0; event < PORTS_EVENTS; event++)
            if (p->state->port[port].owed >> event & 1 && !tell(v, q, port, (enum ports_event)event))
                return;
}

static void hear(struct virtio *v, const struct ports_message *m)
{
    struct ports *p = v->owner;
    v->changes |= VIRTIO_CHANGED_DEVICE;
    if (m->event == PORTS_DEVICE_READY && m->value)
        for (uint32_t i = 0; i < p->count; i++)
            p->state->port[i].owed = 1 << PORTS_ADD;
    if (m->port >= p->count)
        return;
    struct port_state *port = &p->state->port[m->port];
    if (m->event == PORTS_READY && m->value)
        port->owed |= 1 << PORTS_NAME | 1 << PORTS_OPEN | (m->port == 0 ? 1 << PORTS_CONSOLE : 0);
    if (m->event == PORTS_OPEN)
        port->open = m->value != 0;
}

static void hear_all(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain c;
    while (virtq_take(q, &c)) {
        struct ports_message m;
        if (c.writable.bytes || virtq_stream_get(&c.readable, &m, sizeof m) != sizeof m) {
            virtio_fail(v, "fault-control-message", "a control message that is none");
            return;
        }
        hear(v, &m);
        virtq_done(q, c.position, 0);
    }
    virtio_serve(v, &v->queue[PORTS_CONTROL_RECEIVE]);
    for (uint32_t i = 0; i < ((struct ports *)v->owner)->count; i++)
        virtio_serve(v, &v->queue[receive_queue(i)]); // perhaps somebody reads now
}

// ---- bytes ----

// What of a request is out already.
static void skip_taken(struct virtq_stream *from, uint64_t taken)
{
    uint64_t piece;
    while (virtq_stream_span(from, taken, &piece))
        taken -= piece;
}

// As many as the stream may be ahead, then the rest behind a commit.
static void put_out(struct virtio *v, struct virtqueue *q, uint32_t port, struct virtq_stream *from)
{
    struct ports *p = v->owner;
    struct port_state *s = &p->state->port[port];
    uint64_t piece;
    skip_taken(from, s->taken);
    while (from->bytes) {
        uint64_t room = STREAM_AHEAD - (s->output - p->output[port].position);
        const uint8_t *at = virtq_stream_span(from, room, &piece);
        stream_write(&p->output[port], s->output, at, (uint32_t)piece);
        s->output += piece;
        s->taken += (uint32_t)piece;
        v->changes |= VIRTIO_CHANGED_DEVICE;
        if (s->output - p->output[port].position == STREAM_AHEAD)
            q->commit(q);
    }
}

static void transmit(struct virtio *v, struct virtqueue *q, uint32_t port)
{
    struct ports *p = v->owner;
    struct virtq_chain c;
    while (virtq_take(q, &c)) {
        if (c.writable.bytes || c.readable.bytes > PORTS_REQUEST_MAX) {
            virtio_fail(v, "fault-output-request",
                        "output that is to be written into, or of more than 1 MiB");
            return;
        }
        if (!c.give_up)
            put_out(v, q, port, &c.readable);
        p->state->port[port].taken = 0;
        v->changes |= VIRTIO_CHANGED_DEVICE;
        virtq_done(q, c.position, 0);
    }
}

static uint32_t typed(struct ports *p, uint32_t port)
{
    struct ring *r = &p->input[port];
    uint32_t filled;
    uint64_t ahead = p->state->port[port].input - r->position;
    return ring_filled(r, &filled) && filled > ahead ? filled - (uint32_t)ahead : 0;
}

static uint32_t await_typed(struct ports *p, uint32_t port)
{
    uint32_t count = typed(p, port);
    if (count)
        return count;
    (void)!ring_sleep_empty(&p->input[port]); // what is not published is in the ring too: look again oneself
    return typed(p, port);
}

// A port that nobody reads in the guest keeps what is typed for it: its driver would throw it away.
static void receive(struct virtio *v, struct virtqueue *q, uint32_t port)
{
    struct ports *p = v->owner;
    struct port_state *s = &p->state->port[port];
    struct virtq_chain c;
    if (is_multiport(v) && !s->open)
        return;
    for (uint32_t count; (count = await_typed(p, port)) && virtq_take(q, &c);) {
        uint64_t piece;
        uint32_t given = 0;
        if (c.readable.bytes || !c.writable.bytes) {
            virtio_fail(v, "fault-input-request", "a buffer for input that cannot be written");
            return;
        }
        for (uint8_t *at; (at = virtq_stream_span(&c.writable, count - given, &piece));
             given += (uint32_t)piece)
            ring_get(&p->input[port], s->input + given, at, (uint32_t)piece);
        s->input += given;
        v->changes |= VIRTIO_CHANGED_DEVICE;
        virtq_done(q, c.position, given);
    }
}

// ---- the virtio layer's callbacks ----

static void serve(struct virtio *v, struct virtqueue *q)
{
    if (q->number == PORTS_CONTROL_RECEIVE)
        tell_owed(v, q);
    else if (q->number == PORTS_CONTROL_TRANSMIT)
        hear_all(v, q);
    else if (q->number % 2)
        transmit(v, q, port_of(q->number));
    else
        receive(v, q, port_of(q->number));
}

// The guest begins anew; what was printed and typed goes on.
static void reset(struct virtio *v, struct virtqueue *q)
{
    struct ports *p = v->owner;
    for (uint32_t i = 0; i < p->count; i++) {
        struct port_state *s = &p->state->port[i];
        if (!q || (q->number % 2 && port_of(q->number) == i && q->number != PORTS_CONTROL_TRANSMIT))
            s->taken = 0;
        if (!q)
            s->owed = s->open = 0;
    }
    v->changes |= VIRTIO_CHANGED_DEVICE;
}

void ports_prepare(struct ports *p, struct virtio *v)
{
    p->config.ports = p->count;
    p->kind = (struct virtio_kind){.id = PORTS_ID,
                                   .class_code = CLASS_COMMUNICATION,
                                   .queues = (uint16_t)(PORTS_QUEUES + 2 * (p->count - 1)),
                                   .queue_size = QUEUE_SIZE,
                                   .features = PORTS_F_MULTIPORT,
                                   .config_bytes = sizeof p->config,
                                   .commits = true,
                                   .serve = serve,
                                   .reset = reset};
    v->kind = &p->kind;
    v->owner = p;
    v->config = &p->config;
}

// ---- the other ends ----

void ports_open(struct ports *p, uint32_t port, void *output, void *input)
{
    const struct port_state *s = &p->state->port[port];
    p->output[port] = stream_open(output, s->output);
    (void)!ring_open(&p->input[port], input, RING_PAGES(INPUT_RING_BYTES) * 4096, INPUT_RING_BYTES, 1,
                     s->input); // its pages are as many as it needs
    (void)!stream_publish(&p->output[port], s->output);
    (void)!ring_publish_consumed(&p->input[port], s->input);
    p->signals |= UINT32_C(1) << port; // the dead server may have owed it
}

void ports_stir(struct ports *p, struct virtio *v)
{
    for (uint32_t i = 0; i < p->count; i++)
        virtio_serve(v, &v->queue[receive_queue(i)]);
}

void ports_publish(struct ports *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const struct port_state *s = &p->state->port[i];
        if (p->output[i].position != s->output && stream_publish(&p->output[i], s->output))
            p->signals |= UINT32_C(1) << i;
        if (p->input[i].position != s->input && ring_publish_consumed(&p->input[i], s->input))
            p->signals |= UINT32_C(1) << i;
    }
}
