#!/usr/bin/env bats
# virtio-rng: a guest gets random numbers, whoever dies
# SPDX-License-Identifier: MIT
#
# bats file_tags=restarts

load ../lib/machine

setup_file() {
    machine_archive "$MACHINE_ROOT/tests/configs/rng.yaml" "$BATS_FILE_TMPDIR/rng.cpio"
    machine_start test -kernel "$MACHINE_ROOT/build/bulkhead.elf" -append 'exit-port exit-on-panic' \
        -initrd "$BATS_FILE_TMPDIR/rng.cpio"
    machine_expect '^guest# '
}

teardown_file() {
    machine_stop
}

@test "Debian takes the device for its source" {
    machine_type 'echo source-$(cat /sys/class/misc/hw_random/rng_current)'
    machine_expect '^source-virtio_rng\.0$'
}

@test "requests of any size are filled" {
    machine_guest 'for n in 1 7 64 4095 4096 5000; do dd if=/dev/hwrng bs=$n count=3 iflag=fullblock 2>/dev/null | wc -c; done'
    [ "$output" = "$(printf '%s\n' 3 21 192 12285 12288 15000)" ]
}

@test "no two blocks are alike, and none is empty" {
    machine_guest 'dd if=/dev/hwrng of=/tmp/r bs=16 count=3000 iflag=fullblock 2>/dev/null; hexdump -v -e "16/1 \"%02x\" \"\n\"" /tmp/r | sort -u | wc -l; gzip -c /tmp/r | wc -c'
    [ "${output%$'\n'*}" = 3000 ]
    [ "${output#*$'\n'}" -gt 48000 ]
}

# On a slow host they have died by now; on a fast one it takes some more requests.
@test "the server and the monitor died while the guest read, and nothing else did" {
    local round
    for round in $(seq 1 200); do
        machine_type "dd if=/dev/hwrng of=/dev/null bs=512 count=400 2>/dev/null && echo round-$round-\$((6*7))"
        machine_expect "^round-$round-42\$"
        [ "$(machine_output | grep -c 'faults: .* was killed')" -lt 2 ] || break
    done
    machine_output | grep -q 'faults: rng.alpha was killed 400 times of 400'
    machine_output | grep -q 'faults: vmm.alpha was killed 200 times of 200'
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
}

@test "poweroff ends the run with status 0" {
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}
