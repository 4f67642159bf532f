#!/usr/bin/env bash
# The kernel's test process as root task: on one processor in deterministic time, then on two processors in real time.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

folder=build/test/kernel
archive=build/test/kernel.cpio
rm -rf $folder && mkdir -p $folder || exit 1
cp build/user/test/kernel.stripped $folder/init && cp build/guests/*.bin $folder/ || exit 1

# run_on MACHINE...
run_on() {
    echo "# the machine: $*"
    (cd $folder && printf '%s\n' * | cpio --quiet -o -H newc) >$archive || return 1
    timeout 300 scripts/machine "$@" -kernel build/bulkhead.elf -initrd $archive -append exit-port </dev/null | tr -d '\r'
}

bad=0
run_on bench || bad=1
touch $folder/real-time
run_on --smp 2 test || bad=1
exit $bad
