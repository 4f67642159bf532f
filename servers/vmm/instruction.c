// The instruction that caused an exit: what it is, its completion, the exception in its place.
// SPDX-License-Identifier: MIT
//
// Where exits tell the length, the exit's kind says the rest, and nothing is fetched. Else the instruction is
// decoded at RIP.
#include "libipc/log.h"
#include "servers/vmm/emulate/x86.h"
#include "servers/vmm/vm.h"

enum { VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_DF = 8, VECTOR_MC = 18 };
#define NO_FAULTS (1u << VECTOR_DB | 1u << VECTOR_BP | 1u << VECTOR_OF | 1u << VECTOR_DF | 1u << VECTOR_MC)
#define DR6_BS    (1ul << 14)

// Single step: the instruction that we finished traps [SDM] 3B 18.3.1.4.
void exit_step(struct vm_exit *x)
{
    exit_need(x, GROUP_DR);
    x->state->dr6 |= DR6_BS;
    x->groups |= GROUP_DR;
    x->event = EVENT_MAKE(EVENT_EXCEPTION, VECTOR_DB);
}

void exit_skip(struct vm_exit *x, unsigned length)
{
    struct vcpu_state *s = x->state;
    if (cpu_rip_carries(s->rip, length))
        exit_need(x, GROUP_EFER | GROUP_SEG_CODE);
    s->rip = cpu_next_rip(s, length);
    s->blocking &= ~(uint32_t)(BLOCKING_STI | BLOCKING_MOV_SS);
    s->rflags &= ~RFLAGS_RF;
    x->groups |= GROUP_RIP;
    if (s->rflags & RFLAGS_TF)
        exit_step(x);
}

// A fault pushes RF set, so that its instruction is not stopped again by the same breakpoint [SDM] 3B
// 18.3.1.1.
void exit_event(struct vm_exit *x, uint64_t event, uint64_t address)
{
    unsigned vector = event & 0xff;
    x->event = event;
    if (vector == VECTOR_PF) {
        x->state->cr2 = address;
        x->groups |= GROUP_CR;
    }
    if (NO_FAULTS >> vector & 1)
        return;
    x->state->rflags |= RFLAGS_RF;
    x->groups |= GROUP_RIP;
}

void exit_fault(struct vm_exit *x, unsigned vector)
{
    exit_event(x, EVENT_MAKE(EVENT_EXCEPTION, vector), 0);
}

void exit_fault_error(struct vm_exit *x, unsigned vector, uint32_t code)
{
    exit_event(x, EVENT_MAKE(EVENT_EXCEPTION, vector) | EVENT_ERROR(code), 0);
}

// Exits CR and DR tell a move by its general register: CLTS and LMSW have none.
static bool told(const struct vm_exit *x, struct emu_control *c)
{
    const struct vcpu_state *s = x->state;
    unsigned length = EXIT_INFO_LENGTH(x->info);
    if (!length)
        return false;
    *c = (struct emu_control){.length = (uint8_t)length};
    if (x->kind != EXIT_CR && x->kind != EXIT_DR)
        return true;
    if (x->value >= GPR_COUNT)
        return false;
    c->number = (uint8_t)x->address;
    c->gpr = (uint8_t)x->value;
    c->value = cpu_code64(s) ? s->gpr[c->gpr] : (uint32_t)s->gpr[c->gpr];
    if (x->kind == EXIT_CR)
        c->what = x->info & EXIT_WRITE ? EMU_MOV_TO_CR : EMU_MOV_FROM_CR;
    else
        c->what = x->info & EXIT_WRITE ? EMU_MOV_TO_DR : EMU_MOV_FROM_DR;
    return true;
}

bool exit_decode(struct vm_exit *x, struct emu_control *control)
{
    struct emu_result r;
    if (told(x, control))
        return true;
    if (vm.lengths_told) // most exits bring no more than their handler reads
        exit_need(x, EXIT_DECODES);
    emu_decode(x->state, &vm.env, x->kind, control, &r);
    switch ((enum emu_kind)r.kind) {
    case EMU_DONE: return true;
    case EMU_EVENT: exit_event(x, r.event, r.fault_address); return false;
    case EMU_RETRY: return false;
    default:
        exit_dump(x, "an instruction that cannot be decoded");
        power_off(x, VM_STOPPED_BY_ERROR);
        return false;
    }
}

// [SDM] 2A HLT: the processor sleeps until an interrupt that it would take; the trap of a single step wakes
// it.
void instruction_hlt_exit(struct vm_exit *x)
{
    struct emu_control c;
    if (!exit_decode(x, &c))
        return;
    exit_skip(x, c.length);
    if (x->event)
        return;
    x->cpu->halted = true;
    x->action = VCPU_HALT;
}

void instruction_skip_exit(struct vm_exit *x)
{
    struct emu_control c;
    if (exit_decode(x, &c))
        exit_skip(x, c.length);
    x->pure = true;
}

// There is no hypercall that we know: KVM's convention for that is an error in RAX.
void instruction_vmcall_exit(struct vm_exit *x)
{
    x->state->gpr[GPR_RAX] = (uint64_t)-1000;
    x->groups |= GROUP_GPR_ABCD;
    instruction_skip_exit(x);
}

void instruction_undefined_exit(struct vm_exit *x)
{
    x->pure = true;
    exit_fault(x, VECTOR_UD);
}
