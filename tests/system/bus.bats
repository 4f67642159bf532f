#!/usr/bin/env bats
# A tiny kernel drives a PCI device whose server is a process of its own: tests/kernels/pci.c, servers/testpci
# SPDX-License-Identifier: MIT

load ../lib/machine

teardown() {
    machine_stop
}

# boot REQUESTS [LINE...]: the machine with the tiny kernel, its configuration followed by these lines.
boot() {
    printf '%s\n' 'name: bus' 'vms:' \
        "  - {name: alpha, memory: 16M, kernel: $PWD/build/kernels/pci, cmdline: '$1', console: true," \
        '     test_devices: true}' "${@:2}" >"$BATS_TEST_TMPDIR/bus.yaml"
    build/bulkhead archive "$BATS_TEST_TMPDIR/bus.yaml" "$BATS_TEST_TMPDIR/bus.cpio"
    machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$BATS_TEST_TMPDIR/bus.cpio"
}

# bats test_tags=brief
@test "BARs, the window, the line and MSI-X do what PCI says, before and after a reset" {
    boot 200
    [ "$(machine_exit_status)" -eq 0 ]
    run machine_output
    [[ "$output" != *"but should be"* ]]
    [ "$(grep -c '^all done$' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^scratch after a reset: good$' <<<"$output")" -eq 1 ]
    [ "$(grep -c ': good$' <<<"$output")" -ge 80 ]
}

# Whatever dies, no request and no interrupt is lost: the guest would sleep for ever. Spurious interrupts are allowed, so
# of its other lines only those count that no interrupt can change.
@test "nothing is lost when the device and the monitor die again and again" {
    boot 3000 'faults:' \
        '  - {server: testpci.alpha, every: 20ms, count: 100, kind: kill}' \
        '  - {server: vmm.alpha, every: 31ms, count: 100, kind: kill}'
    [ "$(machine_exit_status)" -eq 0 ]
    run machine_output
    [ "$(grep -c '^all done$' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^requests by .*: good$' <<<"$output")" -eq 6 ]
    [ "$(grep -c '^written through it: good$' <<<"$output")" -eq 2 ]
}
