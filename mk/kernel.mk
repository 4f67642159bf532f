# The kernel: one ELF64 file without any library.
# SPDX-License-Identifier: MIT
#
# Vector registers belong to threads and guests. Frame pointers serve the backtrace of a panic; leaves do without.

KERNEL_CPP := -I. -ffreestanding -nostdinc
KERNEL_C   := $(WARN) -O2 -g -mcmodel=kernel -mgeneral-regs-only -mno-red-zone -fno-pic -fno-pie -fno-stack-protector \
              -fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections -fdata-sections \
              -fno-omit-frame-pointer -momit-leaf-frame-pointer
KERNEL_LD  := -static -no-pie -nostdlib -Wl,--gc-sections,--build-id=none,--fatal-warnings \
              -Wl,-z,noexecstack,-z,max-page-size=4096

KERNEL_OBJ := $(call objects,kernel,$(filter kernel/%,$(SRC)))
OBJ        += $(KERNEL_OBJ)

$(eval $(call compile,kernel,$(CC),$(KERNEL_CPP) -isystem $(CC_INC) $(KERNEL_C)))

KERNEL := $(if $(wildcard kernel/kernel.ld),$(B)/bulkhead.elf)

$(B)/bulkhead.elf: $(KERNEL_OBJ) kernel/kernel.ld $(B)/sources
	$(call say,LD,$@)
	$(Q)$(CC) $(KERNEL_LD) -T kernel/kernel.ld $(KERNEL_OBJ) -o $@
