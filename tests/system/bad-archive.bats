#!/usr/bin/env bats
# Boot archives that are none, are damaged, or want what is not there: one clear line, and a bad end
# SPDX-License-Identifier: MIT

load ../lib/machine

setup_file() {
    export GOOD=$BATS_FILE_TMPDIR/good.cpio
    build/bulkhead archive tests/manifests/poison.json "$GOOD"
}

teardown() {
    machine_stop
}

# refused ARCHIVE REGEX [MACHINE-OPTION...]: the machine with this archive prints this as its last line and ends badly
refused() {
    machine_start "${@:3}" bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' ${1:+-initrd "$1"}
    machine_expect "$2"
    [ "$(machine_exit_status)" -gt 2 ]
    machine_explain
    machine_output | grep -v '^ ' | tail -n 1 | grep -P "$2"
}

# changed FROM TO: a copy of the good archive with one text replaced by another of the same length
changed() {
    LC_ALL=C sed "s|$1|$2|" "$GOOD" >"$BATS_TEST_TMPDIR/changed.cpio"
    if cmp -s "$GOOD" "$BATS_TEST_TMPDIR/changed.cpio"; then echo "$1 is not there" >&2; else echo "$BATS_TEST_TMPDIR/changed.cpio"; fi
}

@test "no boot archive" {
    refused "" 'no boot archive'
}

@test "a foreign file" {
    refused LICENSE 'boot archive: no cpio archive in newc format'
}

@test "an archive cut off in its first program" {
    head -c 20000 "$GOOD" >"$BATS_TEST_TMPDIR/cut.cpio"
    refused "$BATS_TEST_TMPDIR/cut.cpio" 'boot archive: truncated'
}

@test "an archive cut off at its end" {
    head -c -2000 "$GOOD" >"$BATS_TEST_TMPDIR/cut.cpio"
    refused "$BATS_TEST_TMPDIR/cut.cpio" '^\[init\] error: the boot archive is truncated$'
}

@test "no manifest" {
    refused "$(changed 00000000manifest 00000000maniFest)" '^\[init\] error: the manifest is not in the boot archive$'
}

@test "a manifest with an unknown key" {
    refused "$(changed '"heap"' '"heat"')" '^\[init\] error: manifest, line 16: unknown key "heat" of a server$'
}

@test "a manifest that is no JSON" {
    refused "$(changed '"servers": \[' '"servers":[,')" '^\[init\] error: manifest, line 14: .,. is not expected here$'
}

@test "a capability to an unknown object" {
    refused "$(changed '"object": "b"' '"object": "c"')" '^\[init\] error: manifest, line \d+: object: there is no object "c"$'
}

@test "a missing program" {
    refused "$(changed 00000000bin/test/fragile 00000000bin/test/Fragile)" '^\[init\] error: program test/fragile: not in the boot archive$'
}

@test "a missing image of a guest" {
    printf 'name: plain\nvms:\n  - {name: alpha, memory: 64M, kernel: %s}\n' "$PWD/build/guest/vmlinuz" >"$BATS_TEST_TMPDIR/plain.yaml"
    build/bulkhead archive "$BATS_TEST_TMPDIR/plain.yaml" "$BATS_TEST_TMPDIR/plain.cpio"
    refused "$(GOOD=$BATS_TEST_TMPDIR/plain.cpio changed 00000000guest/kernel 00000000guest/Kernel)" \
        '^\[init\] error: object alpha.kernel: file guest/kernel-[0-9a-f]{16}: not in the boot archive$'
}

@test "a VM larger than memory" {
    cat >"$BATS_TEST_TMPDIR/large.yaml" <<YAML
name: large
vms:
  - name: alpha
    memory: 4G
    kernel: $PWD/build/guest/vmlinuz
YAML
    build/bulkhead archive "$BATS_TEST_TMPDIR/large.yaml" "$BATS_TEST_TMPDIR/large.cpio"
    refused "$BATS_TEST_TMPDIR/large.cpio" '^\[init\] error: VM alpha is larger than memory: it has 4096 MiB, \d+ MiB are free$' --memory 512
}

# None of Bochs' models lacks just that; tests/system/bochs.bats has those that lack something.
# bats test_tags=qemu
@test "a machine without virtualization" {
    printf 'name: plain\nvms:\n  - {name: alpha, memory: 64M, kernel: %s}\n' "$PWD/build/guest/vmlinuz" >"$BATS_TEST_TMPDIR/plain.yaml"
    build/bulkhead archive "$BATS_TEST_TMPDIR/plain.yaml" "$BATS_TEST_TMPDIR/plain.cpio"
    machine_start bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$BATS_TEST_TMPDIR/plain.cpio" \
        -cpu max,-la57,-svm
    machine_expect '^\[init\] error: object alpha.vm: this machine has neither SVM nor VMX$'
    [ "$(machine_exit_status)" -gt 2 ]
}

@test "a machine with too little memory" {
    refused "$GOOD" 'too little memory' --memory 40
}

@test "an archive that cannot be made does not appear" {
    run build/bulkhead --programs "$BATS_TEST_TMPDIR" archive tests/manifests/poison.json "$BATS_TEST_TMPDIR/no.cpio"
    [ "$status" -eq 1 ]
    [[ $output == *"init.stripped: No such file or directory"* ]]
    [ -z "$(ls "$BATS_TEST_TMPDIR")" ]
}

@test "without an exit device a machine is switched off by ACPI" {
    machine_start --bare bench -kernel build/bulkhead.elf -initrd "$(changed 00000000manifest 00000000maniFest)"
    machine_expect '^\[init\] error: the manifest is not in the boot archive$'
    [ "$(machine_exit_status)" -eq 0 ]
    ! machine_output | grep 'cannot be switched off' || false
}
