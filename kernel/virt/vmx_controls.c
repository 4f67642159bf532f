// Intel VMX: what we want of the CPU, and whether it has it
// SPDX-License-Identifier: MIT
//
// One table by word of controls. `needed` without the capability refuses the CPU, with the line given;
// `wanted` is used where it is there; `forbidden` refuses a CPU that cannot leave it off. What the capability
// MSRs force beyond that is taken as it comes [SDM] 3D A.2. Pure.
#include "kernel/platform/x86.h"
#include "kernel/virt/vmx.h"

#define FEATURES_LOCKED (1ul << 0)
#define FEATURES_VMXON  (1ul << 2)

#define EPT_WALK_4          (1ul << 6)
#define EPT_WRITEBACK_TYPE  (1ul << 14)
#define EPT_2M              (1ul << 16)
#define EPT_INVEPT          (1ul << 20)
#define EPT_ACCESSED        (1ul << 21)
#define EPT_INVEPT_SINGLE   (1ul << 25)
#define EPT_INVEPT_ALL      (1ul << 26)
#define EPT_INVVPID         (1ul << 32)
#define EPT_INVVPID_ALL     (1ul << 42)
#define EPTP_WRITEBACK      6ul
#define EPTP_WALK_4         (3ul << 3)
#define EPTP_ACCESSED_DIRTY (1ul << 6)

#define MISC_TIMER_SHIFT 0x1fu

struct control {
    uint8_t word; // enum vmx_word
    uint32_t needed, wanted, forbidden;
    const char *missing;
};

// A word may have several rows, for lines of their own; the first that fails tells.
static const struct control controls[] = {
    {WORD_PRIMARY, 1u << 31, 0, 0, "the CPU has VMX without EPT"}, // secondary controls at all
    {WORD_SECONDARY, 1u << 1, 0, 0, "the CPU has VMX without EPT"},
    {WORD_SECONDARY, 1u << 7, 0, 0, "the CPU has VMX without unrestricted guests"},
    {WORD_PIN, 1u << 6, 0, 0, "the CPU has VMX without the preemption timer"},
    {WORD_PIN, 1u << 5, 0, 0, "the CPU has VMX without virtual NMIs"},
    {WORD_PIN, 1u << 0 | 1u << 3, 0, 0, "the CPU has VMX that cannot intercept interrupts"},
    // interrupt window, TSC offset, HLT, MWAIT, RDPMC, write of CR8, task priority, debug registers, ports,
    // MSR bitmap, MONITOR; never INVLPG, RDTSC, CR3, reads of CR8, PAUSE
    {WORD_PRIMARY,
     1u << 3 | 1u << 7 | 1u << 10 | 1u << 11 | 1u << 19 | 1u << 21 | PRIMARY_INTERRUPT_WINDOW |
         PRIMARY_NMI_WINDOW | 1u << 23 | 1u << 24 | 1u << 28 | 1u << 29,
     0, 1u << 9 | 1u << 12 | 1u << 15 | 1u << 16 | 1u << 20 | 1u << 30,
     "the CPU has VMX that cannot intercept what it must, and that alone"},
    {WORD_SECONDARY, 0, SECONDARY_VPID | 1u << 6, 0, NULL}, // VPID, WBINVD
    // 64-bit host, PAT and EFER saved and loaded
    {WORD_EXIT, 1u << 9 | 1u << 18 | 1u << 19 | 1u << 20 | 1u << 21, 0, 1u << 15,
     "the CPU has VMX that does not switch PAT and EFER"},
    // debug controls, PAT, EFER
    {WORD_ENTRY, 1u << 2 | 1u << 14 | 1u << 15 | ENTRY_LONG_MODE, 0, 0,
     "the CPU has VMX that does not switch PAT and EFER"},
};

// The lower half of a capability MSR: bits that must be set; the upper one: those that may.
static const char *resolve_words(const uint64_t *c, uint32_t *result)
{
    unsigned first = (c[CAP_BASIC] & BASIC_TRUE_WORDS) ? CAP_TRUE_WORDS : CAP_WORDS;
    const uint64_t words[WORDS] = {c[first], c[first + 1], c[CAP_SECONDARY], c[first + 2], c[first + 3]};
    for (unsigned w = 0; w < WORDS; w++)
        result[w] = (uint32_t)words[w];
    for (unsigned i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
        const struct control *row = &controls[i];
        uint32_t forced = (uint32_t)words[row->word], possible = (uint32_t)(words[row->word] >> 32);
        if ((row->needed & ~possible) || (row->forbidden & forced))
            return row->missing;
        result[row->word] |= row->needed | (row->wanted & possible);
    }
    result[WORD_PRIMARY] &= ~(PRIMARY_INTERRUPT_WINDOW | PRIMARY_NMI_WINDOW);
    result[WORD_ENTRY] &= ~ENTRY_LONG_MODE;
    return NULL;
}

static const char *resolve_ept(uint64_t ept, struct vmx_set_up *s)
{
    const uint64_t needed = EPT_WALK_4 | EPT_WRITEBACK_TYPE | EPT_2M | EPT_INVEPT;
    if ((ept & needed) != needed || !(ept & (EPT_INVEPT_SINGLE | EPT_INVEPT_ALL)))
        return "the CPU has EPT without 2 MiB pages, write-back memory or INVEPT";
    s->flush_ept = (ept & EPT_INVEPT_SINGLE) ? FLUSH_SINGLE : FLUSH_ALL;
    s->eptp = EPTP_WRITEBACK | EPTP_WALK_4 | ((ept & EPT_ACCESSED) ? EPTP_ACCESSED_DIRTY : 0);
    if (!(ept & EPT_INVVPID) || !(ept & EPT_INVVPID_ALL))
        s->words[WORD_SECONDARY] &= ~SECONDARY_VPID;
    return NULL;
}

const char *vmx_resolve(uint64_t features, const uint64_t *c, struct vmx_set_up *s)
{
    *s = (struct vmx_set_up){.revision = (uint32_t)c[CAP_BASIC] & 0x7fffffff,
                             .timer_shift = (uint32_t)c[CAP_MISC] & MISC_TIMER_SHIFT,
                             .cr0 = c[CAP_CR0_FIXED0] & ~(CR0_PE | CR0_PG), // unrestricted
                             .cr4 = c[CAP_CR4_FIXED0],
                             .cr4_possible = c[CAP_CR4_FIXED1]};
    if ((features & FEATURES_LOCKED) && !(features & FEATURES_VMXON))
        return "VMX is locked off by the firmware";
    const char *missing = resolve_words(c, s->words);
    return missing ? missing : resolve_ept(c[CAP_EPT], s);
}
