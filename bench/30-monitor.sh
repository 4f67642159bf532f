#!/usr/bin/env bash
# Exits of a guest to the real servers: servers/vmm, which decodes what has no length, and servers/console.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."

out=build/bench/monitor
loops=$(sed -n 's/^#define BENCH_LOOPS *\([0-9]*\).*/\1/p' tests/guests/guest.h)
build/bulkhead archive bench/monitor.yaml $out.cpio
timeout 900 scripts/machine bench -kernel build/bulkhead.elf -initrd $out.cpio -append 'exit-port exit-on-panic' </dev/null |
    tr -d '\r' >$out.output

# Lines of a name and the time of all passes in hexadecimal; the first is that of the loop itself.
while read -r name time; do
    [ "$name" = loop ] && loop=$((16#$time)) && continue
    echo "$name $(((16#$time - loop) / loops))"
done < <(grep -E '^(loop|exit_[a-z_]+) [0-9a-f]{8}$' $out.output)
[ "${loop:-}" ] || { echo "30-monitor: no figures in $out.output" >&2; exit 1; }
