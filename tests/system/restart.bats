#!/usr/bin/env bats
# Servers that die in every way, are killed in the middle of calls, or die of one call again and again
# SPDX-License-Identifier: MIT
#
# tests/programs/caller counts what tests/programs/fragile counted; its failures are the status of the run.

load ../lib/machine

# boot MANIFEST: starts the machine of the bench, on which two runs are the same
boot() {
    build/bulkhead archive "tests/manifests/$1.json" "$BATS_TEST_TMPDIR/$1.cpio"
    machine_start bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$BATS_TEST_TMPDIR/$1.cpio"
}

teardown() {
    machine_stop
}

@test "after each kind of death the next incarnation answers the same call" {
    boot crashes
    [ "$(machine_exit_status)" -eq 0 ]
    [ "$(machine_output | grep -c 'survived: ')" -eq 13 ]
    machine_expect '^\[init\] error: a died: page fault, read at 0\n'
    machine_expect '^\[init\] error:   at [0-9a-f]+ crash_read\+'
    machine_expect '^\[init\] error:   called before [0-9a-f]+ main\+'
    machine_expect '^\[init\] error:   the last: badge 1, sequence 2, delivered 0 times before'
    machine_expect '^\[init\] error: a died: page fault, write at '
    machine_expect '^\[init\] error: a died: page fault, execution at 800000\n'
    machine_expect '^\[init\] error: a died: division by zero'
    machine_expect '^\[init\] error: a died: invalid opcode'
    machine_expect '^\[init\] error: a died: it ended itself with code 3\n'
    machine_expect '^\[init\] error: a died: hung: it computes and does not wait\n'
    machine_expect '^\[init\] error: a died: hung: it is blocked on what nobody answers\n'
    machine_expect '^\[init\] error: a died: hung: its thread 1 computes and does not wait\n'
}

# Twice in a millisecond is too often where that is a hundred thousand instructions: no call would come between them.
# bats test_tags=qemu
@test "a hundred kills in the middle of calls lose none and double none, twice the same" {
    boot kills
    machine_expect '^\[init\] faults: a was killed 100 times of 100, and started 101 times$'
    machine_expect '^\[caller\] 50000 calls, 101 starts$'
    [ "$(machine_exit_status)" -eq 0 ]
    machine_output >"$BATS_TEST_TMPDIR/first"
    boot kills
    [ "$(machine_exit_status)" -eq 0 ]
    diff "$BATS_TEST_TMPDIR/first" <(machine_output)
}

@test "an access that kills its server is failed alone; of a server that dies of every call only errors are left" {
    boot poison
    machine_expect '^\[fragile\] error: a guest.s access \(route 1, offset 7\) is failed: 3 died of it$'
    machine_expect '^\[init\] error: a has failed for good, after 6 deaths in a row without a completed request; its callers get errors$'
    machine_expect '^\[caller\] poisoned$'
    [ "$(machine_exit_status)" -eq 0 ]
    [ "$(machine_output | grep -c 'a died: page fault, read at 0')" -eq 6 ]
    [ "$(machine_output | grep -c 'b died: page fault, read at 0')" -eq 3 ]
}
