// Random instructions on random states: the emulator never crashes, loops or changes what it must not change.
// SPDX-License-Identifier: MIT
//
// Each input runs on two machines. One keeps its cache, which holds what other instructions at the same
// addresses left there, and performs reads of some chips at once. The other forgets everything but state and
// progress at each access, and is told of all of them. Both must perform the same accesses and end in the
// same state.
//
// LINK: servers/vmm/emulate/access.c servers/vmm/emulate/actions.c servers/vmm/emulate/alu.c
// LINK: servers/vmm/emulate/control.c servers/vmm/emulate/decode.c servers/vmm/emulate/descriptor.c
// LINK: servers/vmm/emulate/emulate.c servers/vmm/emulate/fetch.c servers/vmm/emulate/integer.c
// LINK: servers/vmm/emulate/memory.c servers/vmm/emulate/operand.c servers/vmm/emulate/segment.c
// LINK: servers/vmm/emulate/stack.c servers/vmm/emulate/string.c servers/vmm/emulate/system.c
// LINK: servers/vmm/emulate/vector.c servers/vmm/emulate/walk.c zydis
#include <stdlib.h>
#include <string.h>

#include "servers/vmm/emulate/control.h"
#include "servers/vmm/emulate/decode.h"
#include "servers/vmm/emulate/emulate.h"
#include "servers/vmm/emulate/x86.h"

// RAM: data, then page tables, whose accessed and dirty bits may change at any time.
enum { DATA_BYTES = 0x8000, RAM_BYTES = 0xd000, TABLES = DATA_BYTES, STEPS = 3 };
enum { CODE = 0x1ff8, LOG_ENTRIES = STEPS * EMU_ACCESSES };

struct machine {
    struct emu_env env;
    bool forgets;
    struct vcpu_state cpu; // from here on all is new with each run
    struct emu_progress progress;
    struct emu_result result;
    uint8_t vector[EMU_VECTOR_MMX + 8][EMU_VECTOR_BYTES];
    unsigned accesses;
    struct vcpu_access log[LOG_ENTRIES];
    _Alignas(4096) uint8_t ram[RAM_BYTES];
};

static struct machine machines[2];
static struct emu_cache caches[2];
static struct machine before;

struct input {
    const uint8_t *data;
    size_t size;
};

static uint64_t take(struct input *input, size_t bytes)
{
    uint64_t value = 0;
    size_t n = bytes < input->size ? bytes : input->size;
    memcpy(&value, input->data, n);
    input->data += n;
    input->size -= n;
    return value;
}

static void *ram(void *ctx, uint64_t gpa, size_t length, bool write)
{
    struct machine *m = ctx;
    if (length == 0 || (gpa & 0xfff) + length > 4096)
        abort();
    bool rom = gpa >= 0x7000 && gpa < DATA_BYTES;
    return gpa < RAM_BYTES && !(rom && write) ? m->ram + gpa : NULL;
}

static void vector_get(void *ctx, unsigned index, uint8_t value[EMU_VECTOR_BYTES])
{
    memcpy(value, ((struct machine *)ctx)->vector[index], EMU_VECTOR_BYTES);
}

static void vector_set(void *ctx, unsigned index, const uint8_t value[EMU_VECTOR_BYTES])
{
    memcpy(((struct machine *)ctx)->vector[index], value, EMU_VECTOR_BYTES);
}

// Pages 0 to 15 with rights from the input, in all three formats of tables at once.
static void make_tables(struct machine *m, struct input *input)
{
    uint64_t *pml4 = (uint64_t *)(m->ram + TABLES), *pdpt = pml4 + 512, *pd = pdpt + 512, *pt = pd + 512;
    uint32_t *pt32 = (uint32_t *)(pt + 512);
    pml4[0] = pml4[511] = (TABLES + 0x1000) | 7;
    pdpt[0] = (TABLES + 0x2000) | 7;
    pd[0] = (TABLES + 0x3000) | 7;
    pd[1] = 0xe7;
    for (unsigned i = 0; i < 16; i++) {
        uint64_t rights = take(input, 1), page = rights & 0x10 ? UINT64_C(0xfee00) + i : i;
        pt[i] = page << 12 | ((rights & 7) ^ 7) | (rights & 0xe0) << 36 | (rights & 8) << 60;
        pt32[i] = (uint32_t)(page << 12 | ((rights & 7) ^ 7));
    }
}

static uint64_t pointer(struct input *input)
{
    uint64_t choice = take(input, 1), offset = take(input, 2);
    switch (choice % 8) {
    case 0: return offset;
    case 1: return UINT64_C(0xfee00000) + offset;
    case 2: return (offset << 12) - choice / 8;
    case 3: return UINT64_C(0xffffff8000000000) + offset;
    case 4: return UINT64_C(0x800000000000) - choice / 8;
    case 5: return offset % 64;
    case 6: return ~UINT64_C(0) - offset % 64;
    default: return take(input, 8);
    }
}

static void make_state(struct machine *m, struct input *input)
{
    static const struct {
        uint64_t cr0, cr3, cr4, efer, rflags;
        uint16_t code;
    } modes[] = {
        {0, 0, 0, 0, 0, 0x9b},
        {CR0_PE, 0, 0, 0, 0, 0x9b},
        {CR0_PE, 0, 0, 0, 0, 0xc9b},
        {CR0_PE | CR0_PG, TABLES + 0x4000, CR4_PSE, 0, 0, 0xc9b},
        {CR0_PE | CR0_PG, TABLES + 0x1000, CR4_PAE, EFER_NXE, 0, 0xc9b},
        {CR0_PE | CR0_PG, TABLES, CR4_PAE, EFER_LMA | EFER_NXE, 0, 0xa9b},
        {CR0_PE | CR0_PG, TABLES, CR4_PAE, EFER_LMA, 0, 0xc9b},
        {CR0_PE | CR0_PG, TABLES + 0x1000, CR4_PAE, 0, RFLAGS_VM, 0x9b},
    };
    unsigned mode = take(input, 1) % 16;
    mode = mode < 8 ? mode : 5;
    struct vcpu_state *cpu = &m->cpu;
    cpu->cr0 = modes[mode].cr0 | (take(input, 4) & (CR0_WP | CR0_AM | CR0_TS | CR0_EM));
    cpu->cr3 = modes[mode].cr3;
    cpu->cr4 =
        modes[mode].cr4 | (CR4_OSFXSR | CR4_OSXSAVE) | (take(input, 4) & (CR4_SMEP | CR4_SMAP | CR4_UMIP));
    cpu->efer = modes[mode].efer;
    cpu->rflags =
        modes[mode].rflags | 2 | (take(input, 4) & (RFLAGS_STATUS | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_AC));
    cpu->rip = CODE + take(input, 1) % 16;
    cpu->gdtr = (struct vcpu_table){0x3000, 0xff};
    for (unsigned i = 0; i < GPR_COUNT; i++)
        cpu->gpr[i] = pointer(input);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        uint64_t choice = take(input, 1);
        cpu->seg[i] = (struct vcpu_segment){
            .attributes = (uint16_t)(choice & 1 ? take(input, 2) : 0xc93),
            .limit = choice & 2 ? (uint32_t)pointer(input) : UINT32_MAX,
            .base = choice & 4 ? pointer(input) : 0,
        };
    }
    cpu->seg[SEG_CS] = (struct vcpu_segment){.attributes = modes[mode].code, .limit = UINT32_MAX};
    cpu->seg[SEG_SS].attributes |= (uint16_t)(take(input, 1) & 0x60);
}

static uint64_t answer(const struct vcpu_access *access)
{
    return access->address * UINT64_C(0x9e3779b97f4a7c15);
}

// The second machine's reads are all reported.
static bool read_own(void *ctx, const struct vcpu_access *access, uint64_t *value)
{
    struct machine *m = ctx;
    if (m->forgets || access->address & 8)
        return false;
    m->log[m->accesses++] = *access;
    *value = answer(access);
    return true;
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool unchanged(const struct machine *m)
{
    return !memcmp(&m->cpu, &before.cpu, sizeof(m->cpu)) && !memcmp(m->ram, before.ram, DATA_BYTES) &&
           !memcmp(m->vector, before.vector, sizeof(m->vector));
}

static void check_access(const struct machine *m)
{
    const struct vcpu_access *access = &m->result.access;
    check(access->size == 1 || access->size == 2 || access->size == 4 || access->size == 8);
    if (access->space == ACCESS_MEMORY)
        check(access->address % access->size == 0);
    else
        check(access->address <= 0xffff && access->size <= 4);
    check(!m->result.complete || access->write);
    check(m->result.complete == (access->write && !access->flags));
    check(m->result.complete || unchanged(m));
}

static void step(struct machine *m)
{
    before = *m;
    emu_start(&m->cpu, &m->env, &m->progress, &m->result);
    for (unsigned n = 0; m->result.kind == EMU_ACCESS; n++) {
        check(n < EMU_ACCESSES);
        check_access(m);
        m->log[m->accesses++] = m->result.access;
        if (m->result.complete)
            return;
        if (m->forgets)
            emu_cache_reset(m->env.cache);
        emu_resume(&m->cpu, &m->env, &m->progress, answer(&m->result.access), &m->result);
    }
    check(m->result.kind == EMU_DONE || unchanged(m));
}

static void look(struct machine *m)
{
    for (unsigned kind = 0; kind < EXIT_KINDS; kind++) {
        struct emu_control control;
        before = *m;
        emu_decode(&m->cpu, &m->env, kind, &control, &m->result);
        check(unchanged(m) && control.length <= 15);
        check(m->result.kind != EMU_DONE || control.length > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// `later`: how many bytes of the code are left out, so that other instructions lie at the same addresses.
static void run(struct machine *m, struct input input, unsigned later)
{
    uint8_t code[48];
    memset(&m->cpu, 0, sizeof(*m) - offsetof(struct machine, cpu));
    unsigned length = 1 + take(&input, 1) % sizeof(code);
    for (unsigned j = 0; j < length; j++)
        code[j] = (uint8_t)take(&input, 1);
    make_state(m, &input);
    make_tables(m, &input);
    for (unsigned j = 0; j < 0x1000; j++)
        m->ram[0x3000 + j] = (uint8_t)(j * 37); // descriptors of a sort
    later = later < length ? later : 0;
    memcpy(m->ram + m->cpu.rip, code + later, length - later);
    look(m);
    for (unsigned j = 0; j < STEPS; j++)
        step(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct input input = {data, size};
    for (unsigned i = 0; i < 2; i++) {
        struct machine *m = &machines[i];
        m->forgets = i;
        m->env = (struct emu_env){.ctx = m,
                                  .ram = ram,
                                  .vector_get = vector_get,
                                  .vector_set = vector_set,
                                  .read_own = read_own,
                                  .cache = &caches[i],
                                  .physical_bits = 40,
                                  .gigabyte_pages = true};
        emu_cache_reset(&caches[i]);
        run(m, input, 1); // what is cached of it must not matter
        if (m->forgets)
            emu_cache_reset(&caches[i]);
        run(m, input, 0);
    }
    check(machines[0].accesses == machines[1].accesses);
    check(!memcmp(machines[0].log, machines[1].log, sizeof(machines[0].log)));
    check(!memcmp(&machines[0].cpu, &machines[1].cpu, sizeof(machines[0].cpu)));
    check(!memcmp(machines[0].ram, machines[1].ram, sizeof(machines[0].ram)));
    check(!memcmp(machines[0].vector, machines[1].vector, sizeof(machines[0].vector)));
    return 0;
}
