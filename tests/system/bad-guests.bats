#!/usr/bin/env bats
# Guests that write all ports and MSRs, reserved bits and long mode half way, execute garbage or are none: each ends itself alone
# SPDX-License-Identifier: MIT
#
# tests/guests/rogue.S says what they do.

load ../lib/machine

setup_file() {
    local archive=$BATS_FILE_TMPDIR/rogues.cpio
    build/bulkhead archive tests/configs/rogues.yaml "$archive"
    perl -0777 -i -pe 's/.*\K\x02\xb0\xad\x1b/none/s' "$archive" # the Multiboot magic of the last image
    machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$archive"
    machine_expect '(?s)(^\[init\] VM \S+ (died of a triple fault|cannot go on)\n.*?){6}'
}

teardown_file() {
    machine_stop
}

# says VM REGEX: the monitor of that VM logged an error like this
says() {
    machine_output | grep -P "^\[vmm\.$1\] error: $2"
}

@test "a guest that writes and reads every port comes to its end" {
    says ports 'r0  [0-9a-f]{16} [0-9a-f]{16} [0-9a-f]{16} 00000000600d0000$'
}

@test "a guest that writes and reads every MSR gets its #GP, and comes to its end" {
    says msrs 'r0  [0-9a-f]{16} [0-9a-f]{16} [0-9a-f]{16} 00000000600d(?!0000)'
}

@test "a guest that writes reserved bits and EFER.LME in every order gets its #GP, and comes to its end" {
    says registers 'r0  [0-9a-f]{16} [0-9a-f]{16} [0-9a-f]{16} 00000000600d(?!0000)'
}

@test "a guest of random bytes ends with a register dump" {
    says random 'rip [0-9a-f]{4}:[0-9a-f]{16} rflags '
    says random 'cr0 [0-9a-f]{8} cr2 '
}

@test "a triple fault ends with a register dump" {
    says nothing 'vCPU 0: triple fault '
    says nothing 'rip 0010:[0-9a-f]{16} rflags '
    machine_output | grep '^\[init\] VM nothing died of a triple fault$'
}

@test "a kernel that is none is named, and ends its VM" {
    says corrupt 'corrupt: the kernel image is no bzImage, no ELF file with a PVH note, and has no Multiboot header$'
    machine_output | grep '^\[init\] VM corrupt cannot go on$'
}

@test "the guest beside them has noticed nothing" {
    machine_type 'echo began-$((6*7)); dmesg -r | grep "^<[0-4]>" | grep -v "MMCONFIG information"; echo end-$((6*7))'
    machine_expect '(?s)^began-42\n(.*)^end-42$'
    echo "${MACHINE_MATCH[1]}"
    [ -z "${MACHINE_MATCH[1]}" ]
}

@test "no server died, and poweroff ends the run with the status of those that did not" {
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 3 ]
}
