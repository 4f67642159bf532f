#!/usr/bin/env bash
# The test of the programs' runtime as root task.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

folder=build/test/runtime
rm -rf $folder && mkdir -p $folder || exit 1
cp build/user/test/runtime.stripped $folder/init || exit 1
(cd $folder && echo init | cpio --quiet -o -H newc) >build/test/runtime.cpio || exit 1
timeout 120 scripts/machine bench -kernel build/bulkhead.elf -initrd build/test/runtime.cpio -append exit-port </dev/null |
    tr -d '\r'
