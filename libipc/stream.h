// Streams in shared memory: one producer that never waits, readers that look at what is kept
// SPDX-License-Identifier: MIT
//
// A ring whose producer overwrites what is oldest. So nobody who reads slowly, or not at all, holds it up;
// and what was produced last, STREAM_KEPT bytes of it, can be read again by whoever maps the memory. The
// position of a reader is its own business; the head's `consumed` only tells what the one who shows the
// stream is done with.
//
// A crash loses nothing and doubles nothing by the rule of rings (libipc/ring.h): a producer puts bytes
// behind its position, commits, publishes. It puts at most STREAM_AHEAD of them before it publishes, and the
// memory has room for these beyond what is kept: a reader that finds, after it copied, that no more than
// STREAM_KEPT bytes lie between its position and the producer's has copied what was produced there.
#pragma once

#include "libipc/ring.h"

#define STREAM_KEPT     0x10000u
#define STREAM_PAGES    17u
#define STREAM_CAPACITY (STREAM_PAGES * 4096u - (uint32_t)sizeof(struct ring_shared))
#define STREAM_AHEAD    (STREAM_CAPACITY - STREAM_KEPT)

// As `consumed` of a stream that is not shown: whatever is produced, nobody is behind.
#define STREAM_NOT_SHOWN (UINT64_C(1) << 62)

// One end of a stream: private memory.
struct stream {
    struct ring_shared *shared;
    uint64_t position; // of the producer: as published last; of a reader: of the next byte that it wants
};

static inline struct stream stream_open(void *memory, uint64_t position)
{
    return (struct stream){memory, position};
}

// How many of `count` bytes from `position` on lie in one piece, and where.
static inline uint32_t stream_piece(const struct stream *s, uint64_t position, uint32_t count, uint8_t **at)
{
    uint32_t place = (uint32_t)(position % STREAM_CAPACITY);

    *at = (uint8_t *)(s->shared + 1) + place;
    return count < STREAM_CAPACITY - place ? count : STREAM_CAPACITY - place;
}

// Puts bytes where position says, at most STREAM_AHEAD beyond what is published. The producer's.
static inline void stream_write(struct stream *s, uint64_t position, const void *from, uint32_t count)
{
    uint8_t *at;
    uint32_t first = stream_piece(s, position, count, &at);

    memcpy(at, from, first);
    if (first < count) {
        memcpy(s->shared + 1, (const uint8_t *)from + first, count - first);
    }
}

// Makes bytes up to the position visible. True: signal who shows the stream.
MUST_CHECK static inline bool stream_publish(struct stream *s, uint64_t position)
{
    s->position = position;
    __atomic_store_n(&s->shared->produced, position, __ATOMIC_RELEASE);
    return ring_wakes(&s->shared->consumer_sleeps);
}

static inline uint64_t stream_produced(const struct stream *s)
{
    return __atomic_load_n(&s->shared->produced, __ATOMIC_ACQUIRE);
}

// What a reader has before it, also of what it is too late for. A producer that went back to before the
// reader's position has begun anew, or lies: then it is all that it says.
static inline uint64_t stream_waiting(const struct stream *s)
{
    uint64_t produced = stream_produced(s);

    return produced >= s->position ? produced - s->position : produced;
}

// Moves a reader that is too late to the oldest byte that is kept; returns how many it missed.
static inline uint64_t stream_catch_up(struct stream *s)
{
    uint64_t produced = stream_produced(s), from = s->position <= produced ? s->position : 0;

    s->position = produced - from > STREAM_KEPT ? produced - STREAM_KEPT : from;
    return s->position - from;
}

// Copies what there is behind a reader's position, which stays where it is. Fewer than asked for: there is no
// more. False: the producer was faster, nothing that was copied is to be used; catch up and try again.
MUST_CHECK static inline bool stream_read(const struct stream *s, void *to, uint32_t *count)
{
    uint64_t waiting = stream_produced(s) - s->position;
    uint8_t *at;

    if (waiting > STREAM_KEPT) {
        return false;
    }
    *count = *count < waiting ? *count : (uint32_t)waiting;
    uint32_t first = stream_piece(s, s->position, *count, &at);
    memcpy(to, at, first);
    if (first < *count) {
        memcpy((uint8_t *)to + first, s->shared + 1, *count - first);
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return stream_produced(s) - s->position <= STREAM_KEPT;
}

// Who shows the stream says that it sleeps until something is produced. False: don't, there is something.
MUST_CHECK static inline bool stream_sleep(struct stream *s)
{
    __atomic_store_n(&s->shared->consumer_sleeps, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return stream_waiting(s) == 0;
}

// Who shows the stream tells the world how far it is.
static inline void stream_tell(struct stream *s, uint64_t position)
{
    __atomic_store_n(&s->shared->consumed, position, __ATOMIC_RELEASE);
}
