# Third-party code for programs: newlib and Zydis from Debian's sources, jsmn as it is (one header).
# SPDX-License-Identifier: MIT
#
# A package that is installed anew touches its list of files, which builds the library again.

NEWLIB := $(B)/newlib
ZYDIS  := $(B)/zydis
dpkg    = $(subst :,\:,$(wildcard /var/lib/dpkg/info/$(1).list /var/lib/dpkg/info/$(1)?amd64.list))

$(NEWLIB)/lib/libc.a: scripts/library scripts/library-newlib $(call dpkg,newlib-source)
	$(Q)scripts/library newlib $(NEWLIB)

$(ZYDIS)/lib/libzydis.a: scripts/library scripts/library-zydis $(call dpkg,libzydis-dev)
	$(Q)scripts/library zydis $(ZYDIS)

$(B)/include/jsmn.h: $(wildcard /usr/include/jsmn.h)
	$(Q)mkdir -p $(@D) && cp /usr/include/jsmn.h $@

LIBRARIES := $(NEWLIB)/lib/libc.a $(ZYDIS)/lib/libzydis.a $(B)/include/jsmn.h
