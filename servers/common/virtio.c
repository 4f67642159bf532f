// A virtio device over PCI: its life between the guest, the bus and the device.
// SPDX-License-Identifier: MIT
#include "servers/common/virtio.h"

#include <string.h>

#include "libipc/log.h"
#include "servers/common/virtio_internal.h"

static struct virtqueue *queue_of(struct virtio *v, uint32_t i)
{
    return &v->queue[i];
}

// Is it running, and may it reach the guest's memory?
static bool is_live(const struct virtio *v)
{
    const uint8_t status = v->state->status;
    return status & VIRTIO_DRIVER_OK && !(status & VIRTIO_NEEDS_RESET) &&
           __atomic_load_n(&v->page->control, __ATOMIC_ACQUIRE) & BUS_CONTROL_MASTER;
}

void virtio_count(struct virtio *v, const char *name)
{
    ++*stats_counter(v->stats, name);
}

// ---- interrupts ----

static bool has_vectors(const struct virtio *v)
{
    return __atomic_load_n(&v->page->control, __ATOMIC_ACQUIRE) & BUS_CONTROL_MSIX;
}

// In the guest's terms: a vector, or a cause in the ISR.
static void raise(struct virtio *v, uint16_t vector, enum virtio_isr cause)
{
    if (!has_vectors(v))
        v->state->isr = (uint8_t)(v->state->isr | cause);
    else if (vector < virtio_vectors(v))
        v->raise |= UINT64_C(1) << vector;
    ++*v->interrupts;
}

static bool publish_line(struct virtio *v)
{
    uint32_t level = v->state->isr && !has_vectors(v);
    if (v->page->line.level == level)
        return false;
    __atomic_store_n(&v->page->line.level, level, __ATOMIC_RELEASE);
    __atomic_store_n(&v->page->line.changes, v->page->line.changes + 1, __ATOMIC_RELEASE);
    return true;
}

static void think_of(struct virtio *v, struct virtqueue *q)
{
    if (q->running && virtq_wants_interrupt(q))
        raise(v, q->state->vector, VIRTIO_ISR_QUEUE);
}

void virtio_remind(struct virtio *v)
{
    for (; v->owed; v->owed &= v->owed - 1)
        think_of(v, queue_of(v, (uint32_t)__builtin_ctz(v->owed)));
}

bool virtio_publish(struct virtio *v)
{
    for (; v->touched; v->touched &= v->touched - 1) {
        struct virtqueue *q = queue_of(v, (uint32_t)__builtin_ctz(v->touched));
        if (!q->running)
            continue;
        virtq_publish(q);
        if (q->lazy && (uint16_t)(q->published - q->raised) < q->size / 2)
            v->owed |= UINT32_C(1) << q->number;
        else
            think_of(v, q);
    }
    uint64_t vectors = v->raise;
    bool owed = v->owes || vectors;
    v->raise = 0;
    v->owes = false;
    if (vectors)
        __atomic_fetch_or(&v->page->line.pending, vectors, __ATOMIC_RELEASE);
    return publish_line(v) || owed;
}

void virtio_config_changed(struct virtio *v)
{
    v->state->generation++;
    v->changes |= VIRTIO_CHANGED_STATE;
    if (v->state->status & VIRTIO_DRIVER_OK)
        raise(v, v->state->config_vector, VIRTIO_ISR_CONFIG);
}

// ---- queues ----

static void stop(struct virtio *v, struct virtqueue *q)
{
    virtq_stop(q);
    if (v->kind->reset)
        v->kind->reset(v, q);
}

static void need_reset(struct virtio *v, const char *counter)
{
    virtio_count(v, counter);
    v->state->status |= VIRTIO_NEEDS_RESET;
    for (uint32_t i = 0; i < v->kind->queues; i++)
        stop(v, queue_of(v, i));
    virtio_config_changed(v); // [VIRTIO] 2.1.2
}

void virtio_fail(struct virtio *v, const char *counter, const char *what)
{
    if (v->state->status & VIRTIO_NEEDS_RESET)
        return;
    if (log_is_told(++v->faults))
        log_warning("the guest's driver is at fault: %s", what);
    need_reset(v, counter);
}

static void fail_queue(struct virtio *v, const struct virtqueue *q)
{
    if (v->state->status & VIRTIO_NEEDS_RESET)
        return;
    if (log_is_told(++v->faults))
        log_warning("the guest's driver is at fault: queue %u: %s", q->number, virtq_fault_texts[q->fault]);
    need_reset(v, virtq_fault_names[q->fault]);
}

static void start(struct virtio *v, struct virtqueue *q)
{
    q->event_index = v->features & VIRTIO_F_EVENT_IDX;
    q->indirect = v->features & VIRTIO_F_INDIRECT;
    v->changes |= VIRTIO_CHANGED_QUEUES;
    if (!virtq_start(q))
        fail_queue(v, q);
}

// Queues run while the driver is ready and the bus lets the device reach memory.
void virtio_settle(struct virtio *v)
{
    for (uint32_t i = 0; i < v->kind->queues; i++) {
        struct virtqueue *q = queue_of(v, i);
        bool runs = is_live(v) && q->state->enabled;
        if (runs && !q->running)
            start(v, q);
        else if (!runs && q->running)
            stop(v, q);
    }
}

void virtio_serve(struct virtio *v, struct virtqueue *q)
{
    if (!q->running)
        return;
    v->kind->serve(v, q);
    v->touched |= UINT32_C(1) << q->number;
    if (v->kind->commits)
        v->changes |= VIRTIO_CHANGED_QUEUES;
    if (q->fault)
        fail_queue(v, q);
}

void virtio_serve_all(struct virtio *v)
{
    for (uint32_t i = 0; i < v->kind->queues; i++)
        virtio_serve(v, queue_of(v, i));
}

void virtio_bits(struct virtio *v, uint64_t doorbells, bool bus)
{
    virtio_look(v);
    doorbells &= (UINT64_C(1) << v->kind->queues) - 1;
    *v->notified += (uint64_t)__builtin_popcountll(doorbells);
    if (bus) {
        virtio_settle(v);
        virtio_serve_all(v);
        return;
    }
    for (; doorbells; doorbells &= doorbells - 1)
        virtio_serve(v, queue_of(v, (uint32_t)__builtin_ctzll(doorbells)));
}

// ---- beginnings ----

static void init_queue(struct virtio *v, uint32_t i)
{
    v->queue_state[i] = (struct virtq_state){.size = v->kind->queue_size, .vector = VIRTIO_NO_VECTOR};
}

void virtio_init_state(struct virtio *v)
{
    *v->state = (struct virtio_state){
        .resets = v->state->resets, .config_vector = VIRTIO_NO_VECTOR, .generation = v->state->generation};
    for (uint32_t i = 0; i < v->kind->queues; i++)
        init_queue(v, i);
}

void virtio_reset_queue(struct virtio *v, uint32_t i)
{
    stop(v, queue_of(v, i));
    init_queue(v, i);
    v->changes |= VIRTIO_CHANGED_QUEUES;
}

void virtio_reset(struct virtio *v)
{
    for (uint32_t i = 0; i < v->kind->queues; i++)
        stop(v, queue_of(v, i));
    virtio_init_state(v);
    v->features = 0;
    v->raise = 0;
    v->touched = v->owed = 0;
    if (v->kind->reset)
        v->kind->reset(v, NULL);
    v->changes |= VIRTIO_CHANGED_STATE | VIRTIO_CHANGED_QUEUES;
}

void virtio_look(struct virtio *v)
{
    uint32_t resets = __atomic_load_n(&v->page->resets, __ATOMIC_ACQUIRE);
    if (resets == v->state->resets)
        return;
    virtio_reset(v);
    v->state->resets = resets;
}

// Every interrupt once: a dead incarnation may have owed it.
static void raise_all(struct virtio *v)
{
    raise(v, v->state->config_vector, VIRTIO_ISR_CONFIG);
    for (uint32_t i = 0; i < v->kind->queues; i++)
        if (v->queue_state[i].enabled)
            raise(v, v->queue_state[i].vector, VIRTIO_ISR_QUEUE);
}

void virtio_open(struct virtio *v)
{
    for (uint16_t i = 0; i < v->kind->queues; i++) {
        struct virtqueue *q = queue_of(v, i);
        q->state = &v->queue_state[i];
        q->number = i;
        q->memory = &v->memory;
        q->most = v->kind->queue_size;
        q->commits = v->kind->commits;
    }
    v->interrupts = stats_counter(v->stats, "interrupts");
    v->notified = stats_counter(v->stats, "doorbells");
    v->features = v->state->status & VIRTIO_FEATURES_OK ? v->state->driver_features : 0;
    v->owes = true;
    virtio_look(v);
    if (v->state->status & VIRTIO_DRIVER_OK) {
        if (v->kind->start)
            v->kind->start(v);
        raise_all(v);
    }
    virtio_settle(v);
    virtio_serve_all(v);
}
