#!/usr/bin/env bats
# The date: from the host's clock into the guest's, and what the guest sets, through restarts of its monitor
# SPDX-License-Identifier: MIT
#
# On the machine of the bench, whose clock begins at 2026-01-01 unless a test says otherwise.

load ../lib/machine

# boot COMMANDS [QEMU-ARGUMENT...]: a Debian VM that executes these at its prompt, while its monitor is killed twenty times
boot() {
    local file=$BATS_TEST_TMPDIR/clock
    cat >"$file.yaml" <<END
name: clock
vms:
  - name: alpha
    memory: 96M
    kernel: $PWD/build/guest/vmlinuz
    initrd: $PWD/build/guest/initramfs.cpio
    cmdline: 'console=ttyS0 quiet guest_run="$1"'
faults: [{server: vmm.alpha, kind: kill, every: 300ms, count: 20}]
END
    build/bulkhead archive "$file.yaml" "$file.cpio"
    machine_start bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$file.cpio" "${@:2}"
}

teardown() {
    machine_stop
}

@test "system time and RTC show the host's date" {
    boot 'date -u +system=%F-%T; hwclock -u; poweroff'
    machine_expect '^system=2026-01-01-00:00:0\d$'
    machine_expect '^Thu Jan +1 00:00:0\d 2026 '
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "what the guest sets goes on while its monitor dies" {
    boot 'date -u -s 2044-05-06-07:08:09 -D %Y-%m-%d-%T; hwclock -u -w; sleep 10; date -u +system=%F-%T; hwclock -u; poweroff'
    machine_expect '^\[init\] faults: vmm.alpha was killed 20 times of 20'
    machine_expect '^system=2044-05-06-07:08:[12]\d$'
    machine_expect '^Fri May +6 07:08:[12]\d 2044 '
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "a host's clock that has stopped long ago counts for nothing, and is told of" {
    boot 'date -u +system=%F-%T; poweroff' -rtc base=1999-12-31T23:59:58,clock=vm
    machine_expect "^\[init\] warning: the host's real-time clock gives no date: the guests begin on 1 January 2026\$"
    machine_expect '^system=2026-01-01-00:00:0\d$'
    [ "$(machine_exit_status)" -eq 0 ]
}
