#!/usr/bin/env bash
# Two Debian VMs boot at once in exact time, twenty times, each time with other random numbers: KASLR, and so all that follows
# SPDX-License-Identifier: MIT
#
# usage: tests/campaign/10-two-vms.sh [BOOTS]
#
# It is what KVM in the same emulated machine does not survive once in eight tries.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

boots=${1:-20}
out=build/campaign
mkdir -p $out
sed "s|guest_run=\"[^\"]*\"|guest_run=\"mount /dev/vda /mnt \&\& ls /mnt/bin >/dev/null \&\& echo mounted; poweroff\"|
    s|\.\./build|$PWD/build|" config/two-vms.yaml >$out/two-vms.yaml
build/bulkhead archive $out/two-vms.yaml $out/two-vms.cpio || exit 1

boot() {
    local output=$out/two-vms.$1
    SEED=$1 timeout 900 scripts/machine bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' \
        -initrd $out/two-vms.cpio </dev/null >"$output" 2>&1
    local status=$? name
    for name in alpha beta; do
        grep -q "^\[$name\] bulkhead guest: ready" "$output" && grep -q "^\[$name\] mounted" "$output" || status=1
    done
    [ $status -eq 0 ] && echo "ok $1 - boot with seed $1" && return
    echo "not ok $1 - boot with seed $1"
    tail -n 5 "$output" | sed 's/^/# /'
}

echo "1..$boots"
for n in $(seq "$boots"); do boot "$n"; done
