// Descriptor tables, and what comes in through them.
// SPDX-License-Identifier: MIT
#include "kernel/trap.h"

#include "kernel/fpu.h"
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"
#include "kernel/sched.h"
#include "kernel/virt/virt.h"

enum { IDT_ENTRIES = 256, IST_NMI = 1, IST_FAULT = 2, IST_DEBUG = 3 };

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

extern const char trap_stubs[], debug_entry[], nmi_entry[], syscall_entry[];
static struct gate idt[IDT_ENTRIES];

static struct gate gate(const char *entry, unsigned ist)
{
    uint64_t at = (uint64_t)entry;
    return (struct gate){.offset_low = (uint16_t)at,
                         .selector = SELECTOR_KERNEL_CODE,
                         .ist = (uint8_t)ist,
                         .type = 0x8e,
                         .offset_middle = (uint16_t)(at >> 16),
                         .offset_high = (uint32_t)(at >> 32)};
}

static void idt_init(void)
{
    for (unsigned i = 0; i < IDT_ENTRIES; i++)
        idt[i] = gate(trap_stubs + 16 * i, 0);
    idt[VECTOR_DEBUG] = gate(debug_entry, IST_DEBUG);
    idt[VECTOR_NMI] = gate(nmi_entry, IST_NMI);
    idt[VECTOR_DOUBLE_FAULT] = gate(trap_stubs + 16 * VECTOR_DOUBLE_FAULT, IST_FAULT);
}

static void tss_init(struct tss *tss)
{
    tss->io_map = IO_MAP_NONE;
    for (unsigned ist = IST_NMI; ist <= IST_DEBUG; ist++)
        tss->ist[ist - 1] = (uint64_t)kmem_need(NULL, PAGE_SIZE) + PAGE_SIZE;
}

// Code and data segments of the kernel are those of the boot's table, so the segment registers are good.
static void gdt_init(uint64_t *gdt, const struct tss *tss)
{
    uint64_t base = (uint64_t)tss, limit = offsetof(struct tss, pad) - 1;
    gdt[SELECTOR_KERNEL_CODE / 8] = 0x00209b0000000000;
    gdt[SELECTOR_KERNEL_DATA / 8] = 0x0000930000000000;
    gdt[SELECTOR_USER_DATA / 8] = 0x0000f30000000000;
    gdt[SELECTOR_USER_CODE / 8] = 0x0020fb0000000000;
    gdt[SELECTOR_TSS / 8] = limit | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
    gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
}

void cpu_init(struct cpu *cpu)
{
    if (cpu->id == 0)
        idt_init();
    xsetbv(0, fpu_mask);
    sched_init_cpu(cpu);
    cpu->root = kernel_root;
    tss_init(&cpu->tss);
    gdt_init(cpu->gdt, &cpu->tss);
    load_gdt(&(struct descriptor_table){.limit = sizeof cpu->gdt - 1, .base = (uint64_t)cpu->gdt});
    load_task_register(SELECTOR_TSS);
    load_idt(&(struct descriptor_table){.limit = sizeof idt - 1, .base = (uint64_t)idt});
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
    wrmsr(MSR_STAR, (uint64_t)(SELECTOR_USER_DATA - 8) << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
    wrmsr(MSR_CSTAR, 0);
    wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    if (virt)
        virt->cpu_enable(cpu);
}

static void allow(struct tss *tss, const struct port_range *r)
{
    for (unsigned port = r->first; ref_get(r->ioports) && port <= r->last; port++)
        tss->ports[port / 8] &= (uint8_t) ~(1u << port % 8);
}

// The map holds the rights of one process, and is out of reach for all others.
void trap_load_ports(struct cpu *cpu)
{
    struct process *p = current_thread()->process;
    cpu->hazards &= ~(uint32_t)HAZARD_PORTS;
    cpu->ports_open = p->port_count;
    cpu->tss.io_map = p->port_count ? offsetof(struct tss, ports) : IO_MAP_NONE;
    if (!p->port_count || cpu->ports_of == p)
        return;
    memset(cpu->tss.ports, 0xff, sizeof cpu->tss.ports);
    for (uint32_t i = 0; i < p->port_count; i++)
        allow(&cpu->tss, &p->ports[i]);
    cpu->ports_of = p;
}

void trap_ports_changed(const struct process *p)
{
    struct cpu *cpu = this_cpu();
    if (cpu->ports_of == p)
        cpu->ports_of = NULL;
    if (current_thread()->process == p)
        cpu->hazards |= HAZARD_PORTS;
}

static void interrupt(unsigned vector)
{
    switch (vector) {
    case VECTOR_TIMER:
        lapic_eoi();
        sched_timer();
        return;
    case VECTOR_ERROR: lapic_error(); return;
    case VECTOR_SPURIOUS: return;
    default: irq_dispatch(vector);
    }
}

static void exception(struct thread *t, struct frame *f)
{
    unsigned vector = (unsigned)f->vector;
    if (vector == VECTOR_PAGE_FAULT) {
        fault_page(t, read_cr2(), f->error);
        return;
    }
    if (vector == VECTOR_DEBUG && t->stepping) {
        t->stepping = false;
        f->rflags &= ~RFLAGS_TF;
        thread_fault(t, FAULT_STEP, 0, 0);
        return;
    }
    thread_fault(t, FAULT_EXCEPTION, vector | f->error << 32, 0);
}

void trap_user(struct frame *f)
{
    if (f->vector >= VECTOR_IRQ_FIRST)
        interrupt((unsigned)f->vector);
    else
        exception(current_thread(), f);
}

void trap_kernel(struct frame *f)
{
    if (f->vector >= VECTOR_IRQ_FIRST) {
        interrupt((unsigned)f->vector);
        return;
    }
    panic("exception %lu (error %lx) in the kernel at %lx, cr2 %lx, rsp %lx", f->vector, f->error, f->rip,
          read_cr2(), f->rsp);
}
