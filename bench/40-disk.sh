#!/usr/bin/env bash
# Block requests of a Debian guest to a RAM-backed disk: instructions of the whole machine each, and exits.
# SPDX-License-Identifier: MIT
#
# Exits are those of a boot with many requests less those of one with few, over the difference. HLT, and WRMSR of the timer's
# deadline, are no part of a request's path; they are given beside it. server_kib: what the VM costs with its disk, less what
# it costs without.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${MACHINE:-qemu}" = qemu ] || exit 0 # a guest's boot takes Bochs minutes, and the figures' peer is QEMU's

out=build/bench/disk
few=400 many=2400

# boot NAME WORK...: these commands in the guest; what the machine printed is in $out.NAME
boot() {
    sed "s|WORK|${*:2}|; s|\.\./build|$PWD/build|" bench/disk.yaml >$out.yaml
    [ "$1" != none ] || sed -i '/disks:/,$d' $out.yaml
    build/bulkhead archive $out.yaml "$out-$1.cpio"
    timeout 900 scripts/machine bench -kernel build/bulkhead.elf -initrd "$out-$1.cpio" -append 'exit-port exit-on-panic' </dev/null |
        tr -d '\r' >"$out.$1"
}

# found NAME EXPRESSION: the number that this sed expression finds in that run's output
found() {
    local number
    number=$(sed -nE "s/^.*$2.*$/\1/p" "$out.$1" | tail -n 1)
    [ "$number" ] || { echo "40-disk: no '$2' in $out.$1" >&2; return 1; }
    echo "$number"
}

mean() {
    found all "blk $1: .*mean=([0-9]+)"
}

# counted NAME KIND...: what that run counted of these; `path`: of all but HLT and WRMSR
counted() {
    local line
    line=$(sed -n 's/^.*vm_exits alpha: //p' "$out.$1")
    [ "$line" ] || { echo "40-disk: no exits in $out.$1" >&2; return 1; }
    awk -v RS=', *|\n' -v kind="$2" 'kind == "path" ? $1 != "hlt" && $1 != "wrmsr" : $1 == kind { sum += $2 } END { print sum + 0 }' <<<"$line"
}

# exits KIND: of the run with many requests less the one with few, a request
exits() {
    local last first
    last=$(counted "$many" "$1")
    first=$(counted "$few" "$1")
    awk -v sum=$((last - first)) -v requests=$((many - few)) 'BEGIN { printf "%.2f", sum / requests }'
}

boot all "blk read /dev/vda 2000; blk write /dev/vda 2000; blk flush /dev/vda 1000; blk read16 /dev/vda 4000; blk write16 /dev/vda 4000"
echo "blk_read_4k_qd1 $(mean read)"
echo "blk_write_4k_qd1 $(mean write)"
echo "blk_flush $(mean flush)"
echo "blk_read_4k_qd16 $(mean read16)"
echo "blk_write_4k_qd16 $(mean write16)"

boot none true
overhead='vm_overhead_kib alpha: ([0-9]+)'
echo "server_kib $(($(found all "$overhead") - $(found none "$overhead")))"

for work in read read16; do
    boot $few "blk $work /dev/vda $few"
    boot $many "blk $work /dev/vda $many"
    suffix=${work#read}
    echo "exits_per_block_request${suffix:+_qd$suffix} $(exits path)"
    echo "hlt_per_block_request${suffix:+_qd$suffix} $(exits hlt)"
    echo "timer_per_block_request${suffix:+_qd$suffix} $(exits wrmsr)"
done
