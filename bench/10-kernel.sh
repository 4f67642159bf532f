#!/usr/bin/env bash
# System calls, IPC, exits to small servers, commits: measured by tests/programs/bench as root task.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."

folder=build/bench/kernel
rm -rf $folder && mkdir -p $folder
cp build/user/test/bench.stripped $folder/init
cp build/guests/bench.bin $folder/
(cd $folder && printf '%s\n' init bench.bin | cpio --quiet -o -H newc) >build/bench/kernel.cpio

# Lines of a name and a number; the rest is the kernel's greeting.
timeout 900 scripts/machine bench -kernel build/bulkhead.elf -initrd build/bench/kernel.cpio -append exit-port </dev/null |
    tr -d '\r' | grep -E '^[a-z_]+ [0-9]+$'
