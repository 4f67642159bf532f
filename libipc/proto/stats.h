// Counters that a server keeps for whoever asks: one page, owned by the supervisor.
// SPDX-License-Identifier: MIT
//
// The server alone writes it, and it outlives the server. A counter only grows; what was done twice because
// of a restart is counted twice. An entry with a name never moves.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { STATS_NAME = 24, STATS_MAX = 127 };

struct stats_page {
    uint32_t count; // of entries: stored last
    uint32_t reserved[7];
    struct stats_entry {
        char name[STATS_NAME]; // NUL-terminated
        uint64_t value;
    } entry[STATS_MAX];
};
_Static_assert(sizeof(struct stats_page) == 4096, "one page");

// The counter of that name, made if it is not there; the last one stands for all that find no room.
static inline uint64_t *stats_counter(struct stats_page *page, const char *name)
{
    uint32_t count = page->count < STATS_MAX ? page->count : STATS_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (strncmp(page->entry[i].name, name, STATS_NAME) == 0)
            return &page->entry[i].value;
    if (count == STATS_MAX)
        return &page->entry[STATS_MAX - 1].value;
    for (size_t i = 0; i < STATS_NAME - 1 && name[i]; i++)
        page->entry[count].name[i] = name[i];
    __atomic_store_n(&page->count, count + 1, __ATOMIC_RELEASE);
    return &page->entry[count].value;
}
