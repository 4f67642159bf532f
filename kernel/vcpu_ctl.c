// vCPU control: kick, cancel, resume, export, import.
// SPDX-License-Identifier: MIT
#include "kernel/endpoint.h"
#include "kernel/fpu.h"
#include "kernel/lib/string.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"

static enum status kick(const struct request *r)
{
    struct vcpu *v = r->object[0];
    v->kicked = true;
    vcpu_unpark(v);
    return STATUS_OK;
}

static enum status cancel(const struct request *r)
{
    struct vcpu *v = r->object[0];
    v->cancelled |= v->exec.call.state != CALL_NONE;
    call_cancel(&v->exec.call);
    list_remove(&v->exec.fault);
    exec_stop(&v->exec);
    return STATUS_OK;
}

// What was taken back is sent again, under its number, so that who has answered it finds that in its books:
// an exit to the monitor, an access along its route. A halt goes on.
static enum status resume(const struct request *r)
{
    struct vcpu *v = r->object[0];
    if (!v->exec.suspended)
        return STATUS_BUSY;
    struct call *c = &v->exec.call;
    uint32_t deliveries = c->deliveries + 1;
    bool again = v->cancelled && (v->action == PENDING_EXIT || v->action == PENDING_ACCESS);
    c->sequence -= again;
    v->exec.suspended = v->cancelled = false;
    if (v->action == PENDING_EXIT) {
        v->exits_by_kind[v->exit.kind]--;
        vcpu_exit_to_monitor(v, v->exit.kind);
    } else if (v->action == PENDING_HALT && !v->kicked && !v->deadline_passed) {
        v->exec.state = EXEC_WAITS;
    } else if (v->action != PENDING_ACCESS || vcpu_send_access(v)) {
        v->action = PENDING_NOTHING;
        sched_ready(&v->exec, false);
    }
    if (again)
        c->deliveries = deliveries;
    if (again && c->state == CALL_RECEIVED)
        c->receiver->utcb->deliveries = deliveries;
    return STATUS_OK;
}

static void fill_image(struct vcpu *v, struct vcpu_image *i)
{
    *i = (struct vcpu_image){.version = VCPU_IMAGE_VERSION,
                             .size = (uint32_t)(sizeof *i + fpu_bytes()),
                             .exit = v->exit,
                             .access = v->access,
                             .sequence = v->exec.call.sequence,
                             .deliveries = v->exec.call.deliveries,
                             .deadline = timer_runs(&v->exec.timer) ? v->exec.timer.deadline : 0,
                             .offer = v->offer,
                             .pending = v->action,
                             .kicked = v->kicked,
                             .deadline_passed = v->deadline_passed,
                             .access_by_monitor = v->access_by_monitor,
                             .cancelled = v->cancelled};
    memcpy(i->state.gpr, v->gpr, sizeof v->gpr);
    i->state.xcr0 = v->exec.xcr0;
    virt->read(v, GROUP_ALL, &i->state);
}

// It is judged as the answer of a monitor is, and what no such answer brings besides.
static bool image_ok(const struct vcpu_image *i)
{
    struct vcpu_access direct = {.address = i->exit.address, .size = (uint8_t)EXIT_INFO_SIZE(i->exit.info)};
    const struct vcpu_access *access = i->access_by_monitor ? &i->access : &direct;
    return i->version == VCPU_IMAGE_VERSION && i->size == sizeof *i + fpu_bytes() &&
           i->exit.kind < EXIT_KINDS && i->pending <= PENDING_HALT && !(i->offer & ~OFFER_BITS) &&
           (i->pending != PENDING_ACCESS || vcpu_access_ok(access)) && fpu_xcr0_ok(i->state.xcr0) &&
           virt_check_state(GROUP_ALL, &i->state) == STATUS_OK;
}

static void take_image(struct vcpu *v, const struct vcpu_image *i)
{
    memcpy(v->gpr, i->state.gpr, sizeof v->gpr);
    v->exec.xcr0 = i->state.xcr0;
    virt->write(v, GROUP_ALL & ~GROUP_EVENT, &i->state);
    virt->inject(v, i->state.event);
    virt->offer(v, i->offer);
    v->exit = i->exit;
    v->access = i->access;
    v->exec.call.sequence = i->sequence;
    v->exec.call.deliveries = i->deliveries;
    vcpu_set_deadline(v, i->deadline);
    v->action = i->pending;
    v->kicked = i->kicked;
    v->deadline_passed = i->deadline_passed;
    v->access_by_monitor = i->access_by_monitor;
    v->cancelled = i->cancelled;
}

// Its registers are its own until it runs: it is stopped, or its monitor has an exit to answer.
static bool at_rest(const struct vcpu *v)
{
    return v->exec.suspended || v->action == PENDING_EXIT;
}

// The image first, then the XSAVE area; as many bytes from `first` as fit in the message words.
static enum status export_image(const struct request *r)
{
    static struct vcpu_image image; // under the kernel lock; too large for the stack of a small kernel
    struct vcpu *v = r->object[0];
    uint64_t first = r->a[2];
    if (!at_rest(v))
        return STATUS_BUSY;
    size_t bytes = sizeof image + fpu_bytes(), room = MESSAGE_WORDS_MAX * sizeof(uint64_t);
    if (first >= bytes)
        return STATUS_BAD_ARG;
    fill_image(v, &image);
    unsigned char *to = (unsigned char *)current_thread()->utcb->words;
    for (size_t i = 0; i < room && first + i < bytes; i++) {
        size_t at = first + i;
        to[i] = at < sizeof image ? ((unsigned char *)&image)[at]
                                  : ((unsigned char *)v->exec.fpu)[at - sizeof image];
    }
    return STATUS_OK;
}

static enum status import_whole(struct vcpu *v)
{
    struct vcpu_image image; // a copy: nobody changes it between check and use
    memcpy(&image, current_thread()->utcb->words, sizeof image);
    if (!v->exec.suspended)
        return STATUS_BUSY;
    if (!image_ok(&image))
        return STATUS_BAD_ARG;
    take_image(v, &image);
    return STATUS_OK;
}

// The image alone, of a stopped vCPU; or bytes of the XSAVE area but its header, whose reserved bits XRSTOR
// would fault on [SDM] 1 13.4, as on those of MXCSR, which are dropped.
static enum status import_image(const struct request *r)
{
    struct vcpu *v = r->object[0];
    char *area = v->exec.fpu;
    const uint64_t ranges[][2] = {{0, 28}, {32, 416}, {576, fpu_bytes()}};
    uint64_t first = (uint32_t)r->a[2] - sizeof(struct vcpu_image), bytes = r->a[2] >> 32;
    if (!(uint32_t)r->a[2] && bytes == sizeof(struct vcpu_image))
        return import_whole(v);
    if (!at_rest(v))
        return STATUS_BUSY;
    for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (first < ranges[i][0] || first >= ranges[i][1] || bytes > ranges[i][1] - first)
            continue;
        if (bytes > MESSAGE_WORDS_MAX * sizeof(uint64_t))
            return STATUS_BAD_ARG;
        memcpy(area + first, current_thread()->utcb->words, bytes);
        memset(area + FPU_MXCSR + 2, 0, 2);
        memcpy(area + FPU_COMPONENTS, &fpu_mask, sizeof fpu_mask);
        return STATUS_OK;
    }
    return STATUS_BAD_ARG;
}

uint32_t sys_vcpu_ctl(struct request *r)
{
    static const struct operation operations[VCPU_OPS] = {
        [VCPU_KICK] = {kick, 0},
        [VCPU_CANCEL] = {cancel, 0},
        [VCPU_RESUME] = {resume, 0},
        [VCPU_EXPORT] = {export_image, 0},
        [VCPU_IMPORT] = {import_image, 0},
        [VCPU_SET_ACCOUNT] = {exec_ctl_account, NEED(ACCOUNT, RIGHT_CONTROL)},
    };
    return control(r, OBJECT_VCPU, operations, VCPU_OPS);
}
