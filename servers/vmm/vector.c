// The guest's vector registers, as the emulator wants them: they lie in the kernel's XSAVE area of the vCPU.
// SPDX-License-Identifier: MIT
//
// [SDM] 1 13.4: x87 and MMX registers from byte 32 on, 16 bytes each, in the order of the x87 stack; XMM
// registers from byte 160 on; the upper halves of YMM registers from byte 576 on. An instruction that is
// executed again after a restart of ours sets the same registers to the same values.
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "servers/vmm/vm.h"

enum { REGISTER = 16, MMX_BYTES = 8, MMX_COUNT = 8 };
enum { AT_X87 = 0, AT_STACK = 32, AT_XMM = 160, AT_UPPER = 576 };
enum { STATUS_WORD = 2, TAGS = 4, X87_BYTES = 24, TOP_SHIFT = 11, TOP_MASK = 7, ALL_VALID = 0xff };
enum { XCR0_AVX = 4 };

static uint32_t slot_of(const struct vm_exit *x)
{
    return VMM_SLOT_VCPU + x->n;
}

static void get(const struct vm_exit *x, uint32_t at, void *to, size_t bytes)
{
    enum status s = sys_vcpu_ctl(slot_of(x), VCPU_EXPORT, sizeof(struct vcpu_image) + at);
    if (s != STATUS_OK)
        die("the guest's vector registers cannot be read: %s", status_name(s));
    memcpy(to, utcb()->words, bytes);
}

static void set(const struct vm_exit *x, uint32_t at, const void *from, size_t bytes)
{
    memcpy(utcb()->words, from, bytes);
    enum status s =
        sys_vcpu_ctl(slot_of(x), VCPU_IMPORT, (sizeof(struct vcpu_image) + at) | (uint64_t)bytes << 32);
    if (s != STATUS_OK)
        die("the guest's vector registers cannot be written: %s", status_name(s));
}

static unsigned top(const uint8_t *x87)
{
    return (x87[STATUS_WORD] | x87[STATUS_WORD + 1] << 8) >> TOP_SHIFT & TOP_MASK;
}

// MMn is the n-th physical register, and the stack begins at the one that TOP names.
static void get_mmx(const struct vm_exit *x, unsigned n, uint8_t *value)
{
    uint8_t x87[X87_BYTES];
    get(x, AT_X87, x87, sizeof x87);
    get(x, AT_STACK + (n - top(x87)) % MMX_COUNT * REGISTER, value, MMX_BYTES);
}

// TOP becomes zero, so the stack's order changes; all registers become valid, the one that is written a NaN
// or infinity by its exponent [SDM] 1 9.5.1.
static void set_mmx(const struct vm_exit *x, unsigned n, const uint8_t *value)
{
    uint8_t x87[X87_BYTES], was[MMX_COUNT][REGISTER], is[MMX_COUNT][REGISTER];
    get(x, AT_X87, x87, sizeof x87);
    get(x, AT_STACK, was, sizeof was);
    for (unsigned i = 0; i < MMX_COUNT; i++)
        memcpy(is[i], was[(i - top(x87)) % MMX_COUNT], REGISTER);
    memcpy(is[n], value, MMX_BYTES);
    memset(is[n] + MMX_BYTES, 0xff, 2);
    x87[STATUS_WORD + 1] &= (uint8_t) ~(TOP_MASK << (TOP_SHIFT - 8));
    x87[TAGS] = ALL_VALID;
    set(x, AT_X87, x87, sizeof x87);
    set(x, AT_STACK, is, sizeof is);
}

void vector_get(void *ctx, unsigned index, uint8_t value[EMU_VECTOR_BYTES])
{
    const struct vm_exit *x = ctx;
    memset(value, 0, EMU_VECTOR_BYTES);
    if (index >= EMU_VECTOR_MMX) {
        get_mmx(x, index - EMU_VECTOR_MMX, value);
        return;
    }
    get(x, AT_XMM + index * REGISTER, value, REGISTER);
    if (vm.xsave_features & XCR0_AVX)
        get(x, AT_UPPER + index * REGISTER, value + REGISTER, REGISTER);
}

void vector_set(void *ctx, unsigned index, const uint8_t value[EMU_VECTOR_BYTES])
{
    const struct vm_exit *x = ctx;
    if (index >= EMU_VECTOR_MMX) {
        set_mmx(x, index - EMU_VECTOR_MMX, value);
        return;
    }
    set(x, AT_XMM + index * REGISTER, value, REGISTER);
    if (vm.xsave_features & XCR0_AVX)
        set(x, AT_UPPER + index * REGISTER, value + REGISTER, REGISTER);
}
