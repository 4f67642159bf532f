#!/usr/bin/env bats
# Console, terminal, serial driver, monitor and pager die a hundred times each while Debian boots and a user types: nothing is lost
# SPDX-License-Identifier: MIT
#
# The supervisor kills them at the times that tests/configs/kills.yaml gives, from power-on on.

load ../lib/machine

setup_file() {
    build/bulkhead archive tests/configs/kills.yaml "$BATS_FILE_TMPDIR/kills.cpio"
    machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$BATS_FILE_TMPDIR/kills.cpio"
    machine_expect '^bulkhead guest: ready, tsc=\d+$'
    machine_expect '^guest# '
}

teardown_file() {
    machine_stop
}

# Types until all five have died as often as they should; on a slow host they have before the prompt comes, and on a machine
# whose time depends on instructions alone it takes many lines.
@test "what is typed and what is printed arrives, line by line" {
    local round
    for round in $(seq 1 2000); do
        machine_type "echo round-$round-\$((6*7))"
        machine_expect "^round-$round-42\$"
        [ "$round" -lt 20 ] || [ "$(machine_output | grep -c 'faults: .* was killed 100 times of 100')" -lt 5 ] || break
    done
}

@test "each of the five died a hundred times and was started again" {
    local server
    for server in console.alpha terminal uart vmm.alpha memory; do
        machine_output | grep -q "faults: $server was killed 100 times of 100, and started 101 times"
    done
}

@test "no server died of anything else" {
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
}

@test "the guest noticed nothing" {
    machine_type 'echo began-$((6*7)); dmesg -r | grep "^<[0-4]>" | grep -v "MMCONFIG information"; echo end-$((6*7))'
    machine_expect '(?s)^began-42\n(.*)^end-42$'
    echo "${MACHINE_MATCH[1]}"
    [ -z "${MACHINE_MATCH[1]}" ]
}

@test "poweroff ends the run with status 0" {
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}
