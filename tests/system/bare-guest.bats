#!/usr/bin/env bats
# The Debian guest directly on the emulated machine: what fails here is not ours
# SPDX-License-Identifier: MIT

load ../lib/machine

setup_file() {
    local log=()
    [ "${MACHINE:-qemu}" != qemu ] || log=(-d int -D "$BATS_FILE_TMPDIR/int.log")
    machine_start --bare --memory 256 bench -kernel build/guest/vmlinuz -initrd build/guest/initramfs.cpio \
        -append "console=ttyS0 quiet hostname=bare" "${log[@]}"
    machine_expect '^bulkhead guest: ready, tsc=\d+$'
    machine_expect '^guest# '
}

teardown_file() {
    machine_stop
}

@test "a command typed at the prompt is executed" {
    machine_type 'echo hello-$((6*7))'
    machine_expect '^hello-42$'
}

@test "Ctrl-C interrupts a command" {
    machine_type cat
    machine_type two-of-these
    machine_expect '(?s)^two-of-these$.*^two-of-these$' # the echo, and then what cat prints
    machine_keys $'\x03'
    machine_expect '^guest# '
}

@test "nothing that is typed gets lost, however fast" {
    local text
    text=$(seq -f 'line %04.0f of a text that is typed faster than any human could type it' 500)$'\n'
    machine_type 'echo began-$((6*7)); md5sum'
    machine_expect '^began-42$'
    machine_keys "$text"$'\x04'
    machine_expect '^([0-9a-f]{32})  -$'
    [ "${MACHINE_MATCH[1]}" = "$(md5sum <<<"${text%$'\n'}" | cut -d ' ' -f 1)" ]
}

@test "the kernel has nothing to complain of but what this machine lacks" {
    machine_type 'echo began-$((6*7)); dmesg -r | grep "^<[0-4]>" | grep -vE "MMCONFIG|TSC_DEADLINE disabled|perfctr|ENERGY_PERF"; echo end-$((6*7))'
    machine_expect '(?s)^began-42\n(.*)^end-42$'
    echo "${MACHINE_MATCH[1]}"
    [ -z "${MACHINE_MATCH[1]}" ]
}

@test "poweroff ends the run with status 0" {
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}

# bats test_tags=qemu
@test "no interrupt came with IF=0, and one that had would be counted" {
    run awk -f tests/lib/intlog.awk "$BATS_FILE_TMPDIR/int.log"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output =~ ^exceptions=[0-9]+\ software=[0-9]+\ external=[0-9]{3,}\ if0=0$ ]]

    sed '/RFL=/s/ RFL=\(.....\)[2367abef]/ RFL=\10/' "$BATS_FILE_TMPDIR/int.log" >"$BATS_TEST_TMPDIR/wrong.log"
    run awk -f tests/lib/intlog.awk "$BATS_TEST_TMPDIR/wrong.log"
    [ "$status" -eq 1 ]
    [[ $output =~ external=([0-9]+)\ if0=([0-9]+)$ ]]
    [ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[2]}" ]
}
