# The Debian guest: an unmodified kernel and a small initramfs.
# SPDX-License-Identifier: MIT

DEBIAN := $(B)/guest/vmlinuz $(B)/guest/initramfs.cpio

$(DEBIAN) &: guest/build guest/init.c guest/mark.c
	$(call say,GUEST,$(B)/guest)
	$(Q)guest/build $(B)/guest
