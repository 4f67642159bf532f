// Tables of names: what lies in a server's numbered windows and slots belongs to whom.
// SPDX-License-Identifier: MIT
//
// Only the supervisor writes one: at the start from the manifest, and whenever an entry comes or goes while
// the machine runs. It maps and grants what an entry stands for first, then writes the text, then `use`,
// which is different each time that an entry is used anew; before it takes anything away it sets `use` to 0.
#pragma once

#include <stdint.h>

#define NAME_BYTES 32u // with the NUL

struct name_entry {
    uint64_t use; // 0: nothing is there
    char text[NAME_BYTES];
};

static inline uint64_t name_use(const struct name_entry *n)
{
    return __atomic_load_n(&n->use, __ATOMIC_ACQUIRE);
}
