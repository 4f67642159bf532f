# What is booted: the Debian guest from its packages, and a boot archive for every configuration.
# SPDX-License-Identifier: MIT

GUEST := $(if $(wildcard guest/build),$(B)/guest/vmlinuz $(B)/guest/base.img)

$(B)/guest/vmlinuz: $(filter-out guest/image,$(wildcard guest/*))
	$(call say,GUEST,$(@D))
	$(Q)guest/build $(@D)

$(B)/guest/base.img: guest/image $(B)/guest/vmlinuz
	$(call say,IMAGE,$@)
	$(Q)guest/image $(B)/guest/initramfs.cpio $@

CONFIGS  := $(wildcard config/*.yaml)
ARCHIVES := $(CONFIGS:config/%.yaml=$(B)/%.cpio)

# Which programs an archive holds is in its configuration, so it depends on all.
$(ARCHIVES): $(B)/%.cpio: config/%.yaml $(TOOL) $(PROGRAMS:%=%.stripped) $(GUEST)
	$(call say,PACK,$@)
	$(Q)$(TOOL) archive $< $@
