// The format of a state object, and what its two halves (opening, committing) share.
// SPDX-License-Identifier: MIT
//
// header | truth | slot 0 | slot 1 | working copy | image | redo log. One word decides, the truth: which slot
// is current and how much of the log is closed. What lies behind the tail or in the other slot may be half
// written and counts for nothing. An object's contents are hostile: a dying server may have written anything
// anywhere, so everything read is checked against the memory that there is.
#pragma once

#include "libipc/state.h"

#define STATE_MAGIC    UINT64_C(0x4b4c5542e5a7e0b1)
#define STATE_FORMAT   1u
#define STATE_SUM_SEED UINT64_C(0x3c79ac492ba7b653) // so that zeros have no zero sum

struct state_header {
    uint64_t magic;
    uint32_t format;
    uint32_t kind;
    uint32_t capacity;  // bytes of each copy of the state
    uint32_t log_words; // of the redo log
    uint64_t check;
};

// A checkpoint; its data follow at SLOT_HEAD. The sum covers all of this behind itself, then the data.
struct state_slot {
    uint64_t check;
    uint64_t seq; // of the last commit that is in it
    uint32_t version;
    uint32_t count;
    struct state_section sections[STATE_SECTIONS_MAX];
};

enum slot_word { SLOT_CHECK, SLOT_SEQ, SLOT_VERSION_COUNT, SLOT_SECTIONS };

#define TRUTH_AT  STATE_ALIGN
#define SLOTS_AT  (2 * STATE_ALIGN)
#define SLOT_HEAD ((sizeof(struct state_slot) + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN)

_Static_assert(sizeof(struct state_header) == 32, "the header is part of the format");
_Static_assert(sizeof(struct state_slot) == 24 + 8 * STATE_SECTIONS_MAX, "the slot is part of the format");

static inline uint64_t align_up(uint64_t bytes)
{
    return (bytes + STATE_ALIGN - 1) & ~(uint64_t)(STATE_ALIGN - 1);
}

static inline uint64_t sum_words(const void *from, size_t words, uint64_t sum)
{
    const state_word *word = from;
#pragma GCC unroll 4
    for (size_t i = 0; i < words; i++) {
        sum = state_sum(sum, word[i]);
    }
    return sum;
}

static inline void copy_words(void *to, const void *from, size_t words)
{
    state_word *out = to;
    const state_word *in = from;
    for (size_t i = 0; i < words; i++) {
        STATE_STORE(out + i, in[i]);
    }
}

static inline state_word *slot_at(const struct state *s, uint32_t index)
{
    return (state_word *)(void *)(s->object + SLOTS_AT + index * (SLOT_HEAD + s->capacity));
}

static inline uint8_t *slot_data(const struct state *s, uint32_t index)
{
    return (uint8_t *)slot_at(s, index) + SLOT_HEAD;
}

// Keeps the first damage found: it is the cause, what follows may be its effect.
static inline void note(struct state *s, enum state_damage damage)
{
    if (s->damage == DAMAGE_NONE) {
        s->damage = damage;
    }
}

static inline uint64_t slot_sum(const state_word *slot, uint32_t bytes)
{
    uint64_t sum = sum_words(slot + SLOT_SEQ, sizeof(struct state_slot) / 8 - SLOT_SEQ, STATE_SUM_SEED);
    return sum_words((const uint8_t *)slot + SLOT_HEAD, bytes / 8, sum);
}

static inline void spoil_slot(struct state *s, uint32_t index)
{
    STATE_STORE(slot_at(s, index) + SLOT_VERSION_COUNT, 0); // no sections: never good
}

// Makes the working copy the image and lets commits begin.
void state_take_image(struct state *s);

void state_write_header(struct state *s);
