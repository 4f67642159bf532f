#!/usr/bin/env bats
# Servers that have failed for good: what stands in for them, and what becomes of the rest
# SPDX-License-Identifier: MIT
#
# A server is killed six times a second apart, each time as if it had done nothing. On the machine of the bench two runs are
# the same.

load ../lib/machine

# vm NAME COMMANDS [KEY...]: a Debian VM that executes these at its prompt
vm() {
    echo "  - name: $1"
    echo "    memory: 96M"
    echo "    kernel: $PWD/build/guest/vmlinuz"
    echo "    initrd: $PWD/build/guest/initramfs.cpio"
    echo "    cmdline: 'console=ttyS0 quiet guest_run=\"$2\"'"
    printf '    %s\n' "${@:3}"
}

# boot SERVER VM...: starts the machine; that server fails
boot() {
    local file=$BATS_TEST_TMPDIR/failed
    printf '%s\n' 'name: failed' 'vms:' "${@:2}" "faults: [{server: $1, kind: fail, every: 1s, count: 6}]" >"$file.yaml"
    build/bulkhead archive "$file.yaml" "$file.cpio"
    machine_start bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$file.cpio"
}

teardown() {
    machine_stop
}

@test "a VM goes on without its serial port, and the logs go on" {
    boot console.alpha "$(vm alpha 'sleep 10; dmesg -n 8; echo lost >/dev/kmsg; echo lost; sleep 1; poweroff')"
    machine_expect '^\[init\] error: console.alpha has failed for good, after 6 deaths in a row'
    machine_expect '^\[vmm.alpha\] alpha: powered off$'
    machine_expect '^\[init\] VM alpha is powered off$'
    [ "$(machine_exit_status)" -eq 0 ]
    [ "$(machine_output | grep -c 'lost\| died: ')" -eq 0 ]
}

@test "a VM goes on when nobody takes what it prints, and the logs go on" {
    boot terminal "$(vm alpha 'sleep 10; seq 5000; sleep 1; poweroff')"
    machine_expect '^\[init\] error: terminal has failed for good, after 6 deaths in a row'
    machine_expect '^\[init\] VM alpha is powered off$'
    [ "$(machine_exit_status)" -eq 0 ]
    [ "$(machine_output | grep -c '^4999$')" -eq 0 ]
}

@test "a VM goes on without its virtio ports: what it sends there is thrown away" {
    boot ports.alpha "$(vm alpha 'sleep 9; seq 2000 >/dev/hvc0; seq 3000 >/dev/vport0p1; echo still-$((6*7)); poweroff' \
        'ports: [con, data]')"
    machine_expect '^\[init\] error: ports.alpha has failed for good, after 6 deaths in a row'
    machine_expect '^\[alpha\] still-42$'
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "the machine goes on without the driver of its serial line, and still prints" {
    boot uart "$(vm alpha 'sleep 10; echo still-$((6*7)); poweroff')"
    machine_expect '^\[init\] error: uart has failed for good, after 6 deaths in a row'
    machine_expect '^still-42$'
    machine_expect '^\[init\] VM alpha is powered off$'
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "a VM whose monitor has failed ends; another goes on, and the run says that one died" {
    boot vmm.beta "$(vm alpha 'sleep 10; echo still-$((6*7)); poweroff')" "$(vm beta 'sleep 60' 'console: false')"
    machine_expect '^\[init\] error: vmm.beta has failed for good, after 6 deaths in a row .*; its callers wait$'
    machine_expect '^\[init\] VM beta cannot go on$'
    machine_expect '^still-42$'
    machine_expect '^\[init\] VM alpha is powered off$'
    [ "$(machine_exit_status)" -eq 3 ]
}

@test "without the pager the VMs end, and the run says so" {
    boot memory "$(vm alpha 'sleep 60')"
    machine_expect '^\[init\] error: memory has failed for good, after 6 deaths in a row'
    machine_expect '^\[init\] VM alpha cannot go on$'
    [ "$(machine_exit_status)" -eq 3 ]
}

@test "what a guest asks of a disk without a server is an I/O error, at once and later" {
    boot disk.alpha.d "$(vm alpha 'while dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null; do sleep 0.1; done; echo ended; sleep 1; dd if=/dev/zero of=/dev/vda bs=4k count=1 oflag=direct 2>&1; poweroff' \
        'disks: [{name: d, size: 1M}]')"
    machine_expect '^\[init\] error: disk.alpha.d has failed for good, after 6 deaths in a row'
    machine_expect '^ended$'
    machine_expect "^dd: error writing '/dev/vda': Input/output error$"
    machine_expect '^\[init\] VM alpha is powered off$'
    [ "$(machine_exit_status)" -eq 0 ]
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
}
