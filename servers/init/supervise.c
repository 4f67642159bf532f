// Supervision: deaths, hangs, faults as a test, what servers tell.
// SPDX-License-Identifier: MIT
//
// One endpoint hears it all; its badge is the server's number + 1. A server that died after it had completed
// a request starts again at once; else after a pause that doubles, and after POLICY_DEATHS_MAX such deaths it
// has failed: what stands in for it starts, or its callers stay queued.
#include <stdio.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/time.h"
#include "servers/init/init.h"

static uint64_t next_look; // for hangs, TSC

static struct json_text name_of(uint32_t n)
{
    return init.m.server[n].name;
}

static bool thread_info(uint32_t n, uint32_t thread, struct info_thread *info)
{
    if (thread == SERVER_THREADS_MAX || sys_info_thread(server_slot(n, SERVER_PROCESS), thread) != STATUS_OK)
        return false;
    memcpy(info, utcb()->words, sizeof *info);
    return true;
}

struct info_thread server_info(uint32_t n)
{
    struct info_thread sum = {0}, one;
    for (uint32_t t = 0; thread_info(n, t, &one); t++) {
        sum.cpu_time += one.cpu_time;
        sum.waits += one.waits;
        sum.syscalls += one.syscalls;
        sum.messages += one.messages;
        if (!one.unanswered)
            continue;
        sum.unanswered += one.unanswered;
        sum.handled_badge = one.handled_badge;
        sum.handled_sequence = one.handled_sequence;
        sum.handled_deliveries = one.handled_deliveries;
    }
    return sum;
}

// The monitor of a vCPU, or the pager of memory.
bool server_is_needed(uint32_t n, uint32_t v)
{
    for (uint32_t i = 0; i < init.m.object_count; i++) {
        const struct manifest_object *o = &init.m.object[i];
        uint16_t on = o->type == MANIFEST_VCPU     ? o->vcpu.monitor
                      : o->type == MANIFEST_MEMORY ? o->memory.pager
                                                   : MANIFEST_NONE;
        if (o->payer == init.m.vm[v].quota && on != MANIFEST_NONE && server_receives(n, on))
            return true;
    }
    return false;
}

// What stands in for a device answers its guest as a bus does where nothing is. Where nothing stands in,
// callers wait.
static void fail(uint32_t n)
{
    struct server_run *run = &init.server[n];
    uint32_t deaths = run->barren;
    bool served = server_stand_in(n);
    log_error("%.*s has failed for good, after %u deaths in a row without a completed request; %s",
              (int)name_of(n).length, name_of(n).at, deaths,
              served ? "its callers get errors" : "its callers wait");
    event_send(EVENT_SERVER_FAILED, name_of(n), 0, "");
    run->death_told = false;
    run->state = served ? SERVER_BACKS_OFF : SERVER_FAILED;
    run->restart_at = now();
    for (uint32_t v = 0; v < init.m.vm_count; v++) {
        if (!vm_exists(v) || !server_is_needed(n, v))
            continue;
        vm_end(v, VM_END_ERROR, 0);
        vm_leave(v);
    }
}

static enum start_kind kind_of(uint32_t n)
{
    const struct server_run *run = &init.server[n];
    if (run->program == &init.m.server[n].failed)
        return START_FAILED;
    return run->ready ? START_RESTART : START_FRESH;
}

// Until its first state is adopted a server starts FRESH, whatever it did; from then on never again.
static void stop(uint32_t n)
{
    struct server_run *run = &init.server[n];
    struct info_thread info = server_info(n);
    run->ready = run->ready || info.waits;
    run->past.cpu_time += info.cpu_time;
    run->past.waits += info.waits;
    run->past.syscalls += info.syscalls;
    run->past.messages += info.messages;
    server_stop(n);
    run->ready = run->ready || server_has_state(n);
}

static void start_again(uint32_t n)
{
    struct server_run *run = &init.server[n];
    enum status s = server_start(n, kind_of(n));
    if (s == STATUS_OK) {
        if (run->death_told)
            event_send(EVENT_SERVER_RESTARTED, name_of(n), 0, "");
        run->death_told = false;
        return;
    }
    log_error("%.*s cannot be started: %s", (int)name_of(n).length, name_of(n).at, status_name(s));
    run->barren++;
    run->state = SERVER_BACKS_OFF;
    run->restart_at = deadline_in(policy_back_off_ns(run->barren));
    if (run->barren >= POLICY_DEATHS_MAX)
        fail(n);
}

// The process is there still; what it was doing was recorded.
static void bury(uint32_t n, bool progress)
{
    struct server_run *run = &init.server[n];
    stop(n);
    run->barren = progress ? 0 : run->barren + 1;
    if (run->barren >= POLICY_DEATHS_MAX) {
        fail(n);
    } else if (progress) {
        start_again(n);
    } else {
        run->state = SERVER_BACKS_OFF;
        run->restart_at = deadline_in(policy_back_off_ns(run->barren));
    }
}

static void die_of(uint32_t n, const char *why, const struct fault_message *fault)
{
    struct info_thread info = server_info(n);
    bool progress = policy_progress(&info);
    crash_log(n, why, fault, &info);
    event_send(EVENT_SERVER_DIED, name_of(n), 0, why);
    init.server[n].death_told = true;
    bury(n, progress);
}

void server_kill(uint32_t n, const char *why)
{
    die_of(n, why, NULL);
}

// Like any other death, but that there is nothing to find out.
static void inject(uint32_t i)
{
    uint32_t n = init.m.injection[i].server;
    if (init.server[n].state != SERVER_RUNS)
        return;
    struct info_thread info = server_info(n);
    bool progress = policy_progress(&info);
    log_debug("%.*s is killed, as the manifest says", (int)name_of(n).length, name_of(n).at);
    init.schedule[i].done++;
    if (init.m.injection[i].kind == INJECT_FAIL) {
        bury(n, false);
        return;
    }
    stop(n);
    init.server[n].barren = progress ? 0 : init.server[n].barren;
    start_again(n);
}

static void log_injections(uint32_t i)
{
    const struct schedule *s = &init.schedule[i];
    struct json_text name = name_of(init.m.injection[i].server);
    log_info("faults: %.*s was killed %llu times of %llu, and started %u times", (int)name.length, name.at,
             (unsigned long long)s->done, (unsigned long long)init.m.injection[i].count,
             init.server[init.m.injection[i].server].starts);
}

// The fault of a server that counts its requests; m.injection_count: none.
static uint32_t counting_fault(uint32_t n)
{
    uint32_t i = 0;
    while (i < init.m.injection_count && (init.m.injection[i].server != n || !init.m.injection[i].requests))
        i++;
    return i;
}

void server_count_requests(uint32_t n)
{
    uint32_t i = counting_fault(n);
    if (i == init.m.injection_count || !init.schedule[i].left ||
        init.server[n].program != &init.m.server[n].program)
        return;
    const struct info_thread fresh = {0};
    uint64_t calls = policy_calls_ahead(&fresh, init.m.injection[i].requests);
    (void)!sys_thread_ctl(server_slot(n, SERVER_THREAD), THREAD_STOP_AT, calls);
}

// It has stopped before a system call. True: it goes on.
static bool look_at_requests(uint32_t n)
{
    uint32_t i = counting_fault(n);
    struct info_thread info = server_info(n);
    uint64_t calls = policy_calls_ahead(&info, init.m.injection[i].requests);
    if (calls)
        return sys_thread_ctl(server_slot(n, SERVER_THREAD), THREAD_STOP_AT, calls) == STATUS_OK;
    init.schedule[i].left--;
    inject(i);
    if (!init.schedule[i].left)
        log_injections(i);
    return false;
}

// Who has stopped before a system call goes on; what else comes now is nobody's any more.
static void let_go(void)
{
    struct message m = {0};
    uint64_t badge;
    enum status s = sys_reply_wait(SLOT_OWN_ENDPOINT, WAIT_POLL, SLOT_OWN_REPLY, SLOT_OWN_REPLY, &m, &badge);
    if (s == STATUS_STALE) // there was nobody to answer
        s = sys_reply_wait(SLOT_OWN_ENDPOINT, WAIT_POLL, SLOT_NONE, SLOT_OWN_REPLY, &m, &badge);
    while (s == STATUS_OK && TAG_LABEL(m.tag) == LABEL_FAULT && m.words[0] == FAULT_SYSCALL_COUNT)
        s = sys_reply_wait(SLOT_OWN_ENDPOINT, WAIT_POLL, SLOT_OWN_REPLY, SLOT_OWN_REPLY, &m, &badge);
}

// The servers' last lines are still to be printed.
void faults_end(void)
{
    bool counting = false;
    for (uint32_t i = 0; i < init.m.injection_count; i++) {
        uint32_t n = init.m.injection[i].server;
        if (!init.schedule[i].left)
            continue;
        log_injections(i);
        init.schedule[i].left = 0;
        if (!init.m.injection[i].requests)
            continue;
        counting = true;
        if (init.server[n].state == SERVER_RUNS)
            (void)!sys_thread_ctl(server_slot(n, SERVER_THREAD), THREAD_STOP_AT, 0);
    }
    if (counting)
        let_go();
}

static const char *exception_name(uint64_t vector)
{
    static const char *const names[] = {"division by zero",
                                        "debug exception",
                                        "NMI",
                                        "breakpoint",
                                        "overflow",
                                        "bound",
                                        "invalid opcode",
                                        "no FPU",
                                        "double fault",
                                        "",
                                        "invalid TSS",
                                        "segment not present",
                                        "stack fault",
                                        "protection fault",
                                        "page fault",
                                        "",
                                        "FPU error",
                                        "misaligned access",
                                        "machine check",
                                        "vector instruction's error"};
    return vector < sizeof names / sizeof names[0] ? names[vector] : "exception";
}

static void on_death(uint32_t n, const struct message *m)
{
    enum { VECTOR_PAGE_FAULT = 14, ERROR_WRITE = 2, ERROR_FETCH = 16 };
    struct fault_message f = {m->words[0], m->words[1],      m->words[2],
                              m->words[3], utcb()->words[4], utcb()->words[5]};
    uint64_t vector = f.code & 0xff, error = f.code >> 32;
    char why[96];
    if (f.kind == FAULT_EXIT)
        snprintf(why, sizeof why, "it ended itself with code %llu", (unsigned long long)f.code);
    else if (f.kind != FAULT_EXCEPTION)
        snprintf(why, sizeof why, "stopped (fault %llu)", (unsigned long long)f.kind);
    else if (vector == VECTOR_PAGE_FAULT)
        snprintf(why, sizeof why, "page fault, %s at %llx",
                 error & ERROR_FETCH   ? "execution"
                 : error & ERROR_WRITE ? "write"
                                       : "read",
                 (unsigned long long)f.address);
    else
        snprintf(why, sizeof why, "%s, error code %llx", exception_name(vector), (unsigned long long)error);
    die_of(n, why, &f);
}

// Where it is does not come by a message. Of a thread that the server made itself nobody else can tell.
static void kill_hung(uint32_t n, uint32_t t, enum hang how)
{
    static const char *const what[] = {
        [HANG_CPU] = "computes and does not wait", [HANG_BLOCKED] = "is blocked on what nobody answers"};
    uint32_t thread = server_slot(n, SERVER_THREAD);
    struct fault_message f = {0};
    char why[64];
    if (t) {
        snprintf(why, sizeof why, "hung: its thread %u %s", t, what[how]);
        die_of(n, why, NULL);
        return;
    }
    if (sys_thread_ctl(thread, THREAD_SUSPEND, 0) == STATUS_OK &&
        sys_thread_ctl(thread, THREAD_READ, 0) == STATUS_OK) {
        const struct thread_regs *r = (const struct thread_regs *)(const void *)utcb()->words;
        f.rip = r->rip;
        f.rsp = r->gpr[GPR_RSP];
        f.rbp = r->gpr[GPR_RBP];
    }
    snprintf(why, sizeof why, "hung: it %s", what[how]);
    die_of(n, why, &f);
}

static bool serves(uint64_t endpoint, uint32_t except)
{
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (n != except && init.server[n].endpoint == endpoint)
            return true;
    return false;
}

// True: it was killed.
static bool thread_hangs(uint32_t n, uint32_t t, const struct info_thread *info)
{
    uint64_t limit = ticks_from_ns(init.m.cpu_us * NS_PER_US);
    enum hang h = policy_hang(&init.server[n].watch[t], info, limit, serves(info->blocked_on, n));
    if (h != HANG_NO)
        kill_hung(n, t, h);
    return h != HANG_NO;
}

static void look_for_hangs(void)
{
    struct info_thread info;
    for (uint32_t n = 0; n < init.m.server_count; n++)
        for (uint32_t t = 0; init.server[n].state == SERVER_RUNS && thread_info(n, t, &info); t++)
            if (thread_hangs(n, t, &info))
                break;
}

static void do_due(void)
{
    uint64_t t = now();
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (init.server[n].state == SERVER_BACKS_OFF && t >= init.server[n].restart_at)
            start_again(n);
    for (uint32_t i = 0; i < init.m.injection_count; i++) {
        if (!schedule_due(&init.schedule[i], t))
            continue;
        inject(i);
        if (!init.schedule[i].left)
            log_injections(i);
    }
    if (t >= next_look) {
        look_for_hangs();
        next_look = now() + ticks_from_ns(init.m.poll_us * NS_PER_US);
    }
}

static uint64_t next_due(void)
{
    uint64_t next = next_look;
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (init.server[n].state == SERVER_BACKS_OFF)
            next = earlier(next, init.server[n].restart_at);
    for (uint32_t i = 0; i < init.m.injection_count; i++)
        next = earlier(next, schedule_next(&init.schedule[i]));
    return next;
}

// False: there is nothing to answer, the sender is gone.
static bool take(uint32_t n, struct message *m)
{
    struct json_text name = name_of(n);
    uint32_t label = TAG_LABEL(m->tag), words = TAG_WORDS(m->tag);
    if (label == LABEL_FAULT) {
        if (m->words[0] == FAULT_SYSCALL_COUNT && counting_fault(n) < init.m.injection_count)
            return look_at_requests(n);
        on_death(n, m);
        return false;
    }
    if (label >= LABEL_INIT_STATUS && label < LABEL_INIT_END && n == init.m.control.server) {
        if (label == LABEL_INIT_COMMAND)
            command(m);
        else
            query(label, m);
        return true;
    }
    if (label == LABEL_INIT_RAM_EMPTY && words) {
        for (uint32_t v = 0; v < init.m.vm_count; v++)
            vm_leave(v);
        *m = MESSAGE(STATUS_OK, 0);
        return true;
    }
    if (label == LABEL_INIT_VM_OFF && words && init.m.server[n].vm != MANIFEST_NONE) {
        uint64_t status = words > VM_OFF_STATUS ? m->words[VM_OFF_STATUS] : 0;
        uint64_t reason = m->words[VM_OFF_REASON];
        enum vm_end end = reason && reason < VM_ENDS ? (enum vm_end)reason : VM_END_ERROR;
        vm_end(init.m.server[n].vm, end, (uint8_t)status);
        *m = MESSAGE(STATUS_OK, 0);
    } else {
        log_warning("%.*s says what is not understood (label %u)", (int)name.length, name.at, label);
        *m = MESSAGE(STATUS_UNSUPPORTED, 0);
    }
    return true;
}

// At once: what is due uses the UTCB, where the answer's words are.
static void answer(struct message *m)
{
    uint64_t badge;
    (void)!sys_reply_wait(SLOT_NONE, WAIT_POLL, SLOT_OWN_REPLY, SLOT_NONE, m, &badge); // STALE: it is gone
}

_Noreturn void supervise(void)
{
    struct message m = {0};
    uint64_t badge;
    next_look = now();
    for (;;) {
        utcb()->deadline = next_due();
        enum status s = sys_reply_wait(SLOT_OWN_ENDPOINT, init.ending ? WAIT_POLL : WAIT_DEADLINE, SLOT_NONE,
                                       SLOT_OWN_REPLY, &m, &badge);
        if (init.ending)
            vms_end();
        if (s == STATUS_OK && badge - 1 < init.m.server_count && take((uint32_t)badge - 1, &m))
            answer(&m);
        if (s != STATUS_OK && s != STATUS_TIMEOUT && s != STATUS_STALE)
            fatal("the supervisor cannot wait: %s", status_name(s));
        do_due();
    }
}
