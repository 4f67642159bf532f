// Locks.
// SPDX-License-Identifier: MIT
#include "libipc/lock.h"

#include "libipc/syscall.h"
#include "libipc/thread.h"
#include "libipc/time.h"

enum { SLEEP_NS_MIN = 5000, SLEEP_NS_MAX = 1000000 };

bool lock_try(struct lock *l)
{
    uint64_t self = utcb()->self, owner = 0;
    if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) != self &&
        !__atomic_compare_exchange_n(&l->owner, &owner, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    l->depth++;
    return true;
}

void lock_take(struct lock *l)
{
    for (uint64_t ns = SLEEP_NS_MIN; !lock_try(l); ns = earlier(2 * ns, SLEEP_NS_MAX))
        thread_sleep(deadline_in(ns));
}

void lock_drop(struct lock *l)
{
    if (--l->depth == 0)
        __atomic_store_n(&l->owner, 0, __ATOMIC_RELEASE);
}
