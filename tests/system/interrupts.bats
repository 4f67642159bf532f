#!/usr/bin/env bats
# Debian in a VM, in deterministic time, with QEMU's interrupt log as a witness: nothing came with IF=0
# SPDX-License-Identifier: MIT
#
# The kernel's own tests count what a tiny guest is given and gets (tests/parts/40-kernel.sh); this is the monitor's turn.

# bats file_tags=qemu

load ../lib/machine

teardown() {
    machine_stop
}

@test "no interrupt comes with IF=0 while Debian boots, sleeps, prints, and ends" {
    machine_start bench -kernel build/bulkhead.elf -initrd build/one-vm.cpio -append 'exit-port exit-on-panic' \
        -d int -D "$BATS_TEST_TMPDIR/int.log"
    machine_expect '^guest# '
    machine_type 'for i in $(seq 50); do sleep 0.01; echo $i; done; poweroff'
    [ "$(machine_exit_status)" -eq 0 ]
    run awk -f tests/lib/intlog.awk "$BATS_TEST_TMPDIR/int.log"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output =~ ^exceptions=[0-9]+\ software=[0-9]+\ external=[0-9]{4,}\ if0=0$ ]]
}
