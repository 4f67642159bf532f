// Cuts a writer off after any of its stores, and loses stores that nothing ordered.
// SPDX-License-Identifier: MIT
//
// Include this before libipc/state.h and the library's sources themselves. Between two closing stores the
// compiler may order the others as it likes: at a cut, any of those since the last closing store may not have
// happened.
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { CUTOFF_JOURNAL = 1 << 14 };

static struct {
    jmp_buf out;
    bool armed;
    bool closed;     // the store before the cut was a closing one
    uint64_t count;  // stores so far
    uint64_t limit;  // cut right behind this one
    uint64_t random; // which of the unordered stores are lost; 0: none
    size_t journal_length;
    struct {
        uint8_t *at;
        uint64_t old;
        size_t bytes;
    } journal[CUTOFF_JOURNAL];
} cutoff;

static uint64_t cutoff_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void cutoff_lose(void)
{
    for (size_t i = cutoff.journal_length; i-- > 0;) {
        if (cutoff_random(&cutoff.random) & 1) {
            memcpy(cutoff.journal[i].at, &cutoff.journal[i].old, cutoff.journal[i].bytes);
        }
    }
}

static void cutoff_store(void *at, uint64_t word, size_t bytes, bool closes)
{
    cutoff.closed = closes;
    if (closes) {
        cutoff.journal_length = 0;
    } else if (cutoff.armed && cutoff.journal_length < CUTOFF_JOURNAL) {
        cutoff.journal[cutoff.journal_length].at = at;
        cutoff.journal[cutoff.journal_length].bytes = bytes;
        memcpy(&cutoff.journal[cutoff.journal_length++].old, at, bytes);
    }
    memcpy(at, &word, bytes);
    if (++cutoff.count == cutoff.limit && cutoff.armed) {
        if (cutoff.random) {
            cutoff_lose();
        }
        cutoff.armed = false;
        longjmp(cutoff.out, 1);
    }
}

static inline void cutoff_copy(void *to, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        cutoff_store((uint8_t *)to + i, ((const uint8_t *)from)[i], 1, false);
    }
}

static inline void cutoff_arm(uint64_t limit, uint64_t random)
{
    cutoff.armed = true;
    cutoff.count = 0;
    cutoff.limit = limit;
    cutoff.random = random;
    cutoff.journal_length = 0;
}

#define STATE_STORE(at, word)       cutoff_store((at), (word), 8, false)
#define STATE_CLOSE(at, word)       cutoff_store((at), (word), 8, true)
#define STATE_COPY(to, from, bytes) cutoff_copy((to), (from), (bytes))
