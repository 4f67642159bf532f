#!/usr/bin/env bash
# A small VM, started by command while the machine runs: what it costs beyond its RAM, and how long until its guest begins.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${MACHINE:-qemu}" = qemu ] || exit 0 # Bochs has no pipe for the second serial line

out=build/bench/vm
build/bulkhead archive bench/vm.yaml $out.cpio
rm -f $out.line.in $out.line.out
mkfifo $out.line.in $out.line.out
exec 8<>$out.line.in 9<>$out.line.out # held open at both ends: nobody waits for anybody
# What arrives before the line's driver runs may be lost: a greeting is asked for first.
printf '\n\n\n\n{"execute": "greeting"}\n{"execute": "capabilities"}\n{"execute": "vm-start", "arguments": {"name": "alpha"}}\n' >&8
timeout 300 scripts/machine bench -kernel build/bulkhead.elf -initrd $out.cpio -append 'exit-port exit-on-panic' \
    -chardev pipe,id=control,path=$out.line -serial chardev:control </dev/null 8>&- 9>&- | tr -d '\r' >$out.output

# found EXPRESSION: the number that this sed expression finds
found() {
    local number
    number=$(sed -n "s/^.*$1.*$/\1/p" $out.output | tail -n 1)
    [ "$number" ] || { echo "50-vm: no '$1' in $out.output" >&2; exit 1; }
    echo "$number"
}

echo "vm_overhead_kib $(found 'vm_overhead_kib alpha: \([0-9]*\)')"
echo "vm_start $(($(found 'its guest begins at \([0-9]*\)') - $(found 'is switched on at \([0-9]*\)')))"
