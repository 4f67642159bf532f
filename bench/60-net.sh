#!/usr/bin/env bash
# Frames between two Debian guests on one switch: instructions of the whole machine each, and exits.
# SPDX-License-Identifier: MIT
#
# Exits are those of both guests in a run with many frames less those in one with few, over the difference; HLT, and WRMSR of
# the timer's deadline, left out, as for disks (40-disk.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${MACHINE:-qemu}" = qemu ] || exit 0 # two guests' boots take Bochs minutes, and the figures' peer is QEMU's

out=build/bench/net
few=400 many=2400

# boot NAME WORK: this command in the guest; what the machine printed is in $out.NAME
boot() {
    sed "s|WORK|$2|; s|\.\./build|$PWD/build|" bench/net.yaml >$out.yaml
    build/bulkhead archive $out.yaml "$out-$1.cpio"
    timeout 900 scripts/machine bench -kernel build/bulkhead.elf -initrd "$out-$1.cpio" -append 'exit-port exit-on-panic' </dev/null |
        tr -d '\r' >"$out.$1"
}

# found NAME EXPRESSION: the number that this sed expression finds last in that run's output
found() {
    local number
    number=$(sed -nE "s/^.*$2.*$/\1/p" "$out.$1" | tail -n 1)
    [ "$number" ] || { echo "60-net: no '$2' in $out.$1" >&2; return 1; }
    echo "$number"
}

# counted NAME: the exits of both guests in that run
counted() {
    sed -n 's/^.*vm_exits [a-z]*: //p' "$out.$1" |
        awk -v RS=', *|\n' '$1 != "hlt" && $1 != "wrmsr" { sum += $2 } END { print sum + 0 }'
}

host=10.0.0.2
boot all "net pingpong $host 50; net pingpong $host 1000; net batched $host 6400; net flood $host 192; net flood $host 192; net tcp $host 16000"
echo "net_1500_roundtrip $(found all 'net pingpong: .*mean=([0-9]+)')"
echo "net_1500_batched $(found all 'net batched: .*mean=([0-9]+)')"
echo "net_1500_flood $(found all 'net flood: count=192 mean=([0-9]+)')"
awk -v instructions="$(found all 'net tcp: .*per_1000=([0-9]+)')" 'BEGIN { printf "net_tcp_byte %.2f\n", instructions / 1000 }'

for work in pingpong batched; do
    boot $few "net $work $host $few"
    boot $many "net $work $host $many"
    frames=$((many - few))
    [ $work = batched ] || frames=$((2 * frames))
    suffix=${work#pingpong}
    awk -v sum=$(($(counted $many) - $(counted $few))) -v frames=$frames -v name="exits_per_frame${suffix:+_$suffix}" \
        'BEGIN { printf "%s %.2f\n", name, sum / frames }'
done
