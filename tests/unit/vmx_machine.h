// A VMCS as an array, for the tests of the VMX back-end on the host
// SPDX-License-Identifier: MIT
//
// A write keeps as many bits as the field has, by its encoding [SDM] 3D appendix B, as a processor does.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/platform/x86.h"
#include "kernel/virt/vmx.h"

enum { FIELD_MAX = 0x8000 };

static uint64_t vmcs[FIELD_MAX];
static struct vmx_vcpu hw;
static struct vcpu vcpu;

// What the linked sources want of those that cannot run here.
struct virt_ops svm_ops, vmx_ops;
struct vmx_set_up vmx;
struct cpu host_cpu;
void vmx_switch(struct vmx_vcpu *other)
{
    other->loaded = true;
}

static unsigned field_width(uint32_t field)
{
    static const uint8_t widths[] = {2, 8, 4, 8};
    return widths[field >> 13 & 3];
}

uint64_t vmread(uint32_t field)
{
    assert_true(field < FIELD_MAX);
    return vmcs[field];
}

void vmwrite(uint32_t field, uint64_t value)
{
    unsigned width = field_width(field);
    assert_true(field < FIELD_MAX && (field >> 10 & 3) != 1); // 1: what exits tell may only be read
    vmcs[field] = width < 8 ? value & ((UINT64_C(1) << 8 * width) - 1) : value;
}

static int setup(void **state)
{
    (void)state;
    memset(vmcs, 0, sizeof(vmcs));
    memset(&hw, 0, sizeof(hw));
    memset(&vcpu, 0, sizeof(vcpu));
    vcpu.hw = &hw;
    vmx = (struct vmx_set_up){.cr0 = CR0_NE, .cr4 = CR4_VMXE};
    vmx_ops.read = vmx_read;
    virt = &vmx_ops;
    vmx_write(&vcpu, GROUP_ALL, &virt_reset_state);
    vmcs[VMCS_RIP] = 0x1000;
    return 0;
}
