# What all parts of the build share: sources, warnings, output, dependency files.
# SPDX-License-Identifier: MIT

B := build

# The tools are named, not taken from the environment: the kernel and the libraries are built for exactly these.
CC     := gcc
CLANG  := clang
CC_INC := $(shell $(CC) -print-file-name=include 2>/dev/null)

WARN := -std=gnu11 -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Werror

SRC := $(shell find kernel libipc servers tools tests -name '[!.]*.[cS]' 2>/dev/null | LC_ALL=C sort)

# Whoever builds something by these rules depends on them, so that changed flags take effect.
MK := Makefile $(wildcard mk/*.mk)

# Short output; V=1 shows the commands.
V ?= 0
Q   := $(if $(filter 1,$(V)),,@)
say  = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# $(call objects,KIND,sources): their objects. One source may be compiled in several kinds: kernel, user, host, asan, fuzz.
objects = $(patsubst %,$(B)/obj/$(1)/%.o,$(2))

# $(call compile,KIND,compiler,flags): how objects of that kind are made.
define compile
$(B)/obj/$(1)/%.c.o: %.c $(MK)
	$$(call say,CC,$$<)
	$$(Q)mkdir -p $$(@D) && $(2) $(3) -MMD -MP -c $$< -o $$@
$(B)/obj/$(1)/%.S.o: %.S $(MK)
	$$(call say,AS,$$<)
	$$(Q)mkdir -p $$(@D) && $(2) $(3) -MMD -MP -Wa,--fatal-warnings -c $$< -o $$@
endef

# $(call archive,file,objects): a static library; it is written anew so that no removed file's object stays.
define archive
$(1): $(2) $(B)/sources
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && ar rcs $$@ $(2)
endef

# The list of all sources, rewritten only when it changes: links depend on it, so that a removed file leaves its program.
$(shell mkdir -p $(B))
ifneq ($(file <$(B)/sources),$(SRC))
$(file >$(B)/sources,$(SRC))
endif

# The parts add the objects that they compile; their dependency files come in here (see mk/targets.mk).
OBJ :=
