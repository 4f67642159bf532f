// What becomes of VMs by command.
// SPDX-License-Identifier: MIT
#include "servers/init/init.h"

static void not_yet(struct init_answer *a)
{
    refuse(a, INIT_FAILED, "this cannot be done yet");
}

void vm_start(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)v, (void)c;
    not_yet(a);
}

void vm_stop(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)v, (void)c;
    not_yet(a);
}

void vm_pause(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)v, (void)c;
    not_yet(a);
}

void vm_resume(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)v, (void)c;
    not_yet(a);
}

void vm_reset(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)v, (void)c;
    not_yet(a);
}

void vm_destroy(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)v, (void)c;
    not_yet(a);
}

void vm_create(const struct init_command *c, struct init_answer *a)
{
    (void)c;
    not_yet(a);
}

void vms_shut_down(bool force)
{
    (void)force;
    init.shutting_down = init.ending = true;
}
