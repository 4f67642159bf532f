// A VM for tiny guests.
// SPDX-License-Identifier: MIT
#include "tests/programs/common/machine.h"

#include <stdio.h>
#include <string.h>

#include "libipc/time.h"
#include "tests/guests/guest.h"
#include "tests/programs/common/slate.h"
#include "tests/programs/common/tap.h"

#define PATIENCE_NS (10 * NS_PER_S) // a machine in real time may stand still for long
#define PAT_RESET   UINT64_C(0x0007040600070406)

enum {
    CR0_REAL = 0x10,
    CR0_32 = 0x31,
    CR0_64 = 0x80010031,
    CR4_64 = 0x220,
    EFER_64 = 0xd00,
    PAGE = 4096,
    ENTRIES = 512,
    PTE_PRESENT = 3,
    PTE_LARGE = 0x83,
    CODE = 0x9b,
    DATA = 0x93,
    TSS = 0x8b,
    FLAT_32 = 0xc00,
    FLAT_64 = 0xa00
};

void machine_make(struct machine *m)
{
    *m = (struct machine){.vm = make(OBJECT_VM, 0, 0, 0, 0)};
    m->space = make(OBJECT_SPACE, m->vm, 0, 0, 0);
    m->endpoint = make_endpoint();
    m->reply = make_reply();
    m->memory = make_memory(MACHINE_PAGES);
    fill(m->memory, 0, MACHINE_FILLED);
    m->ram = look(m->memory, RIGHT_READ | RIGHT_WRITE);
    memset(m->ram, 0, (size_t)MACHINE_FILLED * PAGE);
    if (sys_map(m->space, 0, m->memory, RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE) != STATUS_OK)
        tap_bail_out("a guest's memory cannot be mapped");
    m->vcpu = make(OBJECT_VCPU, m->vm, m->space, m->endpoint, CREATE_EXEC(0, PRIORITY_LOW, 0));
    if (machine_wait(m) != EXIT_START)
        tap_bail_out("a vCPU's first exit is %u", m->kind);
}

// 4 GiB mapped to themselves by 2 MiB pages, one table after the other.
static void make_page_tables(uint8_t *ram)
{
    uint64_t *table = (uint64_t *)(void *)(ram + GUEST_CR3);
    table[0] = (GUEST_CR3 + PAGE) | PTE_PRESENT;
    for (uint64_t i = 0; i < 4; i++)
        table[ENTRIES + i] = (GUEST_CR3 + (2 + i) * PAGE) | PTE_PRESENT;
    for (uint64_t i = 0; i < (uint64_t)4 * ENTRIES; i++)
        table[(size_t)2 * ENTRIES + i] = i << 21 | PTE_LARGE;
}

static void set_mode(struct vcpu_state *s, enum guest_mode mode)
{
    static const struct {
        uint64_t cr0, cr4, efer;
        uint16_t code, data;
        uint32_t limit;
    } modes[] = {
        [GUEST_REAL] = {CR0_REAL, 0, 0, CODE, DATA, 0xffff},
        [GUEST_32] = {CR0_32, 0, 0, CODE | FLAT_32, DATA | FLAT_32, UINT32_MAX},
        [GUEST_64] = {CR0_64, CR4_64, EFER_64, CODE | FLAT_64, DATA | FLAT_32, UINT32_MAX},
    };
    s->cr0 = modes[mode].cr0;
    s->cr4 = modes[mode].cr4;
    s->efer = modes[mode].efer;
    for (unsigned i = SEG_ES; i <= SEG_GS; i++)
        s->seg[i] = (struct vcpu_segment){.attributes = modes[mode].data, .limit = modes[mode].limit};
    s->seg[SEG_CS].attributes = modes[mode].code;
    if (mode != GUEST_REAL) {
        s->seg[SEG_CS].selector = mode == GUEST_64 ? 0x08 : 0x18;
        s->seg[SEG_SS].selector = 0x10;
    }
}

void machine_load(struct machine *m, const char *guest, enum guest_mode mode)
{
    struct vcpu_state *s = machine_state();
    char name[32];
    size_t size;
    (void)snprintf(name, sizeof name, "%s.bin", guest);
    const uint8_t *code = archive_file(name, &size);
    if (!code)
        tap_bail_out("no guest %s in the boot archive", name);
    memcpy(m->ram + GUEST_ENTRY, code, size);
    make_page_tables(m->ram);
    *s = (struct vcpu_state){.rip = GUEST_ENTRY, .rflags = 2, .cr3 = GUEST_CR3, .pat = PAT_RESET, .xcr0 = 1};
    s->gpr[GPR_RSP] = GUEST_STACK;
    s->dr6 = 0xffff0ff0;
    s->dr7 = 0x400;
    s->idtr.limit = 0xffff;
    s->seg[SEG_TR] = (struct vcpu_segment){.attributes = TSS, .limit = 0x67};
    set_mode(s, mode);
    m->answer.groups = GROUP_ALL;
}

void machine_start(struct machine *m, const char *guest, enum guest_mode mode)
{
    machine_make(m);
    machine_load(m, guest, mode);
}

static void reply_wait(struct machine *m, uint32_t endpoint, unsigned flags, uint32_t reply)
{
    const struct machine_answer *a = &m->answer;
    struct message x = {TAG(a->action, REPLY_WORDS), {a->groups, a->event, a->deadline, a->offer}};
    uint64_t badge, deadline = a->deadline, offer = a->offer;
    utcb()->deadline = deadline_in(PATIENCE_NS);
    m->status = sys_reply_wait(endpoint, flags, reply, endpoint ? m->reply : SLOT_NONE, &x, &badge);
    m->kind = NO_EXIT;
    if (m->status == STATUS_OK) {
        m->kind = TAG_LABEL(x.tag) == LABEL_PAGE_FAULT ? NO_PAGE : TAG_LABEL(x.tag) - LABEL_EXIT;
        memcpy(m->word, x.words, sizeof m->word);
        if (m->kind == EXIT_KICK && (m->word[EXIT_INFO] & EXIT_DEADLINE))
            deadline = 0;
        if (!(m->word[EXIT_INFO] & EXIT_OFFER_PENDING))
            offer = 0;
    }
    m->answer = (struct machine_answer){.deadline = deadline, .offer = offer};
}

uint32_t machine_go(struct machine *m)
{
    reply_wait(m, m->endpoint, WAIT_DEADLINE, m->reply);
    return m->kind;
}

uint32_t machine_wait(struct machine *m)
{
    reply_wait(m, m->endpoint, WAIT_DEADLINE, SLOT_NONE);
    return m->kind;
}

enum status machine_answer(struct machine *m)
{
    reply_wait(m, SLOT_NONE, WAIT_POLL, m->reply);
    return m->status == STATUS_TIMEOUT ? STATUS_OK : m->status;
}

void machine_skip(struct machine *m, unsigned bytes)
{
    machine_state()->rip += bytes;
    machine_state()->blocking &= BLOCKING_NMI;
    m->answer.groups |= GROUP_RIP;
}

void machine_port(struct machine *m, uint64_t value)
{
    static const uint64_t masks[] = {[1] = 0xff, [2] = 0xffff, [4] = 0xffffffff};
    uint64_t *rax = &machine_state()->gpr[GPR_RAX], info = m->word[EXIT_INFO],
             mask = masks[EXIT_INFO_SIZE(info)];
    if (!(info & EXIT_WRITE)) {
        *rax = (mask == 0xffffffff ? 0 : *rax & ~mask) | (value & mask);
        m->answer.groups |= GROUP_GPR_ABCD;
    }
    machine_skip(m, EXIT_INFO_LENGTH(info));
}

bool machine_writes(struct machine *m, uint16_t port, uint32_t value)
{
    uint32_t kind = machine_go(m);
    bool ok = kind == EXIT_PIO && (m->word[EXIT_INFO] & EXIT_WRITE) && m->word[EXIT_ADDRESS] == port &&
              m->word[EXIT_VALUE] == value;
    if (!ok)
        tap_note("exit %u address %llx value %llx info %llx at rip %llx, status %u", kind,
                 (unsigned long long)m->word[EXIT_ADDRESS], (unsigned long long)m->word[EXIT_VALUE],
                 (unsigned long long)m->word[EXIT_INFO], (unsigned long long)machine_state()->rip, m->status);
    if (kind == EXIT_PIO)
        machine_port(m, 0);
    return ok;
}

bool machine_reports(struct machine *m, uint32_t value)
{
    return machine_writes(m, PORT_REPORT, value);
}
