# The kernel: one ELF64 file without any library.
# SPDX-License-Identifier: MIT
#
# Vector registers belong to threads and guests. Frame pointers serve the backtrace of a panic; leaves do without, and so
# do the files that every call and every exit of a guest goes through.

KERNEL_CPP := -I. -ffreestanding -nostdinc
KERNEL_C   := $(WARN) -O2 -g -mcmodel=kernel -mgeneral-regs-only -mno-red-zone -fno-pic -fno-pie -fno-stack-protector \
              -fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections -fdata-sections
KERNEL_HOT := $(wildcard $(addprefix kernel/,ipc.c sched.c vcpu.c virt/svm*.c virt/vmx*.c))
KERNEL_FP  := -fno-omit-frame-pointer -momit-leaf-frame-pointer
KERNEL_LD  := -static -no-pie -nostdlib -Wl,--gc-sections,--build-id=none,--fatal-warnings \
              -Wl,-z,noexecstack,-z,max-page-size=4096

KERNEL_OBJ := $(call objects,kernel,$(filter kernel/%,$(SRC)))
OBJ        += $(KERNEL_OBJ)

$(eval $(call compile,kernel,$(CC),$(KERNEL_CPP) -isystem $(CC_INC) $(KERNEL_C) $$(KERNEL_FP)))
$(call objects,kernel,$(KERNEL_HOT)): KERNEL_FP := -fomit-frame-pointer

KERNEL := $(if $(wildcard kernel/kernel.ld),$(B)/bulkhead.elf)

$(B)/bulkhead.elf: $(KERNEL_OBJ) kernel/kernel.ld $(B)/sources
	$(call say,LD,$@)
	$(Q)$(CC) $(KERNEL_LD) -T kernel/kernel.ld $(KERNEL_OBJ) -o $@
