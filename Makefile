# Bulkhead: builds the kernel, the programs, the host tool and the tests.
# SPDX-License-Identifier: MIT
#
# Sources are found by where they lie; nobody has to list a file here:
#   kernel/**/*.[cS]                 build/bulkhead.elf        (kernel/kernel.ld)
#   libipc/**/*.[cS]                 build/libipc.a
#   servers/common/**/*.[cS]         build/libcommon.a
#   servers/NAME/**/*.[cS]           build/user/NAME           (libipc/program.ld), and NAME.stripped
#   servers/drivers/NAME/**/*.[cS]   build/user/drivers/NAME
#   tests/programs/NAME/**/*.[cS]    build/user/test/NAME      (tests/programs/common: build/libtest.a)
#   tests/guests/NAME.S              build/guests/NAME.bin     (tests/guests/guest.ld)
#   tests/kernels/*                  build/kernels/FORMAT      (tests/kernels/kernel.ld)
#   tools/**/*.c                     build/bulkhead
#   config/NAME.yaml                 build/NAME.cpio           (the boot archive; the guest of guest/ in build/guest)
#   tests/unit/test_NAME.c           build/host/unit/test_NAME (with what its LINK line names)
#   tests/fuzz/fuzz_NAME.c           build/host/fuzz/fuzz_NAME (the same)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

include mk/common.mk mk/libraries.mk mk/kernel.mk mk/programs.mk mk/host.mk mk/archives.mk mk/targets.mk
