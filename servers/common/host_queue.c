// A split virtqueue, the driver's side.
// SPDX-License-Identifier: MIT
#include "servers/common/host_queue.h"

#include <string.h>

enum { PAGE = 4096, NO_NOTICE = 1, NO_INTERRUPT = 1, NO_FLAGS = 0 };

static uint16_t *word_of(const struct dma_page *p, uint32_t byte)
{
    return (uint16_t *)(void *)((char *)p->at + byte);
}

void host_queue_init(struct host_queue *q, uint16_t number, uint16_t size)
{
    memset(q->descriptors.at, 0, PAGE);
    memset(q->available.at, 0, PAGE);
    memset(q->used.at, 0, PAGE);
    q->number = number;
    q->size = q->room = size;
    q->free = q->added = q->seen = 0;
    for (uint16_t i = 0; i < size; i++) {
        q->own[i].next = (uint16_t)(i + 1);
        q->own[i].tag = HOST_QUEUE_NOBODY;
    }
}

// The device's copy of a descriptor: written, never read.
static void describe(struct host_queue *q, uint16_t at, const struct host_piece *piece, bool last)
{
    struct virtq_descriptor *d = (struct virtq_descriptor *)q->descriptors.at + at;
    d->address = piece->address;
    d->bytes = piece->bytes;
    d->flags =
        (uint16_t)((piece->writable ? VIRTQ_FLAG_WRITE : NO_FLAGS) | (last ? NO_FLAGS : VIRTQ_FLAG_NEXT));
    d->next = last ? 0 : q->own[at].next;
}

bool host_queue_add(struct host_queue *q, uint8_t tag, const struct host_piece *pieces, uint32_t count)
{
    uint16_t head = q->free, at = head;
    uint32_t writable = 0;
    if (!count || count > q->room)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        describe(q, at, &pieces[i], i + 1 == count);
        writable += pieces[i].writable ? pieces[i].bytes : 0;
        q->free = q->own[at].next;
        at = q->free;
    }
    q->room = (uint16_t)(q->room - count);
    q->own[head].tag = tag;
    q->own[head].length = (uint8_t)count;
    q->own[head].writable = writable;
    *word_of(&q->available, VIRTQ_RING_ENTRIES + 2u * (q->added % q->size)) = head;
    __atomic_store_n(word_of(&q->available, VIRTQ_RING_INDEX), ++q->added, __ATOMIC_RELEASE);
    return true;
}

// The index first, then the device's wish [VIRTIO] 2.7.13.4.1.
bool host_queue_wants_notice(const struct host_queue *q)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !(__atomic_load_n(word_of(&q->used, VIRTQ_RING_FLAGS), __ATOMIC_RELAXED) & NO_NOTICE);
}

void host_queue_interrupts(struct host_queue *q, bool wanted)
{
    __atomic_store_n(word_of(&q->available, VIRTQ_RING_FLAGS), wanted ? NO_FLAGS : NO_INTERRUPT,
                     __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // then the last look
}

bool host_queue_has_used(const struct host_queue *q)
{
    return __atomic_load_n(word_of(&q->used, VIRTQ_RING_INDEX), __ATOMIC_ACQUIRE) != q->seen;
}

// The chain goes in front of those that are free.
static void release(struct host_queue *q, uint16_t head)
{
    uint16_t last = head;
    for (uint32_t i = 1; i < q->own[head].length; i++)
        last = q->own[last].next;
    q->own[last].next = q->free;
    q->free = head;
    q->room = (uint16_t)(q->room + q->own[head].length);
    q->own[head].tag = HOST_QUEUE_NOBODY;
}

// The device may write while this reads: each word is read once.
enum host_queue_result host_queue_take(struct host_queue *q, uint8_t *tag, uint32_t *written)
{
    uint16_t index = __atomic_load_n(word_of(&q->used, VIRTQ_RING_INDEX), __ATOMIC_ACQUIRE);
    if (index == q->seen)
        return HOST_QUEUE_EMPTY;
    if ((uint16_t)(index - q->seen) > q->size - q->room)
        return HOST_QUEUE_LIE;
    const struct virtq_used *entry =
        (const struct virtq_used *)(void *)word_of(&q->used, VIRTQ_RING_ENTRIES) + q->seen % q->size;
    uint32_t head = __atomic_load_n(&entry->head, __ATOMIC_RELAXED);
    *written = __atomic_load_n(&entry->written, __ATOMIC_RELAXED);
    if (head >= q->size || q->own[head].tag == HOST_QUEUE_NOBODY || *written > q->own[head].writable)
        return HOST_QUEUE_LIE;
    *tag = q->own[head].tag;
    q->seen++;
    release(q, (uint16_t)head);
    return HOST_QUEUE_ENTRY;
}
