# What can be asked of make. `run`, `test` and their like install missing packages first and then call make again:
# until then there may be no compiler to ask for its include folder.
# SPDX-License-Identifier: MIT

CONFIG  ?= two-vms
MACHINE ?= qemu

# $(call build_first,targets): standard input is the machine's, not that of compilers and installers.
define build_first
$(Q)scripts/deps </dev/null
+$(Q)$(MAKE) --no-print-directory $(if $(filter 1,$(V)),,-s) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) $(1) </dev/null
endef

.PHONY: help all system tests run test test-vmx campaign unit fuzz lint iso bench flat-tests deps clean

help: ## this text
	@echo 'Bulkhead. Two commands to begin with: make run, make test.'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' mk/targets.mk
	@echo '  V=1 shows the commands. Everything that is made lies in $(B)/.'

run: ## boot CONFIG=two-vms (config/*.yaml) on MACHINE=qemu (or kvm, bochs)
	$(call build_first,system)
	$(Q)exec $(TOOL) run $(CONFIG) --machine $(MACHINE)

test: ## everything: lint, unit tests, fuzzers, kernel tests, scenarios; ends with a count. RESTART_EVERY=N: see docs/testing.md
	$(call build_first,all)
	$(Q)$(if $(RESTART_EVERY),PART_SECONDS=$${PART_SECONDS:-7200}) exec tests/run $(if $(RESTART_EVERY),50-system)

test-vmx: ## the long tests of Intel's VMX, in Bochs: hours
	$(call build_first,all)
	$(Q)PARTS=tests/vmx PART_SECONDS=$${PART_SECONDS:-21600} exec tests/run

campaign: ## long campaigns: many boots of two VMs
	$(call build_first,system)
	$(Q)PARTS=tests/campaign PART_SECONDS=$${PART_SECONDS:-21600} exec tests/run

unit: ## host unit tests with sanitizers
	$(call build_first,$(B)/unit-tests)
	$(Q)exec tests/run unit

fuzz: ## each fuzzer for FUZZ_SECONDS=4
	$(call build_first,$(B)/fuzzers)
	$(Q)exec tests/run fuzz

lint: ## formatting, include rule, headers, sizes, clang-tidy, shellcheck
	$(call build_first,$(B)/flags)
	$(Q)exec scripts/lint

iso: ## a bootable image, build/CONFIG.iso (BIOS and UEFI)
	$(call build_first,system)
	$(Q)exec scripts/iso $(CONFIG)

bench: ## the figures of MACHINE=qemu (or bochs), in instructions: a table and build/bench/*.json
	$(call build_first,all)
	$(Q)exec scripts/bench $(MACHINE)

flat-tests: ## boot each *.flat in DIR=... (kvm-unit-tests) as a guest
	$(if $(DIR),,$(error say where the images are: make flat-tests DIR=...))
	$(call build_first,system)
	$(Q)exec scripts/flat-tests $(DIR) $(MACHINE)

deps: ## install the Debian packages that are missing (mk/packages)
	$(Q)scripts/deps

clean: ## remove build/ (the cached libraries stay)
	$(Q)rm -rf $(B)

# What follows builds only.
system: $(KERNEL) $(PROGRAMS) $(PROGRAMS:%=%.stripped) $(TOOL) $(GUEST) $(ARCHIVES)
tests: $(TEST_PROGRAMS) $(TEST_PROGRAMS:%=%.stripped) $(GUESTS) $(TINY) $(B)/unit-tests $(B)/fuzzers
all: system tests $(B)/flags ## build everything, run nothing

# The lists tell tests/parts/ what there is to run.
$(B)/unit-tests: $(UNIT_TESTS) $(B)/sources
	$(Q)printf '%s\n' $(UNIT_TESTS) >$@
$(B)/fuzzers: $(FUZZERS) $(B)/sources
	$(Q)printf '%s\n' $(FUZZERS) >$@

# How each part of the tree is compiled, for the checks that run a compiler themselves.
$(B)/flags: $(MK) $(LIBRARIES)
	$(Q)mkdir -p $@ && echo '$(KERNEL_CPP) $(WARN)' >$@/kernel && echo '$(USER_CPP) $(WARN)' >$@/user && \
	    echo '$(HOST_CPP) $(WARN)' >$@/host && touch $@

-include $(patsubst %.o,%.d,$(sort $(OBJ)))
