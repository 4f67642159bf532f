// When a server starts again, when it hangs, when it is to be killed as a test.
// SPDX-License-Identifier: MIT
#include "servers/init/policy.h"

#define BACK_OFF_FIRST_NS UINT64_C(10000000)

bool policy_progress(const struct info_thread *last)
{
    if (last->messages)
        return last->messages > last->unanswered;
    return last->waits > 1;
}

// The first wait completes nothing, each further one what came by the one before.
uint64_t policy_calls_ahead(const struct info_thread *now, uint64_t requests)
{
    if (now->waits <= requests)
        return requests + 1 - now->waits + 1;
    return policy_progress(now) ? 0 : 2;
}

uint64_t policy_back_off_ns(uint32_t barren)
{
    return barren ? BACK_OFF_FIRST_NS << (barren - 1) : 0;
}

// Who waits does what it should; who faulted comes as a death; who is stopped stopped itself.
enum hang policy_hang(struct watch *w, const struct info_thread *now, uint64_t cpu_limit, bool peer)
{
    bool calls = now->state == THREAD_CALLS || now->state == THREAD_PAGING;
    bool blocked = (calls && !peer) || now->state == THREAD_STOPPED;
    bool same = w->suspect && blocked && w->syscalls == now->syscalls;
    w->suspect = blocked;
    w->syscalls = now->syscalls;
    if (now->state == THREAD_READY && now->cpu_time_since_wait > cpu_limit)
        return HANG_CPU;
    return same ? HANG_BLOCKED : HANG_NO;
}

void schedule_start(struct schedule *s, uint64_t start, uint64_t every, uint64_t count)
{
    *s = (struct schedule){.next = start + every, .every = every, .left = count};
}

void schedule_requests(struct schedule *s, uint64_t count)
{
    *s = (struct schedule){.next = UINT64_MAX, .left = count};
}

bool schedule_due(struct schedule *s, uint64_t now)
{
    if (!s->left || now < s->next)
        return false;
    s->left--;
    s->next += s->every;
    return true;
}

uint64_t schedule_next(const struct schedule *s)
{
    return s->left ? s->next : UINT64_MAX;
}
