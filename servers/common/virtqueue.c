// A split virtqueue, the device's side: [VIRTIO] 2.7.
// SPDX-License-Identifier: MIT
#include "servers/common/virtqueue.h"

#include "servers/common/virtio_format.h"

const char *const virtq_fault_texts[VIRTQ_FAULTS] = {
    [VIRTQ_GOOD] = "nothing is wrong",
    [VIRTQ_SIZE] = "its size is no power of two, or too large",
    [VIRTQ_RING_ALIGNMENT] = "a ring is not aligned",
    [VIRTQ_RING_MEMORY] = "a ring does not lie in memory",
    [VIRTQ_AVAILABLE_INDEX] = "more requests are available than it has places",
    [VIRTQ_USED_INDEX] = "the used index is not the device's",
    [VIRTQ_HEAD] = "a request begins beyond the descriptor table",
    [VIRTQ_NEXT] = "a descriptor links beyond its table",
    [VIRTQ_LOOP] = "a chain has no end",
    [VIRTQ_LONG] = "a chain has too many descriptors",
    [VIRTQ_FLAGS] = "a descriptor has unknown flags",
    [VIRTQ_BUFFER_MEMORY] = "a buffer does not lie in memory",
    [VIRTQ_BUFFER_BYTES] = "a request has 4 GiB or more",
    [VIRTQ_ORDER] = "a readable buffer is behind a writable one",
    [VIRTQ_INDIRECT_REFUSED] = "an indirect table without the feature",
    [VIRTQ_INDIRECT_NESTED] = "an indirect table in another",
    [VIRTQ_INDIRECT_NEXT] = "an indirect table with a link",
    [VIRTQ_INDIRECT_BYTES] = "an indirect table of no whole number of descriptors",
    [VIRTQ_INDIRECT_MEMORY] = "an indirect table does not lie in memory",
};

const char *const virtq_fault_names[VIRTQ_FAULTS] = {
    [VIRTQ_GOOD] = "fault-none",
    [VIRTQ_SIZE] = "fault-size",
    [VIRTQ_RING_ALIGNMENT] = "fault-ring-alignment",
    [VIRTQ_RING_MEMORY] = "fault-ring-memory",
    [VIRTQ_AVAILABLE_INDEX] = "fault-available-index",
    [VIRTQ_USED_INDEX] = "fault-used-index",
    [VIRTQ_HEAD] = "fault-head",
    [VIRTQ_NEXT] = "fault-next",
    [VIRTQ_LOOP] = "fault-loop",
    [VIRTQ_LONG] = "fault-long",
    [VIRTQ_FLAGS] = "fault-flags",
    [VIRTQ_BUFFER_MEMORY] = "fault-buffer-memory",
    [VIRTQ_BUFFER_BYTES] = "fault-buffer-bytes",
    [VIRTQ_ORDER] = "fault-order",
    [VIRTQ_INDIRECT_REFUSED] = "fault-indirect-refused",
    [VIRTQ_INDIRECT_NESTED] = "fault-indirect-nested",
    [VIRTQ_INDIRECT_NEXT] = "fault-indirect-next",
    [VIRTQ_INDIRECT_BYTES] = "fault-indirect-bytes",
    [VIRTQ_INDIRECT_MEMORY] = "fault-indirect-memory",
};

// ---- the guest's memory: each load and store happens once, where it is written ----

#ifndef VIRTQ_STORED // tests cut a server off behind each store
#define VIRTQ_STORED() ((void)0)
#endif

typedef volatile uint64_t __attribute__((aligned(1), may_alias)) guest_word;
typedef uint16_t __attribute__((may_alias)) guest_index;
typedef volatile struct virtq_used guest_used;

static uint16_t load_index(const uint8_t *at)
{
    return __atomic_load_n((const guest_index *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void store_index(uint8_t *at, uint16_t value)
{
    __atomic_store_n((guest_index *)(void *)at, value, __ATOMIC_RELEASE);
    VIRTQ_STORED();
}

// The copy is what is looked at. Indirect tables need not be aligned.
static struct virtq_descriptor load_descriptor(const uint8_t *at)
{
    const guest_word *from = (const guest_word *)(const void *)at;
    uint64_t address = from[0], rest = from[1];
    return (struct virtq_descriptor){address, (uint32_t)rest, (uint16_t)(rest >> 32), (uint16_t)(rest >> 48)};
}

static bool blame(struct virtqueue *q, enum virtq_fault fault)
{
    q->fault = (uint8_t)fault;
    q->running = false;
    return false;
}

static uint16_t slot(const struct virtqueue *q, uint16_t position)
{
    return position & (uint16_t)(q->size - 1);
}

// The index of the other side's ring by which one says when one wants to be told.
static uint8_t *used_event(const struct virtqueue *q)
{
    return (uint8_t *)(uintptr_t)q->driver + VIRTQ_RING_ENTRIES + 2 * (size_t)q->size;
}

static uint8_t *available_event(const struct virtqueue *q)
{
    return q->device + VIRTQ_RING_ENTRIES + sizeof(struct virtq_used) * q->size;
}

// ---- start ----

static enum virtq_fault find_rings(struct virtqueue *q)
{
    const struct virtq_state *s = q->state;
    uint64_t n = s->size;
    if (!n || n & (n - 1) || n > q->most)
        return VIRTQ_SIZE;
    if (s->descriptors % 16 || s->driver % 2 || s->device % 4)
        return VIRTQ_RING_ALIGNMENT;
    // each ring with the index behind it, whether it is used or not
    q->descriptors = guest_at(q->memory, s->descriptors, n * sizeof(struct virtq_descriptor));
    q->driver = guest_at(q->memory, s->driver, VIRTQ_RING_ENTRIES + 2 * n + 2);
    q->device = guest_at(q->memory, s->device, VIRTQ_RING_ENTRIES + sizeof(struct virtq_used) * n + 2);
    return q->descriptors && q->driver && q->device ? VIRTQ_GOOD : VIRTQ_RING_MEMORY;
}

bool virtq_start(struct virtqueue *q)
{
    struct virtq_state *s = q->state;
    q->fault = VIRTQ_GOOD;
    q->running = true;
    q->busy = false;
    enum virtq_fault fault = find_rings(q);
    if (fault != VIRTQ_GOOD)
        return blame(q, fault);
    q->size = s->size;
    if (!s->started)
        s->done = 0;
    uint16_t available = load_index(q->driver + VIRTQ_RING_INDEX);
    q->done = q->commits || !s->started ? s->done : load_index(q->device + VIRTQ_RING_INDEX);
    q->next = q->published = q->raised = q->done;
    if ((uint16_t)(available - q->done) > q->size)
        return blame(q, s->started && !q->commits ? VIRTQ_USED_INDEX : VIRTQ_AVAILABLE_INDEX);
    q->careful = s->started && available != q->done;
    q->trouble = available;
    s->started = true;
    store_index(q->device + VIRTQ_RING_FLAGS, 0);
    store_index(q->device + VIRTQ_RING_INDEX, q->done);
    store_index(available_event(q), q->done);
    return true;
}

// ---- taking ----

static void suppress_doorbells(struct virtqueue *q)
{
    if (q->busy)
        return;
    q->busy = true;
    if (!q->event_index) // else it is enough that the index is not moved on: 2.7.10
        store_index(q->device + VIRTQ_RING_FLAGS, 1);
}

// True: a request came in meanwhile.
static bool welcome_doorbells(struct virtqueue *q)
{
    q->busy = false;
    if (q->event_index)
        store_index(available_event(q), q->next);
    else
        store_index(q->device + VIRTQ_RING_FLAGS, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return load_index(q->driver + VIRTQ_RING_INDEX) != q->next;
}

static bool add_segment(struct virtqueue *q, struct virtq_chain *c, const struct virtq_descriptor *d)
{
    bool writable = d->flags & VIRTQ_FLAG_WRITE;
    if (!writable && c->writable.segments)
        return blame(q, VIRTQ_ORDER);
    if (!d->bytes)
        return true;
    uint8_t *at = guest_at(q->memory, d->address, d->bytes);
    if (!at)
        return blame(q, VIRTQ_BUFFER_MEMORY);
    struct virtq_stream *s = writable ? &c->writable : &c->readable;
    if (!s->segments)
        s->next = &c->segment[c->readable.segments];
    s->next[s->segments++] = (struct virtq_segment){at, d->bytes};
    s->bytes += d->bytes;
    return c->readable.bytes + c->writable.bytes <= UINT32_MAX || blame(q, VIRTQ_BUFFER_BYTES);
}

struct table {
    const uint8_t *at;
    uint32_t count;
};

static bool find_indirect(struct virtqueue *q, const struct virtq_descriptor *d, struct table *t)
{
    if (!q->indirect)
        return blame(q, VIRTQ_INDIRECT_REFUSED);
    if (d->flags & VIRTQ_FLAG_NEXT)
        return blame(q, VIRTQ_INDIRECT_NEXT);
    if (!d->bytes || d->bytes % sizeof(struct virtq_descriptor))
        return blame(q, VIRTQ_INDIRECT_BYTES);
    t->count = d->bytes / (uint32_t)sizeof(struct virtq_descriptor);
    if (t->count > VIRTQ_CHAIN_MAX)
        return blame(q, VIRTQ_LONG);
    t->at = guest_at(q->memory, d->address, d->bytes);
    return t->at || blame(q, VIRTQ_INDIRECT_MEMORY);
}

// Follows a chain through its table. *indirect: the table that it ends with, if it does.
static bool walk(struct virtqueue *q, struct virtq_chain *c, const struct table *t, uint16_t index,
                 struct table *indirect)
{
    static const uint16_t known = VIRTQ_FLAG_NEXT | VIRTQ_FLAG_WRITE | VIRTQ_FLAG_INDIRECT;
    for (uint32_t steps = 1;; steps++) {
        struct virtq_descriptor d = load_descriptor(t->at + sizeof d * index);
        if (d.flags & ~known)
            return blame(q, VIRTQ_FLAGS);
        if (d.flags & VIRTQ_FLAG_INDIRECT)
            return indirect ? find_indirect(q, &d, indirect) : blame(q, VIRTQ_INDIRECT_NESTED);
        if (c->readable.segments + c->writable.segments == VIRTQ_CHAIN_MAX)
            return blame(q, VIRTQ_LONG);
        if (!add_segment(q, c, &d))
            return false;
        if (!(d.flags & VIRTQ_FLAG_NEXT))
            return true;
        if (d.next >= t->count)
            return blame(q, VIRTQ_NEXT);
        if (steps == t->count)
            return blame(q, VIRTQ_LOOP);
        index = d.next;
    }
}

static bool read_chain(struct virtqueue *q, struct virtq_chain *c, uint16_t head)
{
    const struct table own = {q->descriptors, q->size};
    struct table indirect = {0};
    c->readable = c->writable = (struct virtq_stream){0};
    return walk(q, c, &own, head, &indirect) && (!indirect.at || walk(q, c, &indirect, 0, NULL));
}

static bool is_available(struct virtqueue *q)
{
    uint16_t available = load_index(q->driver + VIRTQ_RING_INDEX);
    if (available == q->next) {
        if (q->quiet || !welcome_doorbells(q))
            return false;
        available = load_index(q->driver + VIRTQ_RING_INDEX);
    }
    uint16_t waiting = (uint16_t)(available - q->done); // with what is in flight: an index never goes back
    return (waiting <= q->size && waiting > virtq_in_flight(q)) || blame(q, VIRTQ_AVAILABLE_INDEX);
}

// Counts the incarnations that took this request first of all and did not live to complete it, before it can
// do harm again.
static bool is_poison(struct virtqueue *q)
{
    struct virtq_state *s = q->state;
    s->attempts = s->first == q->next ? s->attempts + 1 : 1;
    s->first = q->next;
    if (s->attempts > VIRTQ_ATTEMPTS)
        return true;
    q->commit(q);
    return false;
}

bool virtq_take(struct virtqueue *q, struct virtq_chain *c)
{
    if (!q->running || (q->careful && virtq_in_flight(q)) || !is_available(q))
        return false;
    uint16_t head = load_index(q->driver + VIRTQ_RING_ENTRIES + 2 * (size_t)slot(q, q->next));
    if (head >= q->size)
        return blame(q, VIRTQ_HEAD);
    suppress_doorbells(q);
    c->give_up = q->careful && is_poison(q);
    if (!read_chain(q, c, head))
        return false;
    c->position = q->next++;
    q->flight[slot(q, c->position)] = (struct virtq_flight){.head = head};
    return true;
}

// ---- completing ----

void virtq_done(struct virtqueue *q, uint16_t position, uint32_t written)
{
    struct virtq_flight *f = &q->flight[slot(q, position)];
    f->done = true;
    f->written = written;
    while (q->done != q->next && (f = &q->flight[slot(q, q->done)])->done) {
        guest_used *to = (guest_used *)(void *)(q->device + VIRTQ_RING_ENTRIES) + slot(q, q->done);
        to->head = f->head;
        to->written = f->written;
        VIRTQ_STORED();
        q->done++;
    }
    if (q->commits)
        q->state->done = q->done;
    else
        virtq_publish(q);
    q->careful = q->careful && q->done != q->trouble;
}

void virtq_return(struct virtqueue *q, uint16_t position)
{
    q->next = position;
    if ((uint16_t)(q->done - q->published) > (uint16_t)(position - q->published))
        q->done = q->state->done = position;
    if (q->careful && q->state->first == position && q->state->attempts)
        q->state->attempts--; // nobody died of it
}

void virtq_handed_on(struct virtqueue *q, uint16_t position)
{
    if (!q->careful || q->state->first != position)
        return;
    q->state->attempts = 0;
    q->commit(q);
}

void virtq_publish(struct virtqueue *q)
{
    if (q->published == q->done)
        return;
    q->published = q->done;
    store_index(q->device + VIRTQ_RING_INDEX, q->done);
}

static bool is_wanted(const struct virtqueue *q)
{
    if (!q->event_index)
        return !(load_index(q->driver + VIRTQ_RING_FLAGS) & 1);
    return (uint16_t)(q->published - load_index(used_event(q)) - 1) <
           (uint16_t)(q->published - q->raised); // 2.7.7.2
}

bool virtq_wants_interrupt(struct virtqueue *q)
{
    if (q->raised == q->published)
        return false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    bool wanted = is_wanted(q);
    q->raised = q->published;
    return wanted;
}

bool virtq_is_seen(struct virtqueue *q)
{
    if (q->raised != q->published && is_wanted(q))
        return false;
    q->raised = q->published;
    return true;
}
