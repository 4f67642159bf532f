// Exits of instructions: the same comes of them whether the exit tells the length or they are decoded
// SPDX-License-Identifier: MIT
//
// The exit brings no more than the kernel would; what else a handler reads it must ask for, or it finds
// rubbish.
//
// LINK: servers/vmm/instruction.c servers/vmm/cpuid.c servers/vmm/msr.c servers/vmm/io.c
// LINK: servers/vmm/control.c servers/vmm/emulate/access.c servers/vmm/emulate/actions.c
// LINK: servers/vmm/emulate/alu.c servers/vmm/emulate/control.c servers/vmm/emulate/decode.c
// LINK: servers/vmm/emulate/descriptor.c servers/vmm/emulate/emulate.c servers/vmm/emulate/fetch.c
// LINK: servers/vmm/emulate/integer.c servers/vmm/emulate/memory.c servers/vmm/emulate/operand.c
// LINK: servers/vmm/emulate/segment.c servers/vmm/emulate/stack.c servers/vmm/emulate/string.c
// LINK: servers/vmm/emulate/system.c servers/vmm/emulate/vector.c servers/vmm/emulate/walk.c zydis
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/log.h"
#include "servers/vmm/vm.h"
#include "tests/unit/emulate_machine.h"

enum {
    PORT = 0x608,
    TPR = 0x808,
    MSR_EFER = 0xc0000080,
    MSR_MTRR_CAP = 0xfe,
    NO_MSR = 0x12345,
    WRAP = 0xfffe
};
enum { DB = 1, GP = 13, OSXSAVE = 1 << 27 };
#define HIGH UINT64_C(0xdeadbeef00000000) // an upper half that some instructions keep and others clear
#define BS   UINT64_C(0x4000)

struct vm vm;
enum log_level log_level;
static struct vm_machine vm_machine;
static struct vm_cpu vm_cpu;
static struct machine *m;
static struct vcpu_state state; // the exit's; the kernel's is m->cpu
static struct vm_exit x;
static uint64_t written; // to the port

// ---- the kernel and the rest of the monitor ----

static void copy_groups(struct vcpu_state *to, const struct vcpu_state *from, uint32_t groups)
{
    enum { ABCD = 4 * sizeof(uint64_t) };
    if (groups & GROUP_GPR_ABCD)
        memcpy(to->gpr, from->gpr, ABCD);
    if (groups & GROUP_GPR_REST)
        memcpy(to->gpr + 4, from->gpr + 4, sizeof to->gpr - ABCD);
    if (groups & GROUP_RIP)
        to->rip = from->rip, to->rflags = from->rflags, to->blocking = from->blocking;
    if (groups & GROUP_CR)
        memcpy(&to->cr0, &from->cr0, 5 * sizeof to->cr0), memcpy(to->pdpte, from->pdpte, sizeof to->pdpte);
    if (groups & GROUP_EFER)
        to->efer = from->efer;
    if (groups & GROUP_SEG_CODE)
        memcpy(&to->seg[SEG_CS], &from->seg[SEG_CS], 2 * sizeof *to->seg);
    if (groups & GROUP_SEG_DATA)
        to->seg[SEG_ES] = from->seg[SEG_ES],
        memcpy(&to->seg[SEG_DS], &from->seg[SEG_DS], 3 * sizeof *to->seg);
    if (groups & GROUP_MSR)
        to->pat = from->pat;
    if (groups & GROUP_DR)
        memcpy(to->dr, from->dr, 6 * sizeof *to->dr);
    if (groups & GROUP_XCR0)
        to->xcr0 = from->xcr0;
}

void exit_bring(struct vm_exit *exit, uint32_t missing)
{
    copy_groups(exit->state, &m->cpu, missing);
    exit->have |= missing;
}

const struct port_device platform_ports[1];
const size_t platform_port_rows = 0;

struct io_result port_read(const struct port_device *table, size_t rows, void *machine,
                           const struct io_access *io, uint64_t now)
{
    (void)table, (void)rows, (void)machine, (void)now;
    assert_int_equal(io->port, PORT);
    return (struct io_result){.value = 0x89abcdef};
}

uint32_t port_write(const struct port_device *table, size_t rows, void *machine, const struct io_access *io,
                    uint64_t now)
{
    (void)table, (void)rows, (void)machine, (void)now;
    written = io->value;
    return 0;
}

bool pic_owns(uint16_t port)
{
    (void)port;
    return false;
}

bool irqchip_msr_read(struct irqchip *chip, unsigned n, uint32_t msr, uint64_t *value, struct vclock now)
{
    (void)chip, (void)n, (void)msr, (void)now;
    *value = 0x1234567800000090;
    return true;
}

bool irqchip_msr_write(struct irqchip *chip, unsigned n, uint32_t msr, uint64_t value, struct vclock now,
                       uint32_t *kick)
{
    (void)msr, (void)now, (void)kick;
    chip->cpu[n].lapic.tpr = (uint32_t)value;
    return true;
}

uint64_t lapic_cr8(const struct lapic *l)
{
    return l->tpr >> 4;
}

void lapic_set_cr8(struct lapic *l, uint64_t cr8)
{
    l->tpr = (uint32_t)cr8 << 4;
}

bool lapic_globally_on(const struct lapic *l)
{
    (void)l;
    return true;
}

// Nothing here pages with PAE: no page-directory pointers are loaded.
void *memory_at(uint64_t gpa, uint64_t bytes)
{
    (void)gpa, (void)bytes;
    return NULL;
}

void interrupts_show_priority(struct vm_exit *exit)
{
    assert_true(exit->have & GROUP_CR);
    exit->state->cr8 = lapic_cr8(&vm_machine.chip.cpu[0].lapic);
    exit->groups |= GROUP_CR;
}

void interrupts_kick(uint32_t cpus)
{
    (void)cpus;
}

void interrupts_effects(struct vm_exit *exit, uint32_t effects)
{
    (void)exit, (void)effects;
}

void server_changed(struct server *s, const void *from, uint32_t bytes)
{
    (void)s, (void)from, (void)bytes;
}

void log_line(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

// What none of these instructions comes to.
#define NEVER(name) __asm__(".text\n.globl " #name "\n" #name ": ud2")
NEVER(exit_dump);
NEVER(power_off);
NEVER(power_reset);
NEVER(clock_adjust);
NEVER(clock_write_system_time);
NEVER(clock_write_wall);
NEVER(clock_now);
NEVER(eoi_write);
NEVER(irqchip_port_read);
NEVER(irqchip_port_write);
NEVER(irqchip_mmio_read);
NEVER(irqchip_mmio_write);
NEVER(bus_read);
NEVER(bus_write);
NEVER(exits_widen);
NEVER(pci_host_selected_function);
NEVER(pci_window_access);

// ---- exits ----

static const struct row {
    const char *name, *bytes;
    uint8_t length, kind;
    void (*handle)(struct vm_exit *x);
    uint32_t groups; // that the handler reads
    uint8_t fault;
    uint8_t number, gpr;
    uint32_t ecx;
    uint64_t eax, edx;
} rows[] = {
    {"CPUID", "\x0f\xa2", 2, EXIT_CPUID, cpuid_exit, GROUP_GPR_ABCD, 0, 0, 0, 0, 1, 0},
    {"CPUID, XSAVE", "\x0f\xa2", 2, EXIT_CPUID, cpuid_exit, GROUP_GPR_ABCD, 0, 0, 0, 0, 0xd, 0},
    {"RDMSR", "\x0f\x32", 2, EXIT_RDMSR, msr_read_exit, GROUP_GPR_ABCD, 0, 0, 0, TPR, 0, 0},
    {"RDMSR, EFER", "\x0f\x32", 2, EXIT_RDMSR, msr_read_exit, GROUP_GPR_ABCD, 0, 0, 0, MSR_EFER, 0, 0},
    {"RDMSR, none", "\x0f\x32", 2, EXIT_RDMSR, msr_read_exit, GROUP_GPR_ABCD, GP, 0, 0, NO_MSR, 0, 0},
    {"WRMSR", "\x0f\x30", 2, EXIT_WRMSR, msr_write_exit, GROUP_GPR_ABCD, 0, 0, 0, TPR, 0x50, 0},
    {"WRMSR, EFER", "\x0f\x30", 2, EXIT_WRMSR, msr_write_exit, GROUP_GPR_ABCD, 0, 0, 0, MSR_EFER, 0x901, 0},
    {"WRMSR, bad", "\x0f\x30", 2, EXIT_WRMSR, msr_write_exit, GROUP_GPR_ABCD, GP, 0, 0, MSR_EFER, 0, 1},
    {"WRMSR, read-only", "\x0f\x30", 2, EXIT_WRMSR, msr_write_exit, GROUP_GPR_ABCD, GP, 0, 0, MSR_MTRR_CAP, 0,
     0},
    {"HLT", "\xf4", 1, EXIT_HLT, instruction_hlt_exit, 0, 0, 0, 0, 0, 0, 0},
    {"INVD", "\x0f\x08", 2, EXIT_INVALIDATE, instruction_skip_exit, 0, 0, 0, 0, 0, 0, 0},
    {"WBINVD, a prefix", "\x66\x0f\x09", 3, EXIT_INVALIDATE, instruction_skip_exit, 0, 0, 0, 0, 0, 0, 0},
    {"VMCALL", "\x0f\x01\xc1", 3, EXIT_VMCALL, instruction_vmcall_exit, GROUP_GPR_ABCD, 0, 0, 0, 0, 0, 0},
    {"XSETBV", "\x0f\x01\xd1", 3, EXIT_XSETBV, control_xsetbv_exit, GROUP_GPR_ABCD, 0, 0, 0, 0, 7, 0},
    {"XSETBV, bad", "\x0f\x01\xd1", 3, EXIT_XSETBV, control_xsetbv_exit, GROUP_GPR_ABCD, GP, 0, 0, 0, 6, 0},
    {"MOV CR4, EAX", "\x0f\x22\xe0", 3, EXIT_CR, control_exit, GROUP_ALL, 0, 4, GPR_RAX, 0, 0x6a8, 0},
    {"MOV CR4, ESP", "\x0f\x22\xe4", 3, EXIT_CR, control_exit, GROUP_ALL, GP, 4, GPR_RSP, 0, 0, 0},
    {"CLTS", "\x0f\x06", 2, EXIT_CR, control_exit, GROUP_ALL, 0, 0, GPR_COUNT, 0, 0, 0},
    {"MOV DR3, EDX", "\x0f\x23\xda", 3, EXIT_DR, control_debug_exit, EXIT_DECODES | GROUP_GPR_REST | GROUP_DR,
     0, 3, GPR_RDX, 0, 0, 0x456},
};
static const char *const modes[] = {"real", "32-bit", "64-bit"};

static void begin(const struct row *row, unsigned mode, uint64_t rflags)
{
    (mode == 0 ? machine_real : mode == 1 ? machine_protected : machine_long)(m);
    emu_cache_reset(&m->cache);
    m->cpu.rflags |= rflags;
    m->cpu.blocking = BLOCKING_STI | BLOCKING_NMI;
    m->cpu.cr4 |= CR4_OSXSAVE;
    m->cpu.cr8 = 3;
    m->cpu.dr6 = 0xffff0ff0;
    m->cpu.dr7 = 0x400;
    m->cpu.xcr0 = 7;
    m->cpu.gpr[GPR_RAX] = HIGH | row->eax;
    m->cpu.gpr[GPR_RCX] = HIGH | row->ecx;
    m->cpu.gpr[GPR_RDX] = HIGH | row->edx;
    m->cpu.gpr[GPR_RSP] = 0x80000000;
    if (row->kind == EXIT_CR && mode == 2)
        m->cpu.gpr[GPR_RAX] = row->eax;
    vm_machine.chip.cpu[0].lapic.tpr = 0x30;
    vm_cpu = (struct vm_cpu){0};
}

// What the vCPU is after the answer; x holds the event and the action.
static struct vcpu_state answer(const struct row *row, bool told)
{
    uint32_t brought = row->groups | GROUP_RIP | (told ? 0 : EXIT_DECODES);
    vm.lengths_told = told;
    memset(&state, 0x5a, sizeof state);
    copy_groups(&state, &m->cpu, brought);
    x = (struct vm_exit){.cpu = &vm_cpu,
                         .kind = (enum exit_kind)row->kind,
                         .state = &state,
                         .have = brought,
                         .address = row->number,
                         .value = told ? row->gpr : GPR_COUNT,
                         .info = EXIT_WRITE | (told ? (uint64_t)row->length << 8 : 0)};
    row->handle(&x);
    struct vcpu_state after = m->cpu;
    copy_groups(&after, &state, x.groups);
    return after;
}

// An exit either finishes its instruction, or raises what takes its place.
static void finished(const struct row *row, const struct vcpu_state *after)
{
    const struct vcpu_state *before = &m->cpu;
    bool step = before->rflags & RFLAGS_TF;
    if (row->fault) {
        assert_int_equal(x.event & 0xff, row->fault);
        assert_int_equal(after->rip, before->rip);
        assert_int_equal(after->rflags, before->rflags | RFLAGS_RF);
        assert_memory_equal(after->gpr, before->gpr, sizeof after->gpr);
        return;
    }
    assert_int_equal(after->rip, before->rip + row->length);
    assert_int_equal(after->rflags, before->rflags & ~RFLAGS_RF);
    assert_int_equal(after->blocking, BLOCKING_NMI);
    assert_int_equal(x.event, step ? EVENT_MAKE(EVENT_EXCEPTION, DB) : 0);
    assert_int_equal(after->dr6, before->dr6 | (step ? BS : 0));
}

static void same_with_length_and_without(void **unused)
{
    static const uint64_t flags[] = {0, RFLAGS_RF, RFLAGS_TF, RFLAGS_TF | RFLAGS_RF};
    (void)unused;
    for (unsigned i = 0; i < 3 * 4 * sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i / 12];
        begin(row, i % 3, flags[i / 3 % 4]);
        machine_code(m, row->bytes, row->length);
        struct vcpu_state decoded = answer(row, false);
        uint64_t event = x.event;
        enum vcpu_action action = x.action;
        begin(row, i % 3, flags[i / 3 % 4]);
        machine_code(m, "\x90\x90\x90", 3); // nobody looks there, but for CLTS
        if (row->gpr == GPR_COUNT)
            machine_code(m, row->bytes, row->length);
        struct vcpu_state told = answer(row, true);
        if (memcmp(&told, &decoded, sizeof told) != 0 || x.event != event || x.action != action)
            fail_msg("%s in %s code differs", row->name, modes[i % 3]);
        finished(row, &told);
    }
}

static const struct row *find(const char *name)
{
    const struct row *row = rows;
    while (strcmp(row->name, name) != 0)
        row++;
    return row;
}

// The manuals' results, where both ways could be wrong together.
static void results(void **unused)
{
    (void)unused;
    begin(find("RDMSR"), 2, 0);
    struct vcpu_state after = answer(find("RDMSR"), true);
    assert_int_equal(after.gpr[GPR_RAX], 0x90); // upper halves are cleared
    assert_int_equal(after.gpr[GPR_RDX], 0x12345678);
    assert_int_equal(after.gpr[GPR_RCX], HIGH | TPR);
    begin(find("CPUID"), 2, 0);
    after = answer(find("CPUID"), true);
    assert_true(after.gpr[GPR_RCX] & OSXSAVE); // as CR4, which did not come with the exit
    assert_int_equal(after.gpr[GPR_RAX] >> 32 | after.gpr[GPR_RDX] >> 32, 0);
    m->cpu.cr4 &= ~CR4_OSXSAVE;
    assert_false(answer(find("CPUID"), true).gpr[GPR_RCX] & OSXSAVE);
    begin(find("WRMSR"), 2, 0);
    after = answer(find("WRMSR"), true);
    assert_int_equal(after.cr8, 5);
    assert_int_equal(after.cr4, m->cpu.cr4); // what else the group holds stays
    begin(find("WRMSR, EFER"), 2, 0);
    assert_int_equal(answer(find("WRMSR, EFER"), true).efer, EFER_LMA | 0x901);
    begin(find("HLT"), 2, 0);
    answer(find("HLT"), true);
    assert_int_equal(x.action, VCPU_HALT);
    begin(find("HLT"), 2, RFLAGS_TF);
    answer(find("HLT"), true);
    assert_int_equal(x.action, VCPU_RUN); // its trap wakes the processor
    assert_false(vm_cpu.halted);
    begin(find("VMCALL"), 2, 0);
    assert_int_equal((int64_t)answer(find("VMCALL"), true).gpr[GPR_RAX], -1000);
    begin(find("XSETBV"), 2, 0);
    m->cpu.xcr0 = 1;
    assert_int_equal(answer(find("XSETBV"), true).xcr0, 7);
}

// IP and EIP wrap; what says which, an exit with a length does not bring.
static void wrap(void **unused)
{
    static const uint64_t from[] = {0xffff, 0xffffffff, 0xffffffff}, to[] = {1, 1, 0x100000001};
    const struct row *row = find("CPUID");
    (void)unused;
    for (unsigned mode = 0; mode < 3; mode++) {
        begin(row, mode, 0);
        m->cpu.rip = from[mode];
        assert_int_equal(answer(row, true).rip, to[mode]);
    }
    begin(row, 1, 0);
    m->cpu.rip = 0x1ffff; // of 32-bit code
    assert_int_equal(answer(row, true).rip, 0x20001);
    begin(find("WRMSR, EFER"), 0, 0);
    m->cpu.rip = WRAP;
    struct vcpu_state after = answer(find("WRMSR, EFER"), true);
    assert_int_equal(after.rip, 0);
    assert_int_equal(after.efer, 0x901); // what was asked for late did not undo it
}

static struct vcpu_state port_access(unsigned size, uint64_t flags, uint64_t value)
{
    static struct row row = {"port", "", 2, EXIT_PIO, io_port_exit, GROUP_GPR_ABCD,
                             0,      0,  0, 0,        0x11223344,   0};
    uint32_t brought = GROUP_GPR_ABCD | GROUP_RIP;
    begin(&row, 0, RFLAGS_TF);
    m->cpu.rip = WRAP;
    memset(&state, 0x5a, sizeof state);
    copy_groups(&state, &m->cpu, brought);
    x = (struct vm_exit){.cpu = &vm_cpu,
                         .kind = EXIT_PIO,
                         .state = &state,
                         .have = brought,
                         .address = PORT,
                         .value = value,
                         .info = flags | size | (uint64_t)row.length << 8};
    io_port_exit(&x);
    struct vcpu_state after = m->cpu;
    copy_groups(&after, &state, x.groups);
    assert_int_equal(after.rip, 0);
    assert_int_equal(after.dr6, 0xffff0ff0 | BS);
    assert_int_equal(x.event, EVENT_MAKE(EVENT_EXCEPTION, DB));
    return after;
}

static void ports(void **unused)
{
    (void)unused;
    assert_int_equal(port_access(1, 0, 0).gpr[GPR_RAX], HIGH | 0x112233ef);
    assert_int_equal(port_access(2, 0, 0).gpr[GPR_RAX], HIGH | 0x1122cdef);
    assert_int_equal(port_access(4, 0, 0).gpr[GPR_RAX], 0x89abcdef);
    assert_int_equal(port_access(2, EXIT_WRITE, 0x5678).gpr[GPR_RAX], HIGH | 0x11223344);
    assert_int_equal(written, 0x5678);
}

static int set_up(void **unused)
{
    (void)unused;
    m = machine_new();
    vm.machine = &vm_machine;
    vm.cpu = &vm_cpu;
    vm.env = m->env;
    vm.xsave_features = 7;
    vm.xsave_bytes = 832;
    vm.config.cpus = 1;
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    machine_free(m);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_with_length_and_without),
        cmocka_unit_test(results),
        cmocka_unit_test(wrap),
        cmocka_unit_test(ports),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
