// Rings in shared memory: one producer, one consumer, bytes or records of one size
// SPDX-License-Identifier: MIT
//
// Both ends include this header, and neither trusts the other. Positions run freely in 64 bits; an end keeps
// its own in private memory, reads the other's once and takes it only if no more than the capacity lies
// between them. Whatever is taken out is a copy that may hold anything.
//
// A crash loses nothing and doubles nothing if an end commits its position together with the cause: the
// producer puts elements behind its position (nobody sees them yet), commits the new position together with
// where they came from, then publishes it; the consumer copies elements out, commits what became of them
// together with the new position, then publishes it. Publishing stores an absolute position, so a new
// incarnation repeats it with the committed one and signals once. An end without state opens at the position
// in the shared memory, and where none can be, at the other end's.
//
// Sleeping: an end says that it sleeps, then looks once more, then waits. The other publishes, then looks
// whether somebody sleeps, takes the flag back and signals. A full fence on both sides between the store and
// the look means that one of the two sees the other; the flag falls before the signal, so whoever sets it
// again in between is woken by it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "libipc/abi/status.h"

#define RING_CAPACITY_MAX (1u << 30)

// At the start of the shared memory, the elements behind it. Each line has one writer of its position.
struct ring_shared {
    uint64_t produced;
    uint32_t consumer_sleeps; // until something is produced
    uint8_t pad1[52];
    uint64_t consumed;
    uint32_t producer_sleeps; // until there is room
    uint8_t pad2[52];
};

_Static_assert(sizeof(struct ring_shared) == 128,
               "the ring's head is two cache lines, shared between programs");

// One end of a ring: private memory.
struct ring {
    struct ring_shared *shared;
    uint8_t *elements;
    uint32_t capacity; // in elements, a power of two
    uint32_t element;  // bytes of one
    uint64_t position; // of this end, as published last
};

// Bytes of memory that such a ring takes; 0 if there is no such ring.
static inline size_t ring_bytes(uint32_t capacity, uint32_t element)
{
    if (capacity == 0 || capacity > RING_CAPACITY_MAX || (capacity & (capacity - 1)) || element == 0) {
        return 0;
    }
    return sizeof(struct ring_shared) + (size_t)capacity * element;
}

// Opens an end at its committed position; to be published before anything else. False: the memory is too
// small.
MUST_CHECK static inline bool ring_open(struct ring *r, void *memory, size_t bytes, uint32_t capacity,
                                        uint32_t element, uint64_t position)
{
    if (ring_bytes(capacity, element) == 0 || ring_bytes(capacity, element) > bytes) {
        return false;
    }
    r->shared = memory;
    r->elements = (uint8_t *)memory + sizeof(struct ring_shared);
    r->capacity = capacity;
    r->element = element;
    r->position = position;
    return true;
}

static inline uint64_t ring_last_produced(const void *memory)
{
    return __atomic_load_n(&((const struct ring_shared *)memory)->produced, __ATOMIC_RELAXED);
}

static inline uint64_t ring_last_consumed(const void *memory)
{
    return __atomic_load_n(&((const struct ring_shared *)memory)->consumed, __ATOMIC_RELAXED);
}

// For an end that keeps no state: where it stood. A position that the other end's rules out was written by
// nobody in his right mind; to go on at the other's costs what lay between, to keep it would stop the ring.
static inline uint64_t ring_resume_producing(const void *memory, uint32_t capacity)
{
    uint64_t produced = ring_last_produced(memory), consumed = ring_last_consumed(memory);

    return produced - consumed <= capacity ? produced : consumed;
}

static inline uint64_t ring_resume_consuming(const void *memory, uint32_t capacity)
{
    uint64_t produced = ring_last_produced(memory), consumed = ring_last_consumed(memory);

    return produced - consumed <= capacity ? consumed : produced;
}

// The consumer: how many elements there are. False: the producer is faulty, nothing it says is to be trusted.
MUST_CHECK static inline bool ring_filled(const struct ring *r, uint32_t *count)
{
    uint64_t used = __atomic_load_n(&r->shared->produced, __ATOMIC_ACQUIRE) - r->position;

    *count = used <= r->capacity ? (uint32_t)used : 0;
    return used <= r->capacity;
}

// The producer: how many elements there is room for. False: the consumer is faulty.
MUST_CHECK static inline bool ring_room(const struct ring *r, uint32_t *room)
{
    uint64_t used = r->position - __atomic_load_n(&r->shared->consumed, __ATOMIC_ACQUIRE);

    *room = used <= r->capacity ? r->capacity - (uint32_t)used : 0;
    return used <= r->capacity;
}

// How many of `count` elements from `position` on lie in one piece, and where.
static inline uint32_t ring_piece(const struct ring *r, uint64_t position, uint32_t count, uint8_t **at)
{
    uint32_t place = (uint32_t)position & (r->capacity - 1);

    *at = r->elements + (size_t)place * r->element;
    return count < r->capacity - place ? count : r->capacity - place;
}

// Puts elements where position..position+count says; there is room for them. The producer's.
static inline void ring_put(struct ring *r, uint64_t position, const void *from, uint32_t count)
{
    uint8_t *at;
    uint32_t first = ring_piece(r, position, count, &at);

    memcpy(at, from, (size_t)first * r->element);
    if (first < count) {
        memcpy(r->elements, (const uint8_t *)from + (size_t)first * r->element,
               (size_t)(count - first) * r->element);
    }
}

// Copies elements out; they are there. The consumer's.
static inline void ring_get(const struct ring *r, uint64_t position, void *to, uint32_t count)
{
    uint8_t *at;
    uint32_t first = ring_piece(r, position, count, &at);

    memcpy(to, at, (size_t)first * r->element);
    if (first < count) {
        memcpy((uint8_t *)to + (size_t)first * r->element, r->elements, (size_t)(count - first) * r->element);
    }
}

static inline bool ring_wakes(uint32_t *sleeps)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!__atomic_load_n(sleeps, __ATOMIC_RELAXED)) {
        return false;
    }
    __atomic_store_n(sleeps, 0, __ATOMIC_RELAXED);
    return true;
}

// Makes elements up to the position visible, or gives the room up to it back. True: signal the other end.
MUST_CHECK static inline bool ring_publish_produced(struct ring *r, uint64_t position)
{
    r->position = position;
    __atomic_store_n(&r->shared->produced, position, __ATOMIC_RELEASE);
    return ring_wakes(&r->shared->consumer_sleeps);
}

MUST_CHECK static inline bool ring_publish_consumed(struct ring *r, uint64_t position)
{
    r->position = position;
    __atomic_store_n(&r->shared->consumed, position, __ATOMIC_RELEASE);
    return ring_wakes(&r->shared->producer_sleeps);
}

// Says that this end sleeps from now on, until there is anything, or room for `count` elements. False: don't,
// it is there already (or the peer is faulty, as ring_filled and ring_room will tell).
MUST_CHECK static inline bool ring_sleep_empty(struct ring *r)
{
    uint32_t count;

    __atomic_store_n(&r->shared->consumer_sleeps, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return ring_filled(r, &count) && count == 0;
}

MUST_CHECK static inline bool ring_sleep_full(struct ring *r, uint32_t needed)
{
    uint32_t room;

    __atomic_store_n(&r->shared->producer_sleeps, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return ring_room(r, &room) && room < needed;
}
