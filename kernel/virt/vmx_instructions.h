// Intel VMX: the instructions
// SPDX-License-Identifier: MIT
//
// [SDM] 3C 31. The tests on the host have functions of their own instead.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/platform/x86.h"

#ifdef BULKHEAD_HOST
uint64_t vmread(uint32_t field);
void vmwrite(uint32_t field, uint64_t value);
void vmptrld(uint64_t phys);
void vmclear(uint64_t phys);
bool vmxon(uint64_t phys);
void invept(uint64_t type, uint64_t eptp);
void invvpid(uint64_t type, uint64_t vpid);
void load_tables(const struct descriptor_table *gdt, uint16_t selector);
#else

// Of the current VMCS. Fields that the CPU has do not fail.
static inline uint64_t vmread(uint32_t field)
{
    uint64_t v;
    asm volatile("vmread %1, %0" : "=rm"(v) : "r"((uint64_t)field) : "cc");
    return v;
}

static inline void vmwrite(uint32_t field, uint64_t value)
{
    asm volatile("vmwrite %0, %1" ::"rm"(value), "r"((uint64_t)field) : "cc", "memory");
}

#define VMX_ADDRESS(instruction)                                                                             \
    static inline void instruction(uint64_t phys)                                                            \
    {                                                                                                        \
        asm volatile(#instruction " %0" ::"m"(phys) : "cc", "memory");                                       \
    }
VMX_ADDRESS(vmptrld)
VMX_ADDRESS(vmclear)

static inline bool vmxon(uint64_t phys)
{
    bool failed;
    asm volatile("vmxon %1" : "=@ccbe"(failed) : "m"(phys) : "memory");
    return !failed;
}

#define VMX_INVALIDATE(instruction)                                                                          \
    static inline void instruction(uint64_t type, uint64_t what)                                             \
    {                                                                                                        \
        const uint64_t descriptor[2] = {what, 0};                                                            \
        asm volatile(#instruction " %0, %1" ::"m"(descriptor), "r"(type) : "cc", "memory");                  \
    }
VMX_INVALIDATE(invept)
VMX_INVALIDATE(invvpid)

// An exit sets the GDT's limit, behind which a thread must load nothing, and the TSS's, behind which are the
// ports [SDM] 3C 28.5.2.
static inline void load_tables(const struct descriptor_table *gdt, uint16_t task)
{
    load_gdt(gdt);
    ((uint8_t *)gdt->base + task)[5] &= (uint8_t)~2; // not busy
    load_task_register(task);
}

#endif
