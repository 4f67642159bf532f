// Notifications: a word of sticky bits.
// SPDX-License-Identifier: MIT
#include "kernel/endpoint.h"
#include "kernel/sched.h"
#include "libipc/abi/syscall.h"

void notification_signal(struct notification *n, uint64_t bits, bool lazy)
{
    n->bits |= bits;
    struct thread *t = (struct thread *)ref_get(n->thread);
    if (!t || ref_get(t->notification) != &n->object)
        return;
    if (t->exec.state != EXEC_WAITS) {
        t->signalled = true;
        return;
    }
    t->frame.rdi = 0;
    t->frame.rsi = TAG(LABEL_BITS, 1);
    t->frame.rdx = n->bits;
    n->bits = 0;
    thread_end_wait(t, STATUS_OK);
    sched_ready(&t->exec, false, lazy);
}

uint64_t sys_signal(uint64_t slot)
{
    struct object *o;
    struct capability *cap;
    enum status s = cap_get(current_thread()->process, slot, OBJECT_NOTIFICATION, RIGHT_SEND, &o, &cap);
    if (s == STATUS_OK)
        notification_signal((struct notification *)o, cap->badge, false);
    return s;
}
