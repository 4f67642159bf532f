#!/usr/bin/env bash
# Debian in a VM against the same kernel, initramfs and command line on the same machine without us.
# SPDX-License-Identifier: MIT
#
# The VM's TSC counts from its power-on, so that its boot holds the loading of the images too; the bare figure begins at the
# kernel's entry, behind firmware and boot loader.
set -euo pipefail
cd "$(dirname "$0")/.."

out=build/bench/debian
build/bulkhead archive bench/one-vm.yaml $out.cpio
tests/lib/bare-boot 256 >$out.json
timeout 900 scripts/machine bench -kernel build/bulkhead.elf -initrd $out.cpio -append 'exit-port exit-on-panic' </dev/null |
    tr -d '\r' >$out.output

# bare NAME, ours EXPRESSION: a figure.
bare() {
    sed -n "s/^ *\"$1\": \([0-9]*\),\{0,1\}$/\1/p" $out.json
}

ours() {
    local number
    number=$(sed -n "s/^.*$1.*$/\1/p" $out.output | tail -n 1)
    [ "$number" ] || { echo "20-debian: no '$1' in $out.output" >&2; exit 1; }
    echo "$number"
}

ready=$(ours 'guest: ready, tsc=\([0-9]*\)')
echo "hlt_wake $(($(ours 'mark sleep: .* median=\([0-9]*\)') - $(bare nap_median)))"
echo "boot_ratio $(awk -v ours="$ready" -v bare="$(bare boot)" 'BEGIN { printf "%.3f", ours / bare }')"
