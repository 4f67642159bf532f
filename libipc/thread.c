// Threads: areas, start, end, sleep.
// SPDX-License-Identifier: MIT
#include "libipc/thread.h"

#include <string.h>

#include "libipc/runtime.h"
#include "libipc/time.h"

void thread_area_init(void)
{
    struct thread_area *a = thread_area();
    _REENT_INIT_PTR(&a->reent);
    a->bits = 0;
}

_Noreturn void thread_begin(void (*run)(void *), void *argument)
{
    thread_area_init();
    run(argument);
    thread_exit(0);
}

MUST_CHECK enum status thread_start(const struct thread_plan *plan)
{
    uint64_t *top = (uint64_t *)(((uintptr_t)plan->stack + plan->stack_bytes) & ~(uintptr_t)15);
    *--top = (uintptr_t)plan->argument;
    *--top = (uintptr_t)plan->run;
    enum status s =
        sys_create(OBJECT_THREAD, plan->slot, self_process(), self_process(),
                   CREATE_EXEC(plan->index, plan->priority, 0), (uintptr_t)thread_entry, (uintptr_t)top);
    return s == STATUS_OK ? sys_thread_ctl(plan->slot, THREAD_RESUME, 0) : s;
}

_Noreturn void thread_exit(uint64_t code)
{
    for (;;)
        (void)syscall_raw(SYS_THREAD_CTL, SLOT_NONE, THREAD_EXIT, code, 0, 0, 0);
}

MUST_CHECK enum status thread_bind(uint32_t thread, uint32_t notification)
{
    return sys_thread_ctl(thread, THREAD_BIND, notification);
}

void thread_sleep(uint64_t deadline)
{
    struct message m = {0};
    uint64_t badge;
    do {
        utcb()->deadline = deadline;
        if (sys_reply_wait(SLOT_NONE, WAIT_DEADLINE, SLOT_NONE, SLOT_NONE, &m, &badge) == STATUS_OK)
            thread_keep_bits(m.words[0]);
    } while (now() < deadline);
}

void thread_keep_bits(uint64_t bits)
{
    thread_area()->bits |= bits;
}

bool thread_has_bits(void)
{
    return thread_area()->bits;
}

uint64_t thread_take_bits(void)
{
    struct thread_area *a = thread_area();
    uint64_t bits = a->bits;
    a->bits = 0;
    return bits;
}
