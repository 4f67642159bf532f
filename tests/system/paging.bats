#!/usr/bin/env bats
# A 32-bit guest turns PAE paging on and off in every order: tests/kernels/pae.c
# SPDX-License-Identifier: MIT
#
# Each letter is the place in memory that its page-directory pointers lead to; ! says that the write gave #GP.

load ../lib/machine

teardown() {
    machine_stop
}

# bats test_tags=brief
@test "page-directory pointers are loaded when the processor would, and bad ones give #GP" {
    printf '%s\n' 'name: paging' 'vms:' \
        "  - {name: alpha, memory: 16M, kernel: $PWD/build/kernels/pae}" >"$BATS_TEST_TMPDIR/paging.yaml"
    build/bulkhead archive "$BATS_TEST_TMPDIR/paging.yaml" "$BATS_TEST_TMPDIR/paging.cpio"
    machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$BATS_TEST_TMPDIR/paging.cpio"
    [ "$(machine_exit_status)" -eq 0 ]
    diff - <(machine_output | grep ': [abc]!\?$') <<'END'
PAE, then paging: a
PGE: b
PSE: a
CD: b
CR3: a
priority: a
DE: a
a bad one, PGE: a!
a bad one, CD: a!
none, PGE: a
no memory there: a!
no PAE any more: c
paging, then PAE: b
paging without PAE: c
END
}
