// Instructions executed by the emulator and by the processor that runs this test, on the same random
// operands. SPDX-License-Identifier: MIT
//
// Each instruction runs with its operand in the device, aligned; in the device, across a page; and in RAM.
// Registers, flags (those that the manual defines) and memory must come out the same.
//
// LINK: servers/vmm/emulate/access.c servers/vmm/emulate/actions.c servers/vmm/emulate/alu.c
// LINK: servers/vmm/emulate/control.c servers/vmm/emulate/decode.c servers/vmm/emulate/descriptor.c
// LINK: servers/vmm/emulate/emulate.c servers/vmm/emulate/fetch.c servers/vmm/emulate/integer.c
// LINK: servers/vmm/emulate/memory.c servers/vmm/emulate/operand.c servers/vmm/emulate/segment.c
// LINK: servers/vmm/emulate/stack.c servers/vmm/emulate/string.c servers/vmm/emulate/system.c
// LINK: servers/vmm/emulate/vector.c servers/vmm/emulate/walk.c zydis
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "servers/vmm/emulate/alu.h"
#include "tests/unit/emulate_machine.h"

enum { ROUNDS = 150, WINDOW = 256, FLAG_ARITHMETIC = 0x8d5 };

// One row: the code, its text, its length and the flags to compare. The operand is at RDI, a second one at
// RSI.
struct native_case {
    const uint8_t *code;
    const char *text;
    uint32_t length;
    uint32_t flags;
};
extern const struct native_case native_cases[], native_cases_end[];

__asm__(
    ".data\n.balign 8\n.globl native_cases, native_cases_end\nnative_cases:\n"
    ".macro case text:vararg\n"
    ".subsection 1\n10: \\text\n11: .asciz \"\\text\"\n.subsection 0\n"
    ".quad 10b, 11b\n.long 11b - 10b, FLAGS\n"
    ".endm\n"
    ".macro sizes op:req, rest:vararg\n"
    "case \\op\\()b \\rest (%rdi)\ncase \\op\\()w \\rest (%rdi)\ncase \\op\\()l \\rest (%rdi)\ncase "
    "\\op\\()q \\rest (%rdi)\n"
    ".endm\n"
    ".macro binary op:req\n"
    "case \\op %cl, (%rdi)\ncase \\op %bh, (%rdi)\ncase \\op %r9w, (%rdi)\ncase \\op %ecx, (%rdi)\n"
    "case \\op %rdx, (%rdi)\ncase \\op (%rdi), %dh\ncase \\op (%rdi), %r8b\ncase \\op (%rdi), %ax\n"
    "case \\op (%rdi), %r12d\ncase \\op (%rdi), %rbp\nsizes \\op, $0x7f,\ncase \\op\\()w $0x8123, (%rdi)\n"
    "case \\op\\()l $0x80000001, (%rdi)\ncase \\op\\()q $-0x7ffffff0, (%rdi)\n"
    ".endm\n"
    // All six status flags are defined.
    ".set FLAGS, 0x8d5\n"
    "binary add\nbinary adc\nbinary sub\nbinary sbb\nbinary cmp\n"
    "sizes inc\nsizes dec\nsizes neg\nsizes not\n"
    "case lock addl %ecx, (%rdi)\ncase lock incq (%rdi)\ncase lock sbbw %cx, (%rdi)\ncase lock notb (%rdi)\n"
    "case xadd %al, (%rdi)\ncase xadd %bx, (%rdi)\ncase lock xadd %ecx, (%rdi)\ncase xadd %r15, (%rdi)\n"
    "case xchg %ah, (%rdi)\ncase xchg %bx, (%rdi)\ncase xchg %ecx, (%rdi)\ncase xchg %r15, (%rdi)\n"
    "case cmpxchg %cl, (%rdi)\ncase cmpxchg %cx, (%rdi)\ncase lock cmpxchg %ecx, (%rdi)\n"
    "case cmpxchg %rcx, (%rdi)\ncase cmpxchg8b (%rdi)\ncase lock cmpxchg8b (%rdi)\n"
    "case popcnt (%rdi), %ax\ncase popcnt (%rdi), %eax\ncase popcnt (%rdi), %rax\n"
    "case mov %cl, (%rdi)\ncase mov %ch, (%rdi)\ncase mov %cx, (%rdi)\ncase mov %ecx, (%rdi)\n"
    "case mov %rcx, (%rdi)\ncase mov (%rdi), %r11b\ncase mov (%rdi), %bh\ncase mov (%rdi), %bx\n"
    "case mov (%rdi), %ebx\ncase mov (%rdi), %rbx\nsizes mov, $0x5a,\ncase movl $0x89abcdef, (%rdi)\n"
    "case movq $-0x12345678, (%rdi)\ncase movnti %eax, (%rdi)\ncase movnti %rax, (%rdi)\n"
    "case movzbw (%rdi), %ax\ncase movzbl (%rdi), %eax\ncase movzbq (%rdi), %rax\ncase movzwl (%rdi), %eax\n"
    "case movzwq (%rdi), %rax\ncase movsbw (%rdi), %ax\ncase movsbl (%rdi), %eax\ncase movsbq (%rdi), %rax\n"
    "case movswl (%rdi), %eax\ncase movswq (%rdi), %rax\ncase movslq (%rdi), %rax\n"
    "case movbe (%rdi), %ax\ncase movbe (%rdi), %eax\ncase movbe (%rdi), %rax\ncase movbe %cx, (%rdi)\n"
    "case movbe %ecx, (%rdi)\ncase movbe %rcx, (%rdi)\n"
    "case mov 3(%rdi), %eax\ncase mov -8(%rdi, %r14), %rax\ncase mov %ecx, 4(%rdi, %r14)\n"
    "case seto (%rdi)\ncase setno (%rdi)\ncase setb (%rdi)\ncase setnb (%rdi)\ncase setz (%rdi)\ncase setnz "
    "(%rdi)\n"
    "case setbe (%rdi)\ncase setnbe (%rdi)\ncase sets (%rdi)\ncase setns (%rdi)\ncase setp (%rdi)\n"
    "case setnp (%rdi)\ncase setl (%rdi)\ncase setnl (%rdi)\ncase setle (%rdi)\ncase setnle (%rdi)\n"
    "case cmovo (%rdi), %ax\ncase cmovno (%rdi), %eax\ncase cmovb (%rdi), %rax\ncase cmovnb (%rdi), %eax\n"
    "case cmovz (%rdi), %eax\ncase cmovnz (%rdi), %eax\ncase cmovbe (%rdi), %eax\ncase cmovnbe (%rdi), %eax\n"
    "case cmovs (%rdi), %eax\ncase cmovns (%rdi), %eax\ncase cmovp (%rdi), %eax\ncase cmovnp (%rdi), %eax\n"
    "case cmovl (%rdi), %eax\ncase cmovnl (%rdi), %eax\ncase cmovle (%rdi), %eax\ncase cmovnle (%rdi), %eax\n"
    "case movsb\ncase movsw\ncase movsl\ncase movsq\ncase stosb\ncase stosw\ncase stosl\ncase stosq\n"
    "case lodsb\ncase lodsw\ncase lodsl\ncase lodsq\ncase cmpsb\ncase cmpsw\ncase cmpsl\ncase cmpsq\n"
    "case scasb\ncase scasw\ncase scasl\ncase scasq\n"
    // AF is not.
    ".set FLAGS, 0x8c5\n"
    "binary and\nbinary or\nbinary xor\n"
    "sizes test, $0x71,\ncase test %cl, (%rdi)\ncase test %cx, (%rdi)\ncase test %ecx, (%rdi)\n"
    "case test %rcx, (%rdi)\nsizes shl\nsizes shr\nsizes sar\ncase shldw $1, %ax, (%rdi)\n"
    "case shrdl $1, %eax, (%rdi)\n"
    "sizes rol\nsizes ror\nsizes rcl\nsizes rcr\n"
    // Counts other than one leave OF undefined.
    ".set FLAGS, 0x0c5\n"
    "sizes shl, $5,\nsizes shr, $7,\nsizes sar, $3,\ncase shll %cl, (%rdi)\ncase shrq %cl, (%rdi)\n"
    "case sarl %cl, (%rdi)\ncase sarb $31, (%rdi)\n"
    "case shldw $7, %ax, (%rdi)\ncase shldl %cl, %eax, (%rdi)\ncase shldq %cl, %rax, (%rdi)\n"
    "case shrdw $9, %ax, (%rdi)\ncase shrdl %cl, %eax, (%rdi)\ncase shrdq %cl, %rax, (%rdi)\n"
    "sizes rol, $3,\nsizes ror, $5,\nsizes rcl, $17,\nsizes rcr, $19,\n"
    "sizes rol, %cl,\nsizes ror, %cl,\nsizes rcl, %cl,\nsizes rcr, %cl,\n"
    // Only CF and OF.
    ".set FLAGS, 0x801\n"
    "sizes mul\nsizes imul\ncase imul (%rdi), %ax\ncase imul (%rdi), %eax\ncase imul (%rdi), %rax\n"
    "case imul $-3, (%rdi), %rdx\ncase imul $1000, (%rdi), %dx\ncase imul $70000, (%rdi), %edx\n"
    // ZF and CF.
    ".set FLAGS, 0x041\n"
    "case tzcnt (%rdi), %ax\ncase tzcnt (%rdi), %eax\ncase tzcnt (%rdi), %rax\n"
    "case lzcnt (%rdi), %ax\ncase lzcnt (%rdi), %eax\ncase lzcnt (%rdi), %rax\n"
    "case bt %r14w, (%rdi)\ncase bt %r14d, (%rdi)\ncase bt %r14, (%rdi)\ncase bts %r14d, (%rdi)\n"
    "case lock btr %r14, (%rdi)\ncase btc %r14w, (%rdi)\ncase bt %ebp, %eax\ncase btc %rbp, %rax\n"
    "case btw $19, (%rdi)\ncase btsl $31, (%rdi)\ncase btrq $63, (%rdi)\ncase btcl $33, (%rdi)\n"
    // Only ZF.
    ".set FLAGS, 0x040\n"
    "case bsf (%rdi), %ax\ncase bsf (%rdi), %eax\ncase bsf (%rdi), %rax\n"
    "case bsr (%rdi), %ax\ncase bsr (%rdi), %eax\ncase bsr (%rdi), %rax\n"
    // None.
    ".set FLAGS, 0\n"
    "sizes div\nsizes idiv\n"
    ".globl native_vector_cases\nnative_vector_cases:\n"
    "case movups (%rdi), %xmm3\ncase movupd (%rdi), %xmm3\ncase movdqu (%rdi), %xmm3\ncase lddqu (%rdi), "
    "%xmm3\n"
    "case movss (%rdi), %xmm3\ncase movsd (%rdi), %xmm3\ncase movd (%rdi), %xmm3\ncase movq (%rdi), %xmm3\n"
    "case movlps (%rdi), %xmm3\ncase movlpd (%rdi), %xmm3\ncase movhps (%rdi), %xmm3\n"
    "case movhpd (%rdi), %xmm3\ncase movups %xmm3, (%rdi)\ncase movupd %xmm3, (%rdi)\n"
    "case movdqu %xmm3, (%rdi)\ncase movss %xmm3, (%rdi)\ncase movsd %xmm3, (%rdi)\ncase movd %xmm3, (%rdi)\n"
    "case movq %xmm3, (%rdi)\ncase movlps %xmm3, (%rdi)\ncase movlpd %xmm3, (%rdi)\n"
    "case movhps %xmm3, (%rdi)\ncase movhpd %xmm3, (%rdi)\n"
    "case vmovups (%rdi), %ymm3\ncase vmovupd (%rdi), %xmm3\ncase vmovdqu (%rdi), %ymm3\n"
    "case vlddqu (%rdi), %ymm3\ncase vmovss (%rdi), %xmm3\ncase vmovsd (%rdi), %xmm3\n"
    "case vmovd (%rdi), %xmm3\ncase vmovq (%rdi), %xmm3\ncase vmovlps (%rdi), %xmm2, %xmm3\n"
    "case vmovlpd (%rdi), %xmm2, %xmm3\ncase vmovhps (%rdi), %xmm2, %xmm3\n"
    "case vmovhpd (%rdi), %xmm2, %xmm3\ncase vmovups %ymm3, (%rdi)\ncase vmovdqu %xmm3, (%rdi)\n"
    "case vmovss %xmm3, (%rdi)\ncase vmovq %xmm3, (%rdi)\ncase vmovhps %xmm3, (%rdi)\n"
    ".globl native_aligned_cases\nnative_aligned_cases:\n"
    "case movaps (%rdi), %xmm3\ncase movapd (%rdi), %xmm3\ncase movdqa (%rdi), %xmm3\n"
    "case movntdqa (%rdi), %xmm3\ncase movaps %xmm3, (%rdi)\ncase movdqa %xmm3, (%rdi)\n"
    "case movntps %xmm3, (%rdi)\ncase movntpd %xmm3, (%rdi)\ncase movntdq %xmm3, (%rdi)\n"
    "case vmovaps (%rdi), %ymm3\ncase vmovdqa %ymm3, (%rdi)\ncase vmovntdq %ymm3, (%rdi)\n"
    "case cmpxchg16b (%rdi)\ncase lock cmpxchg16b (%rdi)\n"
    "native_cases_end:\n.text\n");
extern const struct native_case native_vector_cases[], native_aligned_cases[];

// All that an instruction may change in the processor. Offsets are known to native_call.
struct registers {
    uint64_t gpr[GPR_COUNT]; // rsp is not used
    uint64_t rflags;
    uint64_t unused[3];
    uint8_t vector[4][EMU_VECTOR_BYTES];
};
_Static_assert(offsetof(struct registers, vector) == 160, "known to native_call");

void native_call(struct registers *registers, const void *code);

// rdi: registers, rsi: code that ends in RET.
__asm__(
    ".text\nnative_call:\n"
    "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "push %rdi\npush %rsi\n"
    "vmovups 160(%rdi), %ymm0\nvmovups 192(%rdi), %ymm1\nvmovups 224(%rdi), %ymm2\nvmovups 256(%rdi), %ymm3\n"
    "pushq 128(%rdi)\npopfq\n"
    "mov 0(%rdi), %rax\nmov 8(%rdi), %rcx\nmov 16(%rdi), %rdx\nmov 24(%rdi), %rbx\nmov 40(%rdi), %rbp\n"
    "mov 48(%rdi), %rsi\nmov 64(%rdi), %r8\nmov 72(%rdi), %r9\nmov 80(%rdi), %r10\nmov 88(%rdi), %r11\n"
    "mov 96(%rdi), %r12\nmov 104(%rdi), %r13\nmov 112(%rdi), %r14\nmov 120(%rdi), %r15\n"
    "mov 56(%rdi), %rdi\n"
    "call *(%rsp)\n"
    "pushfq\npush %rdi\nmov 24(%rsp), %rdi\n"
    "mov %rax, 0(%rdi)\nmov %rcx, 8(%rdi)\nmov %rdx, 16(%rdi)\nmov %rbx, 24(%rdi)\nmov %rbp, 40(%rdi)\n"
    "mov %rsi, 48(%rdi)\nmov %r8, 64(%rdi)\nmov %r9, 72(%rdi)\nmov %r10, 80(%rdi)\nmov %r11, 88(%rdi)\n"
    "mov %r12, 96(%rdi)\nmov %r13, 104(%rdi)\nmov %r14, 112(%rdi)\nmov %r15, 120(%rdi)\n"
    "popq 56(%rdi)\npopq 128(%rdi)\ncld\n"
    "vmovups %ymm0, 160(%rdi)\nvmovups %ymm1, 192(%rdi)\nvmovups %ymm2, 224(%rdi)\nvmovups %ymm3, 256(%rdi)\n"
    "vzeroupper\n"
    "pop %rsi\npop %rdi\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n");

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

// Values at the edges are more telling than random ones.
static uint64_t random_operand(void)
{
    static const uint64_t edges[] = {0,          1,
                                     2,          0x7f,
                                     0x80,       0xff,
                                     0x7fff,     0x8000,
                                     0x7fffffff, 0x80000000,
                                     INT64_MAX,  UINT64_C(1) << 63,
                                     UINT64_MAX, UINT64_MAX - 1};
    uint64_t choice = random64();
    if (choice % 3 == 0)
        return edges[choice / 3 % (sizeof(edges) / sizeof(edges[0]))];
    return random64() >> (choice % 5 == 0 ? 56 : 0);
}

static uint8_t *code_page;

static int set_up(void **state)
{
    *state = machine_new();
    code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return code_page == MAP_FAILED;
}

static int tear_down(void **state)
{
    munmap(code_page, 4096);
    machine_free(*state);
    return 0;
}

static void random_registers(struct registers *registers)
{
    for (unsigned i = 0; i < GPR_COUNT; i++)
        registers->gpr[i] = random_operand();
    // A bit number or index within reach of the window.
    registers->gpr[GPR_R8 + 6] = random64() % 100;
    if (random64() % 2)
        registers->gpr[GPR_R8 + 6] = -registers->gpr[GPR_R8 + 6];
    registers->rflags = 0x202 | (random64() & (FLAG_ARITHMETIC | RFLAGS_DF));
    for (unsigned i = 0; i < sizeof(registers->vector); i++)
        registers->vector[i / EMU_VECTOR_BYTES][i % EMU_VECTOR_BYTES] = (uint8_t)random64();
}

// Where the operand lies: in the guest's physical memory, and `offset` into the native window.
struct placement {
    const char *name;
    uint64_t gpa;
};

static uint8_t *bytes_at(struct machine *m, uint64_t gpa)
{
    return gpa >= DEVICE ? m->device + (gpa - DEVICE) : m->ram + gpa;
}

static void fail_case(const struct native_case *c, const char *where, const char *what, uint64_t got,
                      uint64_t want)
{
    fail_msg("%s (%s): %s is %llx, the processor says %llx", c->text, where, what, (unsigned long long)got,
             (unsigned long long)want);
}

static void compare(struct machine *m, const struct native_case *c, const char *where,
                    const struct registers *native, uint64_t gpa, const uint8_t *window)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    uint64_t to_guest[GPR_COUNT] = {0};
    to_guest[GPR_RSI] = to_guest[GPR_RDI] = gpa - (uintptr_t)(window + WINDOW / 2);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        if (i != GPR_RSP && m->cpu.gpr[i] != native->gpr[i] + to_guest[i] && m->cpu.gpr[i] != native->gpr[i])
            fail_case(c, where, names[i], m->cpu.gpr[i], native->gpr[i] + to_guest[i]);
    if ((m->cpu.rflags ^ native->rflags) & c->flags)
        fail_case(c, where, "rflags", m->cpu.rflags & c->flags, native->rflags & c->flags);
    const uint8_t *guest = bytes_at(m, gpa - WINDOW / 2);
    for (unsigned i = 0; i < WINDOW; i++)
        if (guest[i] != window[i])
            fail_case(c, where, "a byte of memory", guest[i], window[i]);
    for (unsigned i = 0; i < sizeof(native->vector); i++) {
        unsigned reg = i / EMU_VECTOR_BYTES, byte = i % EMU_VECTOR_BYTES;
        if (m->vector[reg][byte] != native->vector[reg][byte])
            fail_case(c, where, "a byte of a vector register", m->vector[reg][byte],
                      native->vector[reg][byte]);
    }
    assert_int_equal(m->cpu.rip, CODE + c->length);
}

static void run_native(const struct native_case *c, struct registers *registers)
{
    memcpy(code_page, c->code, c->length);
    code_page[c->length] = 0xc3;
    native_call(registers, code_page);
}

static void run_case(struct machine *m, const struct native_case *c, const struct placement *place)
{
    static uint8_t window[WINDOW] __attribute__((aligned(64)));
    struct registers native;
    random_registers(&native);
    for (unsigned i = 0; i < WINDOW; i += 8) {
        uint64_t value = random_operand();
        memcpy(window + i, &value, 8);
    }
    memcpy(bytes_at(m, place->gpa - WINDOW / 2), window, WINDOW);
    // cmpxchg and its kin succeed now and then.
    if (random64() % 2) {
        memcpy(&native.gpr[GPR_RAX], window + WINDOW / 2, 8);
        memcpy(&native.gpr[GPR_RDX], window + WINDOW / 2 + (strstr(c->text, "8b") ? 4 : 8), 8);
    }
    native.gpr[GPR_RDI] = native.gpr[GPR_RSI] = (uintptr_t)(window + WINDOW / 2);
    machine_long(m);
    memcpy(m->cpu.gpr, native.gpr, sizeof(native.gpr));
    memcpy(m->vector, native.vector, sizeof(native.vector));
    m->cpu.gpr[GPR_RDI] = m->cpu.gpr[GPR_RSI] = place->gpa;
    m->cpu.rflags = native.rflags;
    machine_code(m, c->code, c->length);
    enum emu_kind kind = machine_step(m);
    if (kind == EMU_EVENT && strstr(c->text, "div")) {
        assert_int_equal(m->result.event, EVENT_MAKE(EVENT_EXCEPTION, VECTOR_DE));
        return;
    }
    if (kind != EMU_DONE)
        fail_case(c, place->name, "the result", kind, EMU_DONE);
    run_native(c, &native);
    compare(m, c, place->name, &native, place->gpa, window);
}

static const struct placement aligned_places[] = {
    {"device", DEVICE + 0x1000},
    {"RAM", 0x20000},
};
static const struct placement other_places[] = {
    {"device, unaligned", DEVICE + 0x1003},
    {"device, across pages", DEVICE + 0x1ffe},
    {"RAM, across pages", 0x20ffd},
};

static void run_range(struct machine *m, const struct native_case *from, const struct native_case *to,
                      const struct placement *places, size_t count)
{
    for (const struct native_case *c = from; c < to; c++)
        for (size_t p = 0; p < count; p++)
            for (unsigned round = 0; round < ROUNDS; round++)
                run_case(m, c, &places[p]);
}

static void test_aligned(void **state)
{
    run_range(*state, native_cases, native_cases_end, aligned_places, 2);
}

static void test_elsewhere(void **state)
{
    run_range(*state, native_cases, native_aligned_cases, other_places, 3);
}

static void test_restarts(void **state)
{
    struct machine *m = *state;
    m->restarts = true;
    run_range(m, native_cases, native_cases_end, aligned_places, 1);
    run_range(m, native_cases, native_aligned_cases, other_places, 2);
}

// Quotients that do not fit, which the processor answers with an exception: all of 16 bits by 8.
static void test_divide(void **state)
{
    (void)state;
    for (int dividend = INT16_MIN; dividend <= INT16_MAX; dividend += 3)
        for (int divisor = INT8_MIN; divisor <= INT8_MAX; divisor++) {
            uint64_t low = (uint64_t)dividend & 0xff, high = (uint64_t)dividend >> 8 & 0xff;
            int quotient = divisor ? dividend / divisor : INT16_MAX;
            bool fits = quotient >= INT8_MIN && quotient <= INT8_MAX;
            assert_int_equal(alu_divide(true, &low, &high, (uint64_t)divisor, 1), fits);
            if (fits)
                assert_true((int8_t)low == quotient && (int8_t)high == dividend % divisor);
            unsigned udividend = (uint16_t)dividend, udivisor = (uint8_t)divisor;
            low = udividend & 0xff;
            high = udividend >> 8;
            fits = udivisor && udividend / udivisor <= UINT8_MAX;
            assert_int_equal(alu_divide(false, &low, &high, udivisor, 1), fits);
            if (fits)
                assert_true(low == udividend / udivisor && high == udividend % udivisor);
        }
    uint64_t low = 0, high = UINT64_C(1) << 63; // the least number of 128 bits by -1
    assert_false(alu_divide(true, &low, &high, UINT64_MAX, 8));
    low = UINT64_C(1) << 63;
    high = UINT64_MAX;
    assert_false(alu_divide(true, &low, &high, UINT64_MAX, 8));
    assert_true(alu_divide(true, &low, &high, 1, 8));
    assert_int_equal(low, UINT64_C(1) << 63);
}

int main(void)
{
    if (!__builtin_cpu_supports("avx") || !__builtin_cpu_supports("bmi")) {
        printf("1..0 # SKIP this processor has no AVX or no BMI\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_aligned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_restarts, set_up, tear_down),
        cmocka_unit_test(test_divide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
