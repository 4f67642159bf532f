// Zeroes pages ahead, on a thread of the lowest priority: it runs when no guest and no server wants the CPU.
// SPDX-License-Identifier: MIT
//
// The thread is sent back to its beginning, by its registers, whenever its job changes. So a job ends at any
// instruction, and from then on nothing more is stored: the pages may go. It tells how far it is after each
// page, and waits when it is done.
#include "servers/memory/fill.h"

#include "libipc/proto/layout.h"
#include "libipc/syscall.h"
#include "servers/memory/pages.h"

enum { SLOT_FILLER = SLOT_OWN, SLOT_WAKE, UTCB_INDEX = 1, PRIORITY_IDLE = 0, STACK_BYTES = 1024 };

// The first thread's, but `zeroed` while a job goes on.
static struct {
    struct place place;
    uint64_t pages, zeroed;
} job;

static _Alignas(16) uint8_t stack[STACK_BYTES];

static uint64_t zeroed(void)
{
    return __atomic_load_n(&job.zeroed, __ATOMIC_ACQUIRE);
}

static void fill(void)
{
    for (uint64_t n; (n = zeroed()) < job.pages;) {
        place_zero((struct place){job.place.pool, job.place.page + n}, 1);
        __atomic_store_n(&job.zeroed, n + 1, __ATOMIC_RELEASE);
    }
    (void)!sys_signal(MEMORY_SLOT_FILLED);
}

static _Noreturn void work(void)
{
    struct message bits = {0};
    uint64_t badge;
    for (;;) {
        if (zeroed() < job.pages)
            fill();
        (void)!sys_reply_wait(SLOT_NONE, 0, SLOT_NONE, SLOT_NONE, &bits, &badge);
    }
}

#define STACK_TOP ((uintptr_t)stack + STACK_BYTES - sizeof(uint64_t))

MUST_CHECK enum status fill_init(void)
{
    enum status s = sys_create(OBJECT_NOTIFICATION, SLOT_WAKE, SLOT_PROCESS, 0, 0, 0, 0);
    if (s == STATUS_OK)
        s = sys_create(OBJECT_THREAD, SLOT_FILLER, SLOT_PROCESS, SLOT_PROCESS,
                       CREATE_EXEC(UTCB_INDEX, PRIORITY_IDLE, 0), (uintptr_t)work, STACK_TOP);
    return s == STATUS_OK ? sys_thread_ctl(SLOT_FILLER, THREAD_BIND, SLOT_WAKE) : s;
}

// Of a thread that waits the registers cannot be set, and need not.
static void set_job(struct place place, uint64_t pages)
{
    struct thread_regs *r = (struct thread_regs *)(void *)utcb()->words;
    (void)!sys_thread_ctl(SLOT_FILLER, THREAD_SUSPEND, 0);
    *r = (struct thread_regs){.rip = (uintptr_t)work, .gpr[GPR_RSP] = STACK_TOP};
    (void)!sys_thread_ctl(SLOT_FILLER, THREAD_WRITE, 0);
    job.place = place;
    job.pages = pages;
    job.zeroed = 0;
    (void)!sys_thread_ctl(SLOT_FILLER, THREAD_RESUME, 0);
}

void fill_begin(struct place place, uint64_t pages)
{
    set_job(place, pages);
    (void)!sys_signal(SLOT_WAKE);
}

bool fill_done(void)
{
    return zeroed() == job.pages;
}

uint64_t fill_end(void)
{
    struct place nowhere = {0, 0};
    (void)!sys_thread_ctl(SLOT_FILLER, THREAD_SUSPEND, 0);
    uint64_t pages = zeroed();
    set_job(nowhere, 0);
    return pages;
}
