#!/usr/bin/env bats
# Kernels of every format boot, with their images mapped copy-on-write: tests/kernels
# SPDX-License-Identifier: MIT
#
# Each says what it was told and whether its images are as packed; then it writes all over them and resets its machine,
# and says it again.

load ../lib/machine

# vm NAME KERNEL CMDLINE [LINE...]: a VM of a configuration
vm() {
    printf '  - {name: %s, memory: 16M, kernel: %s/build/kernels/%s, initrd: %s/disk, cmdline: %s%s}\n' \
        "$1" "$PWD" "$2" "$BATS_TEST_TMPDIR" "$3" "${4:-}"
}

# boot LINE...: the bench's machine, on which two runs are the same, with a configuration of these lines
boot() {
    echo 'a disk of text' >"$BATS_TEST_TMPDIR/disk"
    printf '%s\n' 'name: formats' "$@" >"$BATS_TEST_TMPDIR/formats.yaml"
    build/bulkhead archive "$BATS_TEST_TMPDIR/formats.yaml" "$BATS_TEST_TMPDIR/formats.cpio"
    machine_start bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$BATS_TEST_TMPDIR/formats.cpio"
}

teardown() {
    machine_stop
}

# boots KERNEL NAME: what it says, twice
boots() {
    local said="$2: some words\ninitrd: a disk of text\nimage: as packed\n"
    boot vms: "$(vm alpha "$1" 'some words')"
    machine_expect "(?m)^${said}again\n(?:\[.*\n)*$said"
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "an ELF file with a PVH note" {
    boots pvh PVH
}

@test "an ELF file with a Multiboot header" {
    boots multiboot Multiboot
}

@test "a bzImage" {
    boots bzimage bzImage
}

# word OFFSET: of the image of Debian's kernel
word() {
    od -An -tu4 -j $(($1)) -N 4 build/guest/vmlinuz | tr -d ' '
}

# unpack FILE: the ELF file in the image, which ends with its size [Linux Documentation/arch/x86/boot.rst]
unpack() {
    local sectors offset
    sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 build/guest/vmlinuz)
    offset=$(((sectors + 1) * 512 + $(word 0x248)))
    tail -c +$((offset + 1)) build/guest/vmlinuz | head -c $(($(word 0x24c) - 4)) | lz4 -d -q - "$1"
}

# Its code is written nowhere but where it patches itself, so most of it stays shared.
@test "Debian's kernel, uncompressed, by its PVH note" {
    local shared
    unpack "$BATS_TEST_TMPDIR/vmlinux"
    boot vms: "  - {name: alpha, memory: 256M, kernel: $BATS_TEST_TMPDIR/vmlinux, initrd: $PWD/build/guest/initramfs.cpio," \
        "     cmdline: 'console=ttyS0 quiet guest_run=\"poweroff\"'}"
    machine_expect '^bulkhead guest: ready, tsc=\d+$'
    [ "$(machine_exit_status)" -eq 0 ]
    shared=$(machine_output | sed -n 's/^\[init\] vm_memory_kib alpha: .* of its own, \([0-9]*\) shared .*/\1/p')
    [ "$shared" -ge 16384 ]
}

@test "what two VMs have is in memory once, until they write it" {
    local name shared
    boot vms: "$(vm alpha pvh keep)" "$(vm beta pvh keep)" "$(vm gamma pvh wipe)"
    [ "$(machine_exit_status)" -eq 0 ]
    machine_output >"$BATS_TEST_TMPDIR/output"
    for name in alpha beta; do
        shared=$(sed -n "s/^\[init\] vm_memory_kib $name: .* of its own, \([0-9]*\) shared .*/\1/p" "$BATS_TEST_TMPDIR/output")
        [ "$shared" -ge 256 ] # what image.S is long
    done
    grep -q '^\[init\] vm_memory_kib gamma: .* of its own, [0-9] shared' "$BATS_TEST_TMPDIR/output"
    # the archive has one copy
    [ "$(cpio -t --quiet <"$BATS_TEST_TMPDIR/formats.cpio" | grep -c kernel)" -eq 1 ]
}

@test "pager and monitor are killed all the time while the guest writes its images and starts again" {
    boot vms: "$(vm alpha pvh often)" faults: \
        '  - {server: memory, kind: kill, every: 700us, count: 10000}' \
        '  - {server: vmm.alpha, kind: kill, every: 1300us, count: 10000}'
    [ "$(machine_exit_status)" -eq 0 ]
    machine_output >"$BATS_TEST_TMPDIR/output"
    [ "$(grep -c '^image: as packed$' "$BATS_TEST_TMPDIR/output")" -eq 51 ]
    [ "$(grep -c '^initrd: a disk of text$' "$BATS_TEST_TMPDIR/output")" -eq 51 ]
    [ "$(grep -c '^\[memory\] .* are free' "$BATS_TEST_TMPDIR/output")" -gt 50 ] # as often it was started
    [ "$(grep -c ' died: ' "$BATS_TEST_TMPDIR/output")" -eq 0 ]
}
