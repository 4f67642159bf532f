// Structures as words of a message: the first ones travel in registers, the others in the UTCB.
// SPDX-License-Identifier: MIT
//
// Nothing may come between message_put() and the call, nor between the call and message_get(): any system
// call may change the UTCB.
#pragma once

#include <string.h>

#include "libipc/syscall.h"

#define WORDS(bytes) (((bytes) + 7) / 8)

// From word `at` on; the words before it stay.
static inline void message_put(struct message *m, uint32_t at, const void *from, size_t bytes)
{
    uint64_t *words = utcb()->words;
    memcpy(words, m->words, sizeof m->words);
    if (bytes % 8)
        words[at + bytes / 8] = 0;
    memcpy(words + at, from, bytes);
    memcpy(m->words, words, sizeof m->words);
}

static inline void message_get(const struct message *m, uint32_t at, void *to, size_t bytes)
{
    uint64_t *words = utcb()->words;
    memcpy(words, m->words, sizeof m->words);
    memcpy(to, words + at, bytes);
}
