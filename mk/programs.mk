# Programs on our kernel: servers, drivers, test programs; and the tiny guests, which are flat binaries.
# SPDX-License-Identifier: MIT
#
# newlib's headers come first, then gcc's own; <jsmn.h> and <Zydis/Zydis.h> are there for all. Frame pointers serve the
# crash records. A program keeps its symbols; its .stripped copy goes into the boot archive.

USER_CPP := -I. -nostdinc -isystem $(NEWLIB)/include -isystem $(B)/include -isystem $(ZYDIS)/include -D__DYNAMIC_REENT__ \
            -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -U__unix__ -U__unix -Uunix
USER_C   := $(WARN) -O2 -g -fno-omit-frame-pointer -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none \
            -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
USER_LD  := -static -no-pie -nostdlib -T libipc/program.ld -Wl,-u,_start,--gc-sections,--build-id=none,--fatal-warnings \
            -Wl,-z,noexecstack,-z,max-page-size=4096

$(eval $(call compile,user,$(CC),$(USER_CPP) -isystem $(CC_INC) $(USER_C)))

USER_SRC := $(filter libipc/% servers/% tests/programs/%,$(SRC))
USER_OBJ := $(call objects,user,$(USER_SRC))
OBJ      += $(USER_OBJ)
$(USER_OBJ): $(LIBRARIES)

user_objects = $(call objects,user,$(filter $(1),$(USER_SRC)))

$(eval $(call archive,$(B)/libipc.a,$(call user_objects,libipc/%)))
$(eval $(call archive,$(B)/libcommon.a,$(call user_objects,servers/common/%)))
$(eval $(call archive,$(B)/libtest.a,$(call user_objects,tests/programs/common/%)))

OUR_LIBS := $(B)/libipc.a $(B)/libcommon.a
ALL_LIBS  = $(OUR_LIBS) $(ZYDIS)/lib/libzydis.a $(NEWLIB)/lib/libc.a $(NEWLIB)/lib/libm.a \
            $(shell $(CC) -print-libgcc-file-name)

# $(call program,path under build/user,source folder,own libraries)
define program
$(B)/user/$(1): $(call user_objects,$(2)/%) $(3) $(OUR_LIBS) $(LIBRARIES) libipc/program.ld $(B)/sources
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $(CC) $(USER_LD) $(call user_objects,$(2)/%) -Wl,--start-group $(3) $(ALL_LIBS) \
	    -Wl,--end-group -o $$@
endef

# $(call names,folder): the names of the folders in it that hold sources.
names = $(sort $(foreach s,$(patsubst $(1)/%,%,$(filter $(1)/%,$(SRC))),$(if $(findstring /,$(s)),$(firstword $(subst /, ,$(s))))))

SERVERS := $(filter-out common drivers,$(call names,servers)) $(addprefix drivers/,$(call names,servers/drivers))
TESTERS := $(filter-out common,$(call names,tests/programs))
ifneq ($(wildcard libipc/program.ld),)
PROGRAMS      := $(SERVERS:%=$(B)/user/%)
TEST_PROGRAMS := $(TESTERS:%=$(B)/user/test/%)
endif
$(foreach s,$(SERVERS),$(eval $(call program,$(s),servers/$(s))))
$(foreach t,$(TESTERS),$(eval $(call program,test/$(t),tests/programs/$(t),$(B)/libtest.a)))

$(B)/user/%.stripped: $(B)/user/%
	$(call say,STRIP,$@)
	$(Q)strip --strip-all $< -o $@

# Tiny guests: what the assembler gives at the addresses that the linker script gives, nothing else.
GUEST_SRC := $(filter %.S,$(filter tests/guests/%,$(SRC)))
OBJ       += $(call objects,guest,$(GUEST_SRC))
GUESTS    := $(if $(wildcard tests/guests/guest.ld),$(GUEST_SRC:tests/guests/%.S=$(B)/guests/%.bin))

$(eval $(call compile,guest,$(CC),-I. -g))

$(B)/guests/%.elf: $(B)/obj/guest/tests/guests/%.S.o tests/guests/guest.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && ld --fatal-warnings -no-warn-rwx-segments -T tests/guests/guest.ld $< -o $@

$(B)/guests/%.bin: $(B)/guests/%.elf
	$(Q)objcopy -O binary $< $@

# Tiny kernels: one program in each format that the monitor boots, one that measures, and one that pages.
TINY_C      := $(WARN) -I. -ffreestanding -nostdinc -O2 -fno-pic -fno-pie -fno-stack-protector -mgeneral-regs-only \
               -fcf-protection=none -fno-asynchronous-unwind-tables
TINY_COMMON := kernel.c machine.c image.S
HOSTILE     := hostile.c hostile_registers.c hostile_rings.c hostile_disk.c hostile_streams.c virtio.c pci_machine.c \
               machine.c
TINY_LD     := ld --fatal-warnings -no-warn-rwx-segments -z max-page-size=4096 -T tests/kernels/kernel.ld
TINY        := $(if $(wildcard tests/kernels/kernel.ld),$(addprefix $(B)/kernels/,pvh multiboot bzimage stock talk life pae pci hostile))

$(eval $(call compile,tiny32,$(CC),-m32 $(TINY_C) -isystem $(CC_INC)))
$(eval $(call compile,tiny64,$(CC),-m64 $(TINY_C) -mno-red-zone -isystem $(CC_INC)))

# $(call tiny,format,KIND,sources,linker's options)
define tiny
OBJ += $(call objects,$(2),$(3:%=tests/kernels/%))
$(B)/kernels/$(1): $(call objects,$(2),$(3:%=tests/kernels/%)) tests/kernels/kernel.ld
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $(TINY_LD) $(4) $(call objects,$(2),$(3:%=tests/kernels/%)) -o $$@
endef
$(eval $(call tiny,pvh,tiny32,pvh.S told_pvh.c $(TINY_COMMON),-m elf_i386))
$(eval $(call tiny,multiboot,tiny32,multiboot.S told_multiboot.c $(TINY_COMMON),-m elf_i386))
$(eval $(call tiny,bzimage,tiny64,bzimage.S told_bzimage.c $(TINY_COMMON),--oformat binary))
$(eval $(call tiny,stock,tiny32,pvh.S stock.c rest.c machine.c,-m elf_i386))
$(eval $(call tiny,life,tiny32,pvh.S life.c machine.c,-m elf_i386))
$(eval $(call tiny,talk,tiny32,pvh.S told_pvh.c talk.c rest.c machine.c,-m elf_i386))
$(eval $(call tiny,pae,tiny32,multiboot.S pae.c machine.c,-m elf_i386))
$(eval $(call tiny,pci,tiny32,pvh.S told_pvh.c pci.c pci_machine.c machine.c,-m elf_i386))
$(eval $(call tiny,hostile,tiny32,pvh.S told_pvh.c $(HOSTILE),-m elf_i386))
