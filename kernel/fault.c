// Page faults: of threads, and of guests on nested pages.
// SPDX-License-Identifier: MIT
//
// A missing page is a message to the memory object's pager that has no reply: whoever faulted tries again
// when the slot was filled, and faults anew if that did not help.
#include "kernel/endpoint.h"
#include "kernel/lib/print.h"
#include "kernel/platform/x86.h"
#include "kernel/sched.h"
#include "kernel/trap.h"
#include "kernel/vm.h"

enum { PF_WRITE = 2, PF_FETCH = 16 };

enum fault_verdict exec_fault(struct exec *e, const struct aspace *a, uint64_t address, uint32_t rights)
{
    const struct mapping *map = aspace_find(a, address);
    uint64_t page;
    enum fault_verdict verdict = map ? memory_fault(map, address, rights, &page) : FAULT_VIOLATION;
    if (verdict != FAULT_PAGER)
        return verdict;
    e->call.tag = TAG(LABEL_PAGE_FAULT, PAGE_FAULT_WORDS);
    e->call.words[PAGE_FAULT_PAGE] = page;
    e->call.words[PAGE_FAULT_RIGHTS] = rights;
    list_append(&map->memory->waiters, &e->fault);
    bool started = call_start(e, &map->memory->pager, CALL_PAGE_FAULT);
    kassert(started); // memory_fault() looked
    return verdict;
}

void memory_wake(struct memory *m, uint64_t page, uint64_t pages)
{
    struct node *next;
    for (struct node *n = m->waiters.next; n != &m->waiters; n = next) {
        struct exec *e = CONTAINER(n, struct exec, fault);
        uint64_t missing = e->call.words[PAGE_FAULT_PAGE];
        next = n->next;
        if (missing < page || missing - page >= pages || !(m->object.dying || memory_slot(m, missing)))
            continue;
        list_remove(&e->fault);
        call_cancel(&e->call);
        sched_ready(e, false);
    }
}

void fault_page(struct thread *t, uint64_t address, uint64_t error)
{
    struct aspace *a = &t->process->aspace;
    uint32_t rights =
        RIGHT_READ | ((error & PF_WRITE) ? RIGHT_WRITE : 0) | ((error & PF_FETCH) ? RIGHT_EXECUTE : 0);
    enum fault_verdict verdict = exec_fault(&t->exec, a, address, rights);
    if (verdict == FAULT_RETRY)
        aspace_flush(a, address, 1);
    else if (verdict == FAULT_VIOLATION)
        thread_fault(t, FAULT_EXCEPTION, VECTOR_PAGE_FAULT | error << 32, address);
}
