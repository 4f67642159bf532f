#!/usr/bin/env bats
# virtio-rng without RDRAND: the numbers are the host's device's, whoever dies; and without that device
# SPDX-License-Identifier: MIT
#
# In exact time, so that the deaths come while the guest reads. Bochs has no such device.
#
# bats file_tags=restarts, qemu

load ../lib/machine

# boot MACHINE-OPTION...: the machine has no RDRAND.
boot() {
    machine_start "$@" bench -kernel "$MACHINE_ROOT/build/bulkhead.elf" -append 'exit-port exit-on-panic' \
        -initrd "$BATS_FILE_TMPDIR/rng.cpio" -cpu max,-la57,-rdrand
    machine_expect '^guest# '
}

setup_file() {
    machine_archive "$MACHINE_ROOT/tests/configs/rng-host.yaml" "$BATS_FILE_TMPDIR/rng.cpio"
    boot --rng
}

teardown_file() {
    machine_stop
}

# other SED-COMMAND [MACHINE-OPTION...]: another machine, whose configuration is changed by that.
other() {
    sed "s#\.\./\.\./build#$MACHINE_ROOT/build#; $1" "$MACHINE_ROOT/tests/configs/rng-host.yaml" >"$BATS_FILE_TMPDIR/rng.yaml"
    build/bulkhead archive "$BATS_FILE_TMPDIR/rng.yaml" "$BATS_FILE_TMPDIR/rng.cpio"
    boot "${@:2}"
}

@test "the driver, the server and the monitor died while the guest read, and nothing else did" {
    local read
    read=$(machine_output)
    [ -n "${RESTART_EVERY:-}" ] || read=$(sed -n '/^reading$/,/^read$/p' <<<"$read") # else time is another
    grep 'faults: virtio-rng was killed 900 times of 900' <<<"$read"
    grep 'faults: rng.alpha was killed 650 times of 650' <<<"$read"
    grep 'faults: vmm.alpha was killed 300 times of 300' <<<"$read"
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
}

@test "what it read then was random: many bytes, none of them twice" {
    machine_guest 'wc -c </tmp/r; gzip -c /tmp/r | wc -c'
    [ "${output%$'\n'*}" -gt 10000 ]
    [ "${output#*$'\n'}" -gt "${output%$'\n'*}" ]
}

@test "Debian takes the device for its source" {
    machine_type 'echo source-$(cat /sys/class/misc/hw_random/rng_current)'
    machine_expect '^source-virtio_rng\.0$'
    machine_output | grep "^\[rng.alpha\] this processor has no RDRAND: the numbers are the host's device's"
}

@test "requests of any size are filled" {
    machine_guest 'for n in 1 7 64 4095 4096 5000; do dd if=/dev/hwrng bs=$n count=3 iflag=fullblock 2>/dev/null | wc -c; done'
    [ "$output" = "$(printf '%s\n' 3 21 192 12285 12288 15000)" ]
}

@test "no two blocks are alike" {
    machine_guest 'dd if=/dev/hwrng of=/tmp/b bs=16 count=3000 iflag=fullblock 2>/dev/null; hexdump -v -e "16/1 \"%02x\" \"\n\"" /tmp/b | sort -u | wc -l'
    [ "$output" = 3000 ]
}

@test "poweroff ends the run with status 0" {
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}

# bats test_tags=qemu
@test "without the device the machine says so once, the guest's requests wait, and it does all else" {
    other '/^faults/,$d; s/ guest_run=.*//'
    machine_output | grep '^\[init\] warning: virtio-rng is not started, as this machine lacks its device; its callers wait$'
    machine_guest 'timeout -s KILL 1 dd if=/dev/hwrng bs=1 count=1 2>/dev/null | wc -c'
    [ "${output%%$'\n'*}" = 0 ]
    [ "$(machine_output | grep -c 'virtio-rng')" -eq 1 ]
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}

# bats test_tags=qemu
@test "when the driver has failed for good the guest's requests wait" {
    other 's/ guest_run=.*//; /{server: [rv][nm][gm]/d; s/kind: kill, every: 3ms, count: 900/kind: fail, every: 300ms, count: 6/' --rng
    until machine_output | grep '^\[init\] error: virtio-rng has failed for good, after 6 deaths in a row .*; its callers wait$'; do
        machine_guest true
    done
    machine_guest 'timeout -s KILL 1 dd if=/dev/hwrng bs=64 count=100 2>/dev/null | wc -c' # some were there
    [ "${output%%$'\n'*}" -lt 6400 ]
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}
