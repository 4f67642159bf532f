#!/usr/bin/env bash
# The kernel's test process as root task: on one processor in deterministic time, then on two processors in real time.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

folder=build/test/kernel
archive=build/test/kernel.cpio
rm -rf $folder && mkdir -p $folder || exit 1
cp build/user/test/kernel.stripped $folder/init && cp build/guests/*.bin $folder/ || exit 1
(cd $folder && printf '%s\n' * | cpio --quiet -o -H newc) >$archive || exit 1

bad=0
for machine in 'bench' '--smp 2 test'; do
    echo "# the machine: $machine"
    # shellcheck disable=SC2086 # options and mode are words
    timeout 300 scripts/machine $machine -kernel build/bulkhead.elf -initrd $archive -append exit-port </dev/null |
        tr -d '\r' || bad=1
done
exit $bad
