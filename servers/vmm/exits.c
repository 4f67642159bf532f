// Exits: from the message to the handler, from the handler to the answer.
// SPDX-License-Identifier: MIT
#include "servers/vmm/vm.h"

#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/status.h"

#define EXIT_DECODES  (GROUP_GPR_ABCD | GROUP_RIP | GROUP_CR | GROUP_EFER | GROUP_SEG_CODE)
#define EXIT_CONTROLS (EXIT_DECODES | GROUP_GPR_REST)
#define EXIT_EMULATES (EXIT_DECODES | GROUP_GPR_REST | GROUP_SEG_DATA)
#define EXIT_SKIPS    (GROUP_GPR_ABCD | GROUP_RIP | GROUP_EFER | GROUP_SEG_CODE)

#define RFLAGS_TF (1ul << 8)
#define RFLAGS_RF (1ul << 16)

enum {
    VECTOR_DB = 1,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_UD = 6,
    VECTOR_DF = 8,
    VECTOR_PF = 14,
    VECTOR_MC = 18
};
#define NO_FAULTS (1u << VECTOR_DB | 1u << VECTOR_BP | 1u << VECTOR_OF | 1u << VECTOR_DF | 1u << VECTOR_MC)

static void start(struct vm_exit *x)
{
    power_up(x->state);
    x->groups = GROUP_ALL;
}

// [SDM] 2A HLT: the processor sleeps until an interrupt that it would take.
static void halt(struct vm_exit *x)
{
    struct emu_control c;
    if (!exit_decode(x, &c))
        return;
    x->cpu->halted = true;
    x->action = VCPU_HALT;
    exit_skip(x, c.length);
}

static void kick(struct vm_exit *x)
{
    if (x->cpu->halted)
        x->action = VCPU_HALT;
}

static void skip(struct vm_exit *x)
{
    struct emu_control c;
    if (exit_decode(x, &c))
        exit_skip(x, c.length);
    x->pure = true;
}

// There is no hypercall that we know: KVM's convention for that is an error in RAX.
static void hypercall(struct vm_exit *x)
{
    x->state->gpr[GPR_RAX] = (uint64_t)-1000;
    x->groups |= GROUP_GPR_ABCD;
    skip(x);
}

static void undefined(struct vm_exit *x)
{
    x->pure = true;
    exit_fault(x, VECTOR_UD);
}

static void exception(struct vm_exit *x)
{
    x->event = EVENT_MAKE(EVENT_EXCEPTION, x->address) | x->value;
    x->pure = true;
}

static void nothing(struct vm_exit *x)
{
    (void)x;
}

static void triple_fault(struct vm_exit *x)
{
    exit_dump(x, "triple fault");
    power_off(x, VM_TRIPLE_FAULT);
}

static void error(struct vm_exit *x)
{
    exit_dump(x, "the guest's state cannot be entered");
    power_off(x, VM_STOPPED_BY_ERROR);
}

static const struct row {
    void (*handle)(struct vm_exit *x);
    uint32_t groups; // of state that the exit brings
} rows[EXIT_KINDS] = {
    [EXIT_START] = {start, GROUP_ALL},
    [EXIT_PIO] = {io_port_exit, EXIT_SKIPS},
    [EXIT_MMIO] = {io_memory_exit, EXIT_EMULATES},
    [EXIT_CPUID] = {cpuid_exit, EXIT_DECODES | GROUP_XCR0},
    [EXIT_RDMSR] = {msr_read_exit, EXIT_DECODES},
    [EXIT_WRMSR] = {msr_write_exit, EXIT_DECODES},
    [EXIT_HLT] = {halt, EXIT_DECODES},
    [EXIT_CR] = {control_exit, GROUP_ALL},
    [EXIT_DR] = {control_debug_exit, EXIT_CONTROLS | GROUP_DR},
    [EXIT_XSETBV] = {control_xsetbv_exit, EXIT_DECODES | GROUP_XCR0},
    [EXIT_INVALIDATE] = {skip, EXIT_DECODES},
    [EXIT_VMCALL] = {hypercall, EXIT_DECODES},
    [EXIT_PRIVILEGED] = {undefined, GROUP_RIP},
    [EXIT_EXCEPTION] = {exception, GROUP_RIP},
    [EXIT_NMI_WINDOW] = {nothing, GROUP_RIP},
    [EXIT_TRIPLE_FAULT] = {triple_fault, GROUP_ALL},
    [EXIT_KICK] = {kick, GROUP_RIP},
    [EXIT_ACCESS_DONE] = {io_access_done, EXIT_EMULATES},
    [EXIT_ERROR] = {error, GROUP_ALL},
};

void exit_skip(struct vm_exit *x, unsigned length)
{
    struct vcpu_state *s = x->state;
    bool long_mode = (s->efer >> 10 & 1) && (s->seg[SEG_CS].attributes >> 9 & 1);
    s->rip += length;
    if (!long_mode)
        s->rip &= s->seg[SEG_CS].attributes >> 10 & 1 ? 0xffffffff : 0xffff;
    s->blocking &= ~(uint32_t)(BLOCKING_STI | BLOCKING_MOV_SS);
    s->rflags &= ~RFLAGS_RF;
    x->groups |= GROUP_RIP;
    if (s->rflags & RFLAGS_TF) // single step: the instruction that we finished traps
        x->event = EVENT_MAKE(EVENT_EXCEPTION, VECTOR_DB);
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

void exit_fetch(struct vm_exit *x, size_t first, size_t end)
{
    uint64_t from = offsetof(struct vcpu_image, state) + first;
    enum status s = sys_vcpu_ctl(VMM_SLOT_VCPU + x->n, VCPU_EXPORT, from);
    if (s != STATUS_OK)
        die("the guest's registers cannot be read: %s", status_name(s));
    memcpy((char *)x->state + first, utcb()->words, end - first);
}

bool exit_decode(struct vm_exit *x, struct emu_control *control)
{
    struct emu_result r;
    unsigned length = EXIT_INFO_LENGTH(x->info);
    bool operands = x->kind == EXIT_CR || x->kind == EXIT_DR;
    if (length && !operands) {
        *control = (struct emu_control){.length = (uint8_t)length};
        return true;
    }
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

void exit_dump(const struct vm_exit *x, const char *why)
{
    const struct vcpu_state *s = x->state;
    log_error("vCPU %u: %s (exit %u, raw %llx, address %llx)", x->n, why, x->kind, (unsigned long long)x->raw,
              (unsigned long long)x->address);
    log_error("rip %04x:%016llx rflags %08llx efer %04llx", s->seg[SEG_CS].selector,
              (unsigned long long)s->rip, (unsigned long long)s->rflags, (unsigned long long)s->efer);
    for (unsigned i = 0; i < GPR_COUNT; i += 4)
        log_error("r%-2u %016llx %016llx %016llx %016llx", i, (unsigned long long)s->gpr[i],
                  (unsigned long long)s->gpr[i + 1], (unsigned long long)s->gpr[i + 2],
                  (unsigned long long)s->gpr[i + 3]);
    log_error("cr0 %08llx cr2 %016llx cr3 %016llx cr4 %08llx", (unsigned long long)s->cr0,
              (unsigned long long)s->cr2, (unsigned long long)s->cr3, (unsigned long long)s->cr4);
}

// Where the parts of a vCPU's state are, in the order of enum vm_part.
static void find_parts(unsigned n)
{
    struct vm_machine *m = vm.machine;
    struct vm_cpu *c = &vm.cpu[n];
    struct irqchip_cpu *chip = &m->chip.cpu[n];
    const struct state_range parts[PARTS] = {
        [PART_ANSWER] = {c, offsetof(struct vm_cpu, access)},
        [PART_GPR] = {c->state.gpr, sizeof c->state.gpr},
        [PART_STATE] = {&c->state, sizeof c->state},
        [PART_ACCESS] = {&c->access, sizeof c->access},
        [PART_PROGRESS] = {&c->emulating, sizeof c->emulating + sizeof c->progress},
        [PART_VECTORS] = {&chip->lapic, LAPIC_VECTORS_BYTES},
        [PART_LAPIC] = {chip, sizeof *chip},
        [PART_CHIPS] = {&m->chip, offsetof(struct irqchip, cpu)},
        [PART_PIT] = {&m->platform.pit, sizeof m->platform.pit},
        [PART_DEVICES] = {&m->platform.rtc, offsetof(struct platform, pci) - offsetof(struct platform, rtc)},
        [PART_PCI] = {&m->platform.pci, sizeof m->platform.pci},
        [PART_PCI_ADDRESS] = {&m->platform.pci.address, sizeof m->platform.pci.address},
        [PART_HEAD] = {m, offsetof(struct vm_machine, chip)},
    };
    memcpy(vm.parts[n], parts, sizeof parts);
}

enum status exits_init(void)
{
    for (unsigned n = 0; n < VM_CPUS; n++)
        find_parts(n);
    for (unsigned k = 0; k < EXIT_KINDS; k++) {
        enum status s = sys_route(VMM_SLOT_VM, ROUTE_EXIT, k, k, SLOT_NONE, rows[k].groups);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

void exits_name_changes(unsigned n)
{
    for (uint32_t left = vm.changed; left; left &= left - 1) {
        const struct state_range *part = &vm.parts[n][__builtin_ctz(left)];
        server_changed(&vm.server, part->from, part->bytes);
    }
    vm.changed = 0;
}

static void keep_answer(struct vm_exit *x, uint64_t sequence)
{
    struct vm_cpu *c = x->cpu;
    const struct vcpu_state *s = x->state;
    c->sequence = sequence;
    c->action = (uint8_t)x->action;
    c->groups = (uint16_t)x->groups;
    c->event = x->event;
    c->rip = s->rip;
    c->rflags = s->rflags;
    c->blocking = (uint8_t)s->blocking;
    if (x->groups & ~(uint32_t)(GROUP_GPR | GROUP_RIP)) {
        c->state = *s;
        vm.changed |= 1 << PART_STATE;
    } else if (x->groups & GROUP_GPR) {
        memcpy(c->state.gpr, s->gpr, sizeof s->gpr);
        vm.changed |= 1 << PART_GPR;
    }
    if (x->action == VCPU_ACCESS) {
        c->access = x->access;
        vm.changed |= 1 << PART_ACCESS;
    }
    vm.changed |= 1 << PART_ANSWER;
}

static void take_kept(struct vm_exit *x)
{
    const struct vm_cpu *c = x->cpu;
    struct vcpu_state *s = x->state;
    x->action = (enum vcpu_action)c->action;
    x->groups = c->groups;
    x->event = c->event;
    x->access = c->access;
    if (x->groups & ~(uint32_t)(GROUP_GPR | GROUP_RIP))
        *s = c->state;
    else if (x->groups & GROUP_GPR)
        memcpy(s->gpr, c->state.gpr, sizeof s->gpr);
    s->rip = c->rip;
    s->rflags = c->rflags;
    s->blocking = c->blocking;
}

enum reply_how vm_exit(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)s;
    const uint64_t *w = in->message.words;
    struct vm_exit x; // all of it is set here but the access, which goes with the action ACCESS
    x.n = EXIT_INFO_VCPU(w[EXIT_INFO]) % VM_CPUS;
    x.cpu = &vm.cpu[x.n];
    x.kind = (enum exit_kind)(TAG_LABEL(in->message.tag) - LABEL_EXIT);
    x.address = w[EXIT_ADDRESS];
    x.value = w[EXIT_VALUE];
    x.info = w[EXIT_INFO];
    x.raw = w[EXIT_RAW];
    x.state = &utcb()->vcpu;
    x.groups = 0;
    x.event = 0;
    x.action = VCPU_RUN;
    x.pure = false;
    x.now = clock_now(x.cpu);
    bool again = in->deliveries && x.cpu->sequence == in->sequence;
    bool calm = interrupts_settle(&x, again);
    if (again)
        take_kept(&x);
    else if (x.kind < EXIT_KINDS)
        rows[x.kind].handle(&x);
    calm = calm && x.pure;
    if (calm)
        interrupts_answer_calm(&x, answer);
    else
        interrupts_answer(&x, answer);
    answer->tag = TAG(x.action, REPLY_WORDS);
    answer->words[REPLY_GROUPS] = x.groups;
    if (x.action == VCPU_ACCESS)
        utcb()->access = x.access;
    if (!again && !calm) // what was settled must not be settled again: the answer is kept with it
        keep_answer(&x, in->sequence);
    if (vm.changed)
        exits_name_changes(x.n);
    return vm.machine->off ? REPLY_LATER : REPLY_NOW;
}
