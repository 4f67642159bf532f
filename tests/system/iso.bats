#!/usr/bin/env bats
# The bootable image starts our system under every firmware and from either medium
# SPDX-License-Identifier: MIT

# Bochs boots such an image each time.
# bats file_tags=qemu

load ../lib/machine

IMAGE=build/one-vm.iso
FIRMWARE=/usr/share/OVMF/OVMF_CODE_4M.fd
VARIABLES=/usr/share/OVMF/OVMF_VARS_4M.fd

setup_file() {
    scripts/iso one-vm
}

teardown() {
    machine_stop
}

expect_system() {
    machine_expect '^Bulkhead \S+, loaded by multiboot2$'
    machine_expect '^\[init\] one-vm: \d+ servers, 1 VMs$'
}

@test "BIOS, from a CD" {
    machine_start test -cdrom "$IMAGE"
    expect_system
}

@test "BIOS, from a disk" {
    machine_start test -drive "format=raw,snapshot=on,file=$IMAGE"
    expect_system
}

@test "UEFI, from a CD" {
    machine_start test -drive "if=pflash,format=raw,readonly=on,file=$FIRMWARE" \
        -drive "if=pflash,format=raw,snapshot=on,file=$VARIABLES" -cdrom "$IMAGE"
    expect_system
}

@test "UEFI, from a disk" {
    machine_start test -drive "if=pflash,format=raw,readonly=on,file=$FIRMWARE" \
        -drive "if=pflash,format=raw,snapshot=on,file=$VARIABLES" -drive "format=raw,snapshot=on,file=$IMAGE"
    expect_system
}
