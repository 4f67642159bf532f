# Host side: the `bulkhead` tool, unit tests with sanitizers (gcc), fuzzers (clang).
# SPDX-License-Identifier: MIT
#
# A test or a tool names the sources that it is linked with, from the root, in lines of its head:
#   // LINK: servers/vmm/dev/pic.c libipc/state.c -lm zydis
# An object is compiled once for all tests that use it. `zydis` is the archive that our programs use: it is position
# dependent, hence -no-pie.

HOST_CPP := -I. -D_GNU_SOURCE -DBULKHEAD_HOST -isystem $(B)/include -isystem $(ZYDIS)/include
TOOL_C   := $(WARN) -O2 -g
ASAN     := -fsanitize=address,undefined -fno-sanitize-recover=all
# Sanitizers make gcc see uninitialised variables where there are none.
ASAN_C   := $(WARN) -Wno-maybe-uninitialized -O1 -g -fno-omit-frame-pointer $(ASAN)
FUZZ     := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
# clang warns of other things than gcc does; gcc and clang-tidy judge these sources already.
FUZZ_C   := -std=gnu11 -w -O1 -g -fno-omit-frame-pointer $(FUZZ)

$(eval $(call compile,host,$(CC),$(HOST_CPP) $(TOOL_C)))
$(eval $(call compile,asan,$(CC),$(HOST_CPP) $(ASAN_C)))
$(eval $(call compile,fuzz,$(CLANG),$(HOST_CPP) $(FUZZ_C)))

TOOL_SRC := $(filter tools/%,$(SRC))
UNIT_SRC := $(filter tests/unit/test_%.c,$(SRC))
FUZZ_SRC := $(filter tests/fuzz/fuzz_%.c,$(SRC))

# link_SOURCE: the words of its LINK lines; one awk for all files.
LINKS := $(shell awk 'sub("^// LINK:[ \t]*", "") { gsub(/[ \t]+/, ","); print FILENAME ":" $$0 }' \
           $(TOOL_SRC) $(UNIT_SRC) $(FUZZ_SRC) /dev/null)
comma := ,
$(foreach l,$(LINKS),$(eval link_$(subst :, += ,$(subst $(comma), ,$(l)))))

# $(call link_objects,KIND,source) and $(call link_flags,source): the two kinds of words in LINK lines.
link_objects = $(call objects,$(1),$(2) $(filter %.c %.S,$(link_$(2))))
link_flags   = $(filter -l%,$(link_$(1))) $(if $(filter zydis,$(link_$(1))),$(ZYDIS)/lib/libzydis.a)

# $(call host_program,KIND,source,binary,link command)
define host_program
OBJ += $(call link_objects,$(1),$(2))
$(3): $(call link_objects,$(1),$(2)) $(MK)
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $(4) $(call link_objects,$(1),$(2)) $(call link_flags,$(2)) -o $$@
endef

UNIT_TESTS := $(UNIT_SRC:tests/unit/%.c=$(B)/host/unit/%)
FUZZERS    := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/host/fuzz/%)
$(foreach s,$(UNIT_SRC),$(eval $(call host_program,asan,$(s),$(s:tests/unit/%.c=$(B)/host/unit/%),\
    $(CC) -no-pie $(ASAN) -lcmocka)))
$(foreach s,$(FUZZ_SRC),$(eval $(call host_program,fuzz,$(s),$(s:tests/fuzz/%.c=$(B)/host/fuzz/%),\
    $(CLANG) -no-pie $(FUZZ))))

TOOL_OBJ := $(call objects,host,$(sort $(TOOL_SRC) $(filter %.c,$(foreach s,$(TOOL_SRC),$(link_$(s))))))
OBJ      += $(TOOL_OBJ)
TOOL     := $(if $(TOOL_SRC),$(B)/bulkhead)

$(B)/bulkhead: $(TOOL_OBJ) $(B)/sources
	$(call say,LD,$@)
	$(Q)$(CC) $(TOOL_OBJ) -lyaml -ljansson -o $@

$(filter $(B)/obj/host/% $(B)/obj/asan/% $(B)/obj/fuzz/%,$(OBJ)): $(ZYDIS)/lib/libzydis.a $(B)/include/jsmn.h
