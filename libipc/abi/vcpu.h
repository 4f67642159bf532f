// vCPU state, exits and replies: architectural, the same for AMD SVM and Intel VMX.
// SPDX-License-Identifier: MIT
//
// State moves by a mask of groups that both sides speak. An exit message has label LABEL_EXIT + kind and four
// words, all in registers: enum exit_word. Its reply has a label enum vcpu_action and four words: enum
// reply_word.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum vcpu_gpr {
    GPR_RAX,
    GPR_RCX,
    GPR_RDX,
    GPR_RBX,
    GPR_RSP,
    GPR_RBP,
    GPR_RSI,
    GPR_RDI,
    GPR_R8,
    GPR_COUNT = 16
};
enum vcpu_seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };

// attributes: the descriptor's: type 0-3, S 4, DPL 5-6, P 7, AVL 8, L 9, D/B 10, G 11. P clear = unusable.
// The limit is in bytes (already expanded).
struct vcpu_segment {
    uint16_t selector;
    uint16_t attributes;
    uint32_t limit;
    uint64_t base;
};

struct vcpu_table {
    uint64_t base;
    uint64_t limit;
};

// An event to inject, or one whose delivery an exit cut off; zero: none.
#define EVENT_VALID              (UINT64_C(1) << 31)
#define EVENT_ERROR_VALID        (UINT64_C(1) << 11)
#define EVENT_TYPE(type)         ((uint64_t)(type) << 8)
#define EVENT_MAKE(type, vector) (EVENT_VALID | EVENT_TYPE(type) | (vector))
#define EVENT_ERROR(code)        (EVENT_ERROR_VALID | (uint64_t)(uint32_t)(code) << 32)
enum event_type { EVENT_INTERRUPT = 0, EVENT_NMI = 2, EVENT_EXCEPTION = 3, EVENT_SOFTWARE = 4 };

struct vcpu_state {
    uint64_t gpr[GPR_COUNT];
    uint64_t rip;
    uint64_t rflags;
    uint64_t cr0, cr2, cr3, cr4;
    uint64_t cr8;
    uint64_t efer;
    struct vcpu_segment seg[SEG_COUNT];
    struct vcpu_table gdtr, idtr;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat;
    uint64_t dr[4], dr6, dr7;
    uint64_t xcr0;
    uint64_t tsc_offset; // guest TSC = host TSC + offset
    uint32_t blocking;   // enum vcpu_blocking
    uint32_t reserved;
    uint64_t event; // injected or cut off
    // What PAE paging outside of long mode has loaded from where CR3 points to [SDM] 3A 4.4.1; processors
    // that do not keep them read memory instead.
    uint64_t pdpte[4];
};

enum vcpu_blocking { BLOCKING_STI = 1, BLOCKING_MOV_SS = 2, BLOCKING_NMI = 4 };

// Groups of struct vcpu_state.
enum vcpu_group {
    GROUP_GPR_ABCD = 1 << 0, // rax rcx rdx rbx
    GROUP_GPR_REST = 1 << 1,
    GROUP_RIP = 1 << 2, // rip rflags blocking
    GROUP_CR = 1 << 3,  // cr0 cr2 cr3 cr4 cr8 pdpte
    GROUP_EFER = 1 << 4,
    GROUP_SEG_CODE = 1 << 5,   // cs ss
    GROUP_SEG_DATA = 1 << 6,   // es ds fs gs
    GROUP_SEG_SYSTEM = 1 << 7, // ldtr tr gdtr idtr
    GROUP_MSR = 1 << 8,        // star .. pat
    GROUP_DR = 1 << 9,
    GROUP_XCR0 = 1 << 10,
    GROUP_TSC = 1 << 11,
    GROUP_EVENT =
        1 << 12, // of exits: the event that was cut off; the kernel delivers it again unless it is replaced
    GROUP_ALL = 0x1fff
};
#define GROUP_GPR (GROUP_GPR_ABCD | GROUP_GPR_REST)

enum exit_kind {
    EXIT_START, // the first exit of a vCPU: the reply gives it its state
    EXIT_PIO,   // a port access that no route takes; address = port; also all string I/O (EXIT_STRING)
    EXIT_MMIO,  // nothing is at this guest-physical address; address = gpa
    EXIT_CPUID,
    EXIT_RDMSR,
    EXIT_WRMSR,
    EXIT_HLT,
    EXIT_CR, // write (or read where intercepted) of CR0, CR4, CR8; CLTS, LMSW
    EXIT_DR,
    EXIT_XSETBV,
    EXIT_INVALIDATE, // INVD, WBINVD
    EXIT_VMCALL,     // VMMCALL or VMCALL
    EXIT_PRIVILEGED, // another intercepted instruction: the monitor decodes (virtualization instructions:
                     // #UD)
    EXIT_EXCEPTION,  // an intercepted exception; address = vector, value = error code
    EXIT_NMI_WINDOW,
    EXIT_TRIPLE_FAULT,
    EXIT_KICK,        // a kick or the deadline of the last reply
    EXIT_ACCESS_DONE, // a read of an access: value, address = cookie
    EXIT_ERROR,       // the state cannot be entered; raw = the vendor's reason
    EXIT_KINDS
};

enum exit_word { EXIT_ADDRESS, EXIT_VALUE, EXIT_INFO, EXIT_RAW, EXIT_WORDS };

// EXIT_INFO's bits.
#define EXIT_INFO_SIZE(info)   ((uint32_t)((info)&0xff))        // bytes of the access; 0: not known
#define EXIT_INFO_LENGTH(info) ((uint32_t)((info) >> 8 & 0xff)) // of the instruction; 0: not known
enum exit_flag {
    EXIT_WRITE = 1 << 16,
    EXIT_STRING = 1 << 17,
    EXIT_REP = 1 << 18,
    EXIT_FETCH = 1 << 19,
    EXIT_OFFER_PENDING =
        1 << 20, // the offered interrupt was not taken yet; clear: taken, or none was offered
    EXIT_INTERRUPTIBLE = 1 << 21, // RFLAGS.IF is set, no shadow, no event that goes first
    EXIT_PAGE_WALK = 1 << 22,     // MMIO by the guest's page walk, not by its data access
    EXIT_DEADLINE = 1 << 23,      // KICK because the deadline passed
};
#define EXIT_INFO_VCPU(info) ((uint32_t)((info) >> 32 & 0xffff))

enum vcpu_action {
    VCPU_RUN,    // go on in the guest
    VCPU_HALT,   // park until a kick or the deadline, then a KICK exit
    VCPU_ACCESS, // send utcb->access along the VM's routes first
};

// The reply's words. REPLY_OFFER: OFFER_MAKE(vector) offers an external interrupt (replacing an earlier
// offer), zero withdraws it. REPLY_DEADLINE: TSC ticks at which a KICK exit comes whatever the guest does;
// zero: none.
enum reply_word { REPLY_GROUPS, REPLY_EVENT, REPLY_DEADLINE, REPLY_OFFER, REPLY_WORDS };
#define OFFER_VALID        (UINT64_C(1) << 8)
#define OFFER_MAKE(vector) (OFFER_VALID | (uint64_t)(vector))
#define OFFER_NMI_WINDOW   (UINT64_C(1) << 9) // ask for a NMI_WINDOW exit
#define OFFER_BITS         (OFFER_VALID | OFFER_NMI_WINDOW | 0xff)

// An access that the monitor decoded. It takes the same routes as a direct one. A read, or a write with
// ACCESS_RETURN, comes back as an exit ACCESS_DONE; a write resumes the guest. Where no route takes it, a
// read gives all ones.
struct vcpu_access {
    uint64_t address; // port or gpa
    uint64_t value;
    uint64_t cookie;
    uint8_t space; // enum access_space
    uint8_t size;  // 1, 2, 4, 8
    uint8_t write;
    uint8_t flags; // enum access_flag
    uint32_t reserved;
};
enum access_space { ACCESS_PORT, ACCESS_MEMORY };
enum access_flag { ACCESS_RETURN = 1 };

// An exit, normalised, as the kernel holds it.
struct vcpu_exit {
    uint32_t kind; // enum exit_kind
    uint32_t info; // EXIT_INFO: size, length, enum exit_flag; not the vCPU's number
    uint64_t address;
    uint64_t value;
    uint64_t raw;
    uint64_t next_rip; // PIO: behind the instruction; 0 elsewhere when not known
};

// All that the kernel holds of a vCPU beside its XSAVE area, which follows it in EXPORT and IMPORT.
struct vcpu_image {
    uint32_t version;
    uint32_t size; // with the XSAVE area
    struct vcpu_state state;
    struct vcpu_exit exit;
    struct vcpu_access access;
    uint64_t sequence;
    uint64_t deadline; // TSC ticks; 0: none
    uint64_t offer;
    uint32_t deliveries;
    uint8_t pending; // enum vcpu_pending
    uint8_t kicked;  // 0 or 1, as what follows
    uint8_t deadline_passed;
    uint8_t access_by_monitor; // the access is `access`, not the exit's
    uint8_t cancelled;         // exit or access was sent: it comes again under its number
    uint8_t reserved[7];
};
enum vcpu_pending { PENDING_NOTHING, PENDING_EXIT, PENDING_ACCESS, PENDING_HALT };
#define VCPU_IMAGE_VERSION 3u

_Static_assert(sizeof(struct vcpu_segment) == 16, "ABI");
_Static_assert(offsetof(struct vcpu_state, seg) == 192, "ABI");
_Static_assert(sizeof(struct vcpu_state) == 536, "ABI");
_Static_assert(sizeof(struct vcpu_access) == 32, "ABI");
