// Page walks in every mode of the guest: none, 32-bit, PAE, four levels.
// SPDX-License-Identifier: MIT
//
// PDPTEs of PAE are read from memory at each walk, as AMD's processors with nested paging do ([APM] 2
// 15.25.10); Intel's have loaded them before, so a guest that changed them sees the change here too early.
// Accessed and dirty bits are set only when the whole access is permitted, by compare-and-swap, so that a
// concurrent change of the entry by another processor restarts the walk.
#include "servers/vmm/emulate/walk.h"

#include <string.h>

#include "servers/vmm/emulate/x86.h"

#define PTE_P        (UINT64_C(1) << 0)
#define PTE_W        (UINT64_C(1) << 1)
#define PTE_U        (UINT64_C(1) << 2)
#define PTE_A        (UINT64_C(1) << 5)
#define PTE_D        (UINT64_C(1) << 6)
#define PTE_PS       (UINT64_C(1) << 7)
#define PTE_NX       (UINT64_C(1) << 63)
#define PTE_ADDRESS  UINT64_C(0x000ffffffffff000)
#define PDPTE_MUST_0 UINT64_C(0x1c6) // of PAE: [SDM] 3A table 4-8; but bit 5, which QEMU sets as accessed

#define ERROR_P    1u
#define ERROR_W    2u
#define ERROR_U    4u
#define ERROR_RSVD 8u
#define ERROR_I    16u

// The state that a translation depends on. The bits of the four registers do not overlap, nor do WALK_*.
#define KEY_CR0    (CR0_PG | CR0_WP)
#define KEY_CR4    (CR4_PSE | CR4_PAE | CR4_LA57 | CR4_SMEP | CR4_SMAP)
#define KEY_EFER   (EFER_LMA | EFER_NXE)
#define KEY_RFLAGS RFLAGS_AC
#define KEY_VALID  (UINT64_C(1) << 63)
_Static_assert(!(KEY_CR0 & KEY_CR4) && !(KEY_CR0 & KEY_EFER) && !(KEY_CR4 & KEY_EFER) &&
                   !(KEY_RFLAGS & (KEY_CR0 | KEY_CR4 | KEY_EFER)),
               "the key's parts overlap");

enum { ATTEMPTS = 16, BITS_32 = 10, BITS_64 = 9 };

// A walk under way. `hint` collects the entries; user, write: granted so far by all levels.
struct walker {
    const struct emu_env *env;
    struct walk_hint *hint;
    uint64_t key;
    uint64_t linear;
    uint64_t high_reserved; // bits beyond the physical address, and NX where it is off
    bool pae;               // 64-bit entries
    bool long_mode;
    bool user, write, no_execute;
    uint8_t shift; // of the level under the hand; at the end: of the page
    uint64_t entry_gpa[WALK_LEVELS];
};

static uint32_t fault_code(const struct walker *w, uint32_t cause)
{
    bool reports_fetch = (w->key & CR4_SMEP) || ((w->key & EFER_NXE) && w->pae);
    return cause | (w->key & WALK_WRITE ? ERROR_W : 0) | (w->key & WALK_USER ? ERROR_U : 0) |
           ((w->key & WALK_FETCH) && reports_fetch ? ERROR_I : 0);
}

static bool is_pdpte(const struct walker *w)
{
    return w->pae && !w->long_mode && w->shift == 30;
}

static bool is_large(const struct walker *w, uint64_t entry)
{
    if (!(entry & PTE_PS) || is_pdpte(w))
        return false;
    if (!w->pae)
        return w->shift == 22 && (w->key & CR4_PSE);
    return w->shift == 21 || w->shift == 30;
}

// [SDM] 3A 4.4 to 4.5, [APM] 2 5.2 to 5.3: the bits of this entry that must be zero.
static uint64_t reserved_bits(const struct walker *w, bool large)
{
    if (!w->pae) {
        uint64_t above =
            w->env->physical_bits >= 40 ? 0 : UINT64_C(0xff) << (w->env->physical_bits - 32 + 13);
        return large ? (UINT64_C(1) << 21) | (above & UINT64_C(0x1fe000)) : 0;
    }
    if (is_pdpte(w))
        return w->high_reserved | PTE_NX | PDPTE_MUST_0;
    uint64_t reserved = w->high_reserved;
    if (w->shift == 39 || (w->shift == 30 && !w->env->gigabyte_pages))
        reserved |= PTE_PS;
    if (large)
        reserved |= ((UINT64_C(1) << w->shift) - 1) & ~UINT64_C(0x1fff);
    return reserved;
}

static bool permitted(const struct walker *w)
{
    uint64_t key = w->key;
    bool user_access = key & WALK_USER;
    if (user_access && !w->user)
        return false;
    if (key & WALK_FETCH)
        return !w->no_execute && (user_access || !w->user || !(key & CR4_SMEP));
    if (!user_access && w->user && (key & CR4_SMAP) && ((key & WALK_IMPLICIT) || !(key & RFLAGS_AC)))
        return false;
    return !(key & WALK_WRITE) || w->write || (!user_access && !(key & CR0_WP));
}

static uint64_t entry_load(const void *entry, unsigned width)
{
    return width == 8 ? __atomic_load_n((const uint64_t *)entry, __ATOMIC_RELAXED)
                      : __atomic_load_n((const uint32_t *)entry, __ATOMIC_RELAXED);
}

static bool entry_swap(void *entry, unsigned width, uint64_t old, uint64_t new)
{
    uint32_t old32 = (uint32_t)old;
    if (width == 4)
        return __atomic_compare_exchange_n((uint32_t *)entry, &old32, (uint32_t) new, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    return __atomic_compare_exchange_n((uint64_t *)entry, &old, new, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

// Reads the entry of this level and takes its rights. Fails with *error, or UNSUPPORTED.
static enum walk_status take_entry(struct walker *w, uint64_t table, uint64_t *entry, uint32_t *error)
{
    struct walk_hint *hint = w->hint;
    unsigned bits = w->pae ? BITS_64 : BITS_32;
    uint64_t index = w->linear >> w->shift & ((UINT64_C(1) << bits) - 1);
    uint64_t gpa = table + index * hint->width;
    const void *host = w->env->ram(w->env->ctx, gpa, hint->width, false);
    if (!host)
        return WALK_UNSUPPORTED;
    *entry = entry_load(host, hint->width);
    if (!(*entry & PTE_P)) {
        *error = fault_code(w, 0);
        return WALK_FAULT;
    }
    if (*entry & reserved_bits(w, is_large(w, *entry))) {
        *error = fault_code(w, ERROR_P | ERROR_RSVD);
        return WALK_FAULT;
    }
    w->entry_gpa[hint->entries] = gpa;
    hint->entry[hint->entries] = host;
    hint->value[hint->entries++] = *entry;
    if (!is_pdpte(w)) {
        w->user &= !!(*entry & PTE_U);
        w->write &= !!(*entry & PTE_W);
        w->no_execute |= w->pae && (*entry & PTE_NX);
    }
    return WALK_OK;
}

// 32-bit large pages keep bits 32 to 39 of the address in bits 13 to 20 (PSE-36).
static uint64_t page_address(const struct walker *w, uint64_t entry)
{
    uint64_t base = entry & PTE_ADDRESS & ~((UINT64_C(1) << w->shift) - 1);
    if (!w->pae && w->shift == 22)
        base |= (entry >> 13 & 0xff) << 32;
    return base | (w->linear & ((UINT64_C(1) << w->shift) - 1));
}

// Brings accessed and dirty bits up to date, except in ROM; false: an entry changed since it was read.
static bool mark_entries(struct walker *w)
{
    struct walk_hint *hint = w->hint;
    unsigned first = w->pae && !w->long_mode ? 1 : 0; // a PDPTE of PAE has neither
    for (unsigned i = first; i < hint->entries; i++) {
        bool dirty = (w->key & WALK_WRITE) && i == hint->entries - 1u;
        uint64_t want = hint->value[i] | PTE_A | (dirty ? PTE_D : 0);
        if (want == hint->value[i])
            continue;
        void *host = w->env->ram(w->env->ctx, w->entry_gpa[i], hint->width, true);
        if (!host)
            continue;
        if (!entry_swap(host, hint->width, hint->value[i], want))
            return false;
        hint->value[i] = want;
    }
    return true;
}

static enum walk_status walk_once(struct walker *w, uint64_t cr3, struct walk *out)
{
    uint64_t entry, table = !w->pae || w->long_mode ? cr3 & PTE_ADDRESS : cr3 & UINT64_C(0xffffffe0);
    w->hint->entries = 0;
    w->user = w->write = true;
    w->no_execute = false;
    w->shift = w->long_mode ? 39 : w->pae ? 30 : 22;
    for (;;) {
        enum walk_status status = take_entry(w, table, &entry, &out->error);
        if (status != WALK_OK)
            return status;
        if (w->shift == 12 || is_large(w, entry))
            break;
        table = entry & PTE_ADDRESS;
        w->shift = (uint8_t)(w->shift - (w->pae ? BITS_64 : BITS_32));
    }
    if (!permitted(w)) {
        out->error = fault_code(w, ERROR_P);
        return WALK_FAULT;
    }
    out->gpa = page_address(w, entry);
    return mark_entries(w) ? WALK_OK : WALK_BUSY;
}

static enum walk_status walk_tables(const struct vcpu_state *cpu, struct walker *w, struct walk *out)
{
    if ((cpu->cr4 & CR4_LA57) && w->long_mode)
        return WALK_UNSUPPORTED;
    w->pae = cpu->cr4 & CR4_PAE;
    w->high_reserved = (w->long_mode ? PTE_ADDRESS : PTE_NX - 1) & (~UINT64_C(0) << w->env->physical_bits);
    if (!(cpu->efer & EFER_NXE))
        w->high_reserved |= PTE_NX;
    w->hint->width = w->pae ? 8 : 4;
    enum walk_status status = WALK_BUSY;
    for (int i = 0; status == WALK_BUSY && i < ATTEMPTS; i++)
        status = walk_once(w, cpu->cr3, out);
    return status;
}

// The common case, up to four entries of 8 bytes, without a loop: this stands before most instructions that
// exit.
static void pad_hint(struct walk_hint *hint)
{
    for (unsigned i = hint->entries; hint->entries && hint->width == 8 && i < WALK_LEVELS; i++) {
        hint->entry[i] = hint->entry[0];
        hint->value[i] = hint->value[0];
        hint->entries++;
    }
}

static bool hint_holds(const struct walk_hint *hint)
{
    const void *const *entry = hint->entry;
    const uint64_t *value = hint->value;
    if (hint->entries == WALK_LEVELS)
        return entry_load(entry[0], 8) == value[0] && entry_load(entry[1], 8) == value[1] &&
               entry_load(entry[2], 8) == value[2] && entry_load(entry[3], 8) == value[3];
    for (unsigned i = 0; i < hint->entries; i++)
        if (entry_load(entry[i], hint->width) != value[i])
            return false;
    return true;
}

// Fetches, reads and writes of a page have hints of their own: a guest's kernel exits at few places, but
// these lie far apart.
static unsigned hint_index(uint64_t page, uint64_t access)
{
    _Static_assert(WALK_HINTS == 64 && (WALK_WRITE | WALK_FETCH) >> 28 == 48, "two bits, four of the page");
    return (unsigned)((access >> 28 & 48) | ((page ^ page >> 4) & 15));
}

static inline enum walk_status take_hint(const struct walk_hint *hint, uint64_t linear, struct walk *out)
{
    uint64_t offset = linear & 0xfff;
    out->gpa = hint->gpa + offset;
    out->host = hint->host ? hint->host + offset : NULL;
    return WALK_OK;
}

// Walks the tables and fills the hint. Apart, so that the way past it saves no registers.
__attribute__((noinline)) static enum walk_status walk_fresh(const struct vcpu_state *cpu,
                                                             const struct emu_env *env,
                                                             struct walk_hint *hint, uint64_t linear,
                                                             uint64_t key, struct walk *out)
{
    struct walker w = {.env = env,
                       .hint = hint,
                       .key = key,
                       .linear = linear & ~UINT64_C(0xfff),
                       .long_mode = cpu_long_mode(cpu)};
    hint->key = 0;
    hint->entries = 0;
    out->gpa = w.linear;
    enum walk_status status = cpu->cr0 & CR0_PG ? walk_tables(cpu, &w, out) : WALK_OK;
    if (status != WALK_OK)
        return status;
    pad_hint(hint);
    hint->page = linear >> 12;
    hint->cr3 = cpu->cr3;
    hint->gpa = out->gpa;
    hint->host = env->ram(env->ctx, out->gpa, 4096, key & WALK_WRITE);
    hint->key = key;
    return take_hint(hint, linear, out);
}

enum walk_status walk_linear(const struct vcpu_state *cpu, const struct emu_env *env,
                             struct walk_hint hints[WALK_HINTS], uint64_t linear, uint64_t access,
                             struct walk *out)
{
    uint64_t page = linear >> 12;
    uint64_t key = (cpu->cr0 & KEY_CR0) | (cpu->cr4 & KEY_CR4) | (cpu->efer & KEY_EFER) |
                   (cpu->rflags & KEY_RFLAGS) | access | KEY_VALID;
    struct walk_hint *hint = &hints[hint_index(page, access)];
    if (hint->key != key || hint->page != page || hint->cr3 != cpu->cr3 || !hint_holds(hint))
        return walk_fresh(cpu, env, hint, linear, key, out);
    return take_hint(hint, linear, out);
}
