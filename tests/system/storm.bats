#!/usr/bin/env bats
# Two VMs at work on their disks while disks, driver, consoles, monitors, terminal, serial line and pager die
# SPDX-License-Identifier: MIT
#
# In exact time, so that deaths meet the same requests on every host; guest/diskwork.sh is the work.
#
# bats file_tags=qemu

load ../lib/machine

setup_file() {
    build() { "$MACHINE_ROOT/build/bulkhead" "$@"; }
    export STORM=$BATS_FILE_TMPDIR/storm
    build archive "$MACHINE_ROOT/tests/configs/storm.yaml" "$STORM.cpio"
    build disk-image "$MACHINE_ROOT/tests/configs/storm.yaml" "$STORM.disk"
    boot "$STORM.cpio"
    machine_exit_status >"$STORM.status"
    machine_output >"$STORM.output"
}

boot() {
    machine_start --disk "$STORM.disk" bench -kernel "$MACHINE_ROOT/build/bulkhead.elf" -append 'exit-port exit-on-panic' -initrd "$1"
}

teardown_file() {
    machine_stop
}

@test "mkfs, a large untar, checksums and e2fsck pass in both, and both power off" {
    cat "$STORM.output"
    grep -q '^\[alpha\] diskwork /dev/vda: intact, 300 files$' "$STORM.output"
    grep -q '^\[beta\] diskwork /dev/vda: intact, 300 files$' "$STORM.output"
    [ "$(cat "$STORM.status")" -eq 0 ]
}

@test "all ten died a hundred and fifty times and more meanwhile, and nothing died of anything else" {
    local server
    for server in disk.alpha.data disk.beta.data virtio-blk vmm.alpha vmm.beta console.alpha console.beta terminal uart memory; do
        grep "faults: $server was killed \([0-9]*\) times of \1," "$STORM.output"
    done
    [ "$(grep -c ' died: ' "$STORM.output")" -eq 0 ]
}

@test "the next run finds on the host's disk what the first one wrote" {
    sed "s/diskwork make/diskwork check/; /^faults:/,\$d; /name: beta/,\$d; s|\.\./\.\./build|$MACHINE_ROOT/build|" \
        "$MACHINE_ROOT/tests/configs/storm.yaml" >"$STORM.yaml"
    "$MACHINE_ROOT/build/bulkhead" archive "$STORM.yaml" "$STORM.again.cpio"
    boot "$STORM.again.cpio"
    machine_expect '^diskwork /dev/vda: intact, 300 files$'
    [ "$(machine_exit_status)" -eq 0 ]
}
