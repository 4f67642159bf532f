// Exits: from the message to the handler, from the handler to the answer.
// SPDX-License-Identifier: MIT
#include "servers/vmm/vm.h"

#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/status.h"

#define EXIT_EMULATES (EMU_GROUPS & ~(uint32_t)GROUP_SEG_SYSTEM)

static void start(struct vm_exit *x)
{
    power_up(x->state);
    x->groups = GROUP_ALL;
}

static void kick(struct vm_exit *x)
{
    if (x->cpu->halted)
        x->action = VCPU_HALT;
    panel_look(x);
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

// `groups` is what the handler reads; `decoding`: beside that, what it takes to find the instruction where
// exits do not tell its length. What is needed rarely comes by exit_need().
static const struct row {
    void (*handle)(struct vm_exit *x);
    uint32_t groups, decoding;
} rows[EXIT_KINDS] = {
    [EXIT_START] = {start, GROUP_ALL, 0},
    [EXIT_PIO] = {io_port_exit, GROUP_GPR_ABCD, 0},
    [EXIT_MMIO] = {io_memory_exit, EXIT_EMULATES, 0},
    [EXIT_CPUID] = {cpuid_exit, GROUP_GPR_ABCD, EXIT_DECODES},
    [EXIT_RDMSR] = {msr_read_exit, GROUP_GPR_ABCD, EXIT_DECODES},
    [EXIT_WRMSR] = {msr_write_exit, GROUP_GPR_ABCD, EXIT_DECODES},
    [EXIT_HLT] = {instruction_hlt_exit, 0, EXIT_DECODES},
    [EXIT_CR] = {control_exit, GROUP_ALL, 0},
    [EXIT_DR] = {control_debug_exit, EXIT_DECODES | GROUP_GPR_REST | GROUP_DR, 0},
    [EXIT_XSETBV] = {control_xsetbv_exit, GROUP_GPR_ABCD, EXIT_DECODES},
    [EXIT_INVALIDATE] = {instruction_skip_exit, 0, EXIT_DECODES},
    [EXIT_VMCALL] = {instruction_vmcall_exit, GROUP_GPR_ABCD, EXIT_DECODES},
    [EXIT_PRIVILEGED] = {instruction_undefined_exit, 0, 0},
    [EXIT_EXCEPTION] = {exception, 0, 0},
    [EXIT_NMI_WINDOW] = {nothing, 0, 0},
    [EXIT_TRIPLE_FAULT] = {triple_fault, GROUP_ALL, 0},
    [EXIT_KICK] = {kick, 0, 0},
    [EXIT_ACCESS_DONE] = {io_access_done, EXIT_EMULATES, 0},
    [EXIT_ERROR] = {error, GROUP_ALL, 0},
};
static uint32_t brought[EXIT_KINDS]; // groups, by an exit of the kind

#define FIELD(name) offsetof(struct vcpu_state, name)

// Where the groups are, ascending; what every exit brings is not here.
static const struct fields {
    uint32_t group;
    uint16_t first, end;
} fields[] = {
    {GROUP_GPR_ABCD, FIELD(gpr), FIELD(gpr[GPR_RSP])},
    {GROUP_GPR_REST, FIELD(gpr[GPR_RSP]), FIELD(rip)},
    {GROUP_CR, FIELD(cr0), FIELD(efer)},
    {GROUP_EFER, FIELD(efer), FIELD(seg)},
    {GROUP_SEG_DATA, FIELD(seg), FIELD(seg[SEG_CS])},
    {GROUP_SEG_CODE, FIELD(seg[SEG_CS]), FIELD(seg[SEG_DS])},
    {GROUP_SEG_DATA, FIELD(seg[SEG_DS]), FIELD(seg[SEG_LDTR])},
    {GROUP_SEG_SYSTEM, FIELD(seg[SEG_LDTR]), FIELD(star)},
    {GROUP_MSR, FIELD(star), FIELD(dr)},
    {GROUP_DR, FIELD(dr), FIELD(xcr0)},
    {GROUP_XCR0, FIELD(xcr0), FIELD(tsc_offset)},
    {GROUP_TSC, FIELD(tsc_offset), FIELD(blocking)},
    {GROUP_EVENT, FIELD(event), FIELD(pdpte)},
    {GROUP_CR, FIELD(pdpte), sizeof(struct vcpu_state)},
};

void exit_bring(struct vm_exit *x, uint32_t missing)
{
    enum status s = sys_vcpu_ctl(VMM_SLOT_VCPU + x->n, VCPU_EXPORT, offsetof(struct vcpu_image, state));
    if (s != STATUS_OK)
        die("the guest's registers cannot be read: %s", status_name(s));
    for (const struct fields *f = fields; f < fields + sizeof fields / sizeof *fields; f++)
        if (f->group & missing)
            memcpy((char *)x->state + f->first, (const char *)utcb()->words + f->first, f->end - f->first);
    x->have |= missing;
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
        [PART_PCI_ADDRESS] = {&m->platform.pci.address, sizeof m->platform.pci.address},
        [PART_HEAD] = {m, offsetof(struct vm_machine, chip)},
    };
    memcpy(vm.parts[n], parts, sizeof parts);
}

void exits_widen(unsigned n, enum vm_part part, const void *from, uint32_t bytes)
{
    struct state_range *r = &vm.parts[n][part];
    const char *first = from, *end = first + bytes;
    if (vm.changed & 1U << part) {
        const char *before = r->from;
        end = before + r->bytes > end ? before + r->bytes : end;
        first = before < first ? before : first;
    }
    *r = (struct state_range){first, (uint32_t)(end - first)};
    vm.changed |= 1U << part;
}

enum status exits_init(void)
{
    for (unsigned n = 0; n < VM_CPUS; n++)
        find_parts(n);
    for (unsigned k = 0; k < EXIT_KINDS; k++) {
        brought[k] = rows[k].groups | GROUP_RIP | (vm.lengths_told ? 0 : rows[k].decoding);
        enum status s = sys_route(VMM_SLOT_VM, ROUTE_EXIT, k, k, SLOT_NONE, brought[k]);
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
    x->have |= x->groups;
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
    if (in->badge >= BUS_BADGE_DEVICE) { // what a device says is no exit
        answer->tag = TAG(STATUS_UNSUPPORTED, 0);
        return REPLY_NOW;
    }
    struct vm_exit x; // all of it is set here but the access, which goes with the action ACCESS
    x.n = EXIT_INFO_VCPU(w[EXIT_INFO]) % VM_CPUS;
    x.cpu = &vm.cpu[x.n];
    x.kind = (enum exit_kind)(TAG_LABEL(in->message.tag) - LABEL_EXIT); // the server loop knows the range
    x.address = w[EXIT_ADDRESS];
    x.value = w[EXIT_VALUE];
    x.info = w[EXIT_INFO];
    x.raw = w[EXIT_RAW];
    x.state = &utcb()->vcpu;
    x.have = brought[x.kind];
    x.groups = 0;
    x.event = 0;
    x.action = VCPU_RUN;
    x.pure = false;
    x.now = clock_now(x.cpu);
    bool again = in->deliveries && x.cpu->sequence == in->sequence;
    bool calm = interrupts_settle(&x, again);
    if (again)
        take_kept(&x);
    else
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
