#!/usr/bin/env bash
# The kernel's test process as root task: on one processor in deterministic time, then on two processors in real time.
# SPDX-License-Identifier: MIT
#
# In the first run QEMU logs what it delivers. So a second witness tells that the guest `timers` got as many interrupts as it
# was given, and that nobody got one with IF=0.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

log=build/test/kernel.int
said=build/test/kernel.said

# The interrupt table is TIMERS_IDT of tests/guests/guest.h.
judge_log() {
    local given counts
    given=$(sed -n 's/^ok .* random timers: of \([0-9]*\) interrupts given .*/\1/p' $said)
    counts=$(awk -v table=5000 -f tests/lib/intlog.awk $log)
    echo "# QEMU's log: $counts"
    echo 1..2
    [[ $counts == *" table=${given:-none} "* ]] || printf 'not '
    echo "ok 1 - QEMU delivered the ${given:-} interrupts that the random timers gave, each once"
    [[ $counts == *" if0=0" ]] || printf 'not '
    echo "ok 2 - and none to anybody with IF=0"
}

bad=0
tests/lib/kernel-test qemu bench -d int -D $log | tee $said || bad=1
judge_log
rm -f $log
tests/lib/kernel-test qemu --smp 2 test || bad=1
exit $bad
