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
    call_cancel(&v->exec.call);
    list_remove(&v->exec.fault);
    exec_stop(&v->exec);
    return STATUS_OK;
}

// What was taken back is sent again: an exit to the monitor, an access along its route; a halt goes on.
static enum status resume(const struct request *r)
{
    struct vcpu *v = r->object[0];
    if (!v->exec.suspended)
        return STATUS_BUSY;
    v->exec.suspended = false;
    if (v->action == PENDING_EXIT) {
        v->exits_by_kind[v->exit.kind]--;
        vcpu_exit_to_monitor(v, v->exit.kind);
    } else if (v->action == PENDING_HALT && !v->kicked && !v->deadline_passed) {
        v->exec.state = EXEC_WAITS;
    } else if (v->action != PENDING_ACCESS || vcpu_send_access(v)) {
        v->action = PENDING_NOTHING;
        sched_ready(&v->exec, false, false);
    }
    return STATUS_OK;
}

static void fill_image(struct vcpu *v, struct vcpu_image *i)
{
    *i = (struct vcpu_image){.version = VCPU_IMAGE_VERSION,
                             .size = (uint32_t)(sizeof *i + fpu_bytes()),
                             .exit_words = {v->exit.address, v->exit.value, v->exit.info, v->exit.raw},
                             .access = v->access,
                             .sequence = v->exec.call.sequence,
                             .deadline = v->exec.timer.deadline,
                             .offer = v->offer,
                             .exit_kind = v->exit.kind,
                             .pending = v->action};
    memcpy(i->access_words, v->exec.call.words, sizeof i->access_words);
    memcpy(i->state.gpr, v->gpr, sizeof v->gpr);
    i->state.xcr0 = v->exec.xcr0;
    virt->read(v, GROUP_ALL, &i->state);
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

// What XRSTOR takes whatever is in it: all of the XSAVE area but MXCSR and the header [SDM] 1 13.4.
static enum status import_image(const struct request *r)
{
    struct vcpu *v = r->object[0];
    const uint64_t ranges[][2] = {{0, 24}, {32, 416}, {576, fpu_bytes()}};
    uint64_t *components = (uint64_t *)((char *)v->exec.fpu + 512);
    uint64_t first = (uint32_t)r->a[2] - sizeof(struct vcpu_image), bytes = r->a[2] >> 32;
    if (!at_rest(v))
        return STATUS_BUSY;
    for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (first < ranges[i][0] || first >= ranges[i][1] || bytes > ranges[i][1] - first)
            continue;
        if (bytes > MESSAGE_WORDS_MAX * sizeof(uint64_t))
            return STATUS_BAD_ARG;
        fpu_save(&v->exec);
        memcpy((char *)v->exec.fpu + first, current_thread()->utcb->words, bytes);
        *components = fpu_mask;
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
