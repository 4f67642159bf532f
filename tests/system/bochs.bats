#!/usr/bin/env bats
# Intel's processors, model by model, in Bochs: the ones that lack what guests need are told of in a line
# SPDX-License-Identifier: MIT
# bats file_tags=bochs

load ../lib/machine

setup_file() {
    export MACHINE=bochs ARCHIVE=$BATS_FILE_TMPDIR/one.cpio
    printf 'name: one\nvms:\n  - {name: alpha, memory: 64M, kernel: %s}\n' "$PWD/build/guest/vmlinuz" >"$BATS_FILE_TMPDIR/one.yaml"
    build/bulkhead archive "$BATS_FILE_TMPDIR/one.yaml" "$ARCHIVE"
}

teardown() {
    machine_stop
}

# boot MODEL
boot() {
    machine_start bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$ARCHIVE" -cpu "$1"
}

# bats test_tags=brief
@test "a processor with VMX and without EPT runs no guests" {
    boot core2_penryn_t9600
    machine_expect '^virtualization: the CPU has VMX without EPT$'
    machine_expect '^\[init\] error: object alpha.vm: this machine has neither SVM nor VMX$'
    [ "$(machine_exit_status)" -gt 2 ]
}

@test "a processor without unrestricted guests does not get so far: it has no XSAVE either" {
    boot corei5_lynnfield_750
    machine_expect '^bulkhead: panic: platform: this CPU lacks XSAVE$'
    [ "$(machine_exit_status)" -gt 2 ]
}

@test "a processor that Bochs does not know" {
    boot corei9
    [ "$(machine_exit_status)" -eq 1 ]
    grep "wrong value for parameter 'model'" "$MACHINE_DIR/errors"
}

@test "what Bochs cannot be asked for" {
    run scripts/machine --machine bochs test -kernel build/bulkhead.elf -drive file=LICENSE
    [ "$status" -eq 1 ]
    [ "$output" = "machine: MACHINE=bochs has no -drive" ]
}
