#!/usr/bin/env bats
# A tiny kernel drives a PCI device whose server is a process of its own: tests/kernels/pci.c, servers/testpci
# SPDX-License-Identifier: MIT

load ../lib/machine

teardown() {
    machine_stop
}

# configure REQUESTS [LINE...]: a machine with the tiny kernel, its configuration ended by these lines.
configure() {
    printf '%s\n' 'name: bus' 'vms:' \
        "  - {name: alpha, memory: 16M, kernel: $PWD/build/kernels/pci, cmdline: '$1', console: true," \
        '     test_devices: true}' "${@:2}" >"$BATS_TEST_TMPDIR/bus.yaml"
}

# start CONFIGURATION-OR-MANIFEST
start() {
    machine_archive "$1" "$BATS_TEST_TMPDIR/bus.cpio"
    machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$BATS_TEST_TMPDIR/bus.cpio"
}

# boot REQUESTS [LINE...]
boot() {
    configure "$@"
    start "$BATS_TEST_TMPDIR/bus.yaml"
}

# bats test_tags=brief, restarts
@test "BARs, the window, the line and MSI-X do what PCI says, before and after a reset" {
    boot 200
    [ "$(machine_exit_status)" -eq 0 ]
    run machine_output
    [[ "$output" != *"but should be"* ]]
    [ "$(grep -c '^all done$' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^scratch after a reset: good$' <<<"$output")" -eq 1 ]
    [ "$(grep -c ': good$' <<<"$output")" -ge 80 ]
}

# Whatever dies, no request and no interrupt is lost: the guest would sleep for ever. A spurious vector is allowed when a
# device starts again.
# bats test_tags=restarts
@test "nothing is lost when the device and the monitor die again and again" {
    boot "$(machine_share 3000)" 'faults:' \
        '  - {server: testpci.alpha, every: 20ms, count: 100, kind: kill}' \
        '  - {server: vmm.alpha, every: 31ms, count: 100, kind: kill}'
    [ "$(machine_exit_status)" -eq 0 ]
    run machine_output
    [ "$(grep -c '^all done$' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^requests by .*: good$' <<<"$output")" -eq 6 ]
    [ "$(grep -c '^written through it: good$' <<<"$output")" -eq 2 ]
    machine_killed 10 testpci.alpha vmm.alpha ${RESTART_EVERY:+console.alpha}
}

# Behind every answer: what it did for the next request is committed or not, and not answered. The guest sees nothing.
@test "the device and the monitor die after every request, and after every seventh" {
    local n
    for n in 1 7; do
        boot 20 'faults:' "  - {server: testpci.alpha, requests: $n, count: 100000}" \
            "  - {server: vmm.alpha, requests: $n, count: 100000}"
        [ "$(machine_exit_status)" -eq 0 ]
        run machine_output
        [[ "$output" != *"but should be"* ]]
        [ "$(grep -c '^all done$' <<<"$output")" -eq 2 ]
        [[ "$output" =~ faults:\ vmm.alpha\ was\ killed\ ([0-9]+)\ times ]]
        [ "${BASH_REMATCH[1]}" -ge $((n == 1 ? 400 : 50)) ]
        machine_stop
    done
}

# The capability's badge is the device's number: with that of another one every registration is refused.
@test "the guest begins without a device that has failed for good before" {
    configure 20
    build/bulkhead manifest "$BATS_TEST_TMPDIR/bus.yaml" |
        sed '0,/\({"slot": 32, "object": "vmm.alpha", "rights": "s", "badge": \)271}/s//\1270}/' >"$BATS_TEST_TMPDIR/bus.json"
    mkdir "$BATS_TEST_TMPDIR/guest" # where a manifest has it
    cp build/kernels/pci "$BATS_TEST_TMPDIR/$(grep -o 'guest/kernel-[0-9a-f]*' "$BATS_TEST_TMPDIR/bus.json" | head -n 1)"
    start "$BATS_TEST_TMPDIR/bus.json"
    [ "$(machine_exit_status)" -eq 0 ]
    run machine_output
    grep -q '^\[vmm.alpha\] error: a function wants to be device 14, which alpha does not have$' <<<"$output"
    grep -q '^\[vmm.alpha\] warning: alpha: device 15 has failed, the guest does without$' <<<"$output"
    grep -q '^there is no device$' <<<"$output"
}
