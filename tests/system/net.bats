#!/usr/bin/env bats
# NICs and the switch: two Debians exchange frames, whoever dies
# SPDX-License-Identifier: MIT
#
# bats file_tags=restarts

load ../lib/machine

setup_file() {
    # behind every seventh request at most: pings of thousands of bytes take minutes behind each
    RESTART_EVERY=${RESTART_EVERY:+7} machine_archive "$MACHINE_ROOT/tests/configs/net.yaml" "$BATS_FILE_TMPDIR/net.cpio"
    machine_start test -kernel "$MACHINE_ROOT/build/bulkhead.elf" -append 'exit-port exit-on-panic' \
        -initrd "$BATS_FILE_TMPDIR/net.cpio"
    machine_expect '(?s)\A(?=.*^\[alpha\] guest# )(?=.*^\[beta\] guest# )'
    attach alpha
}

# attach NAME: to its console, with the log between its lines
attach() {
    machine_keys $'\x1d'"a$1"$'\r'
    machine_keys $'\x1d'l
    machine_expect '^\[terminal\] the log comes between the lines$'
}

teardown_file() {
    machine_stop
}

@test "Debian's driver finds a card with its address, and its link" {
    machine_guest 'cd /sys/class/net/eth0; echo $(cat address carrier mtu)'
    [[ $output =~ ^52:42:48:..:..:..\ 1\ 1500$ ]]
}

@test "pings of all sizes arrive, each once" {
    local bytes
    for bytes in 8 56 1400 1472 1473 8000 40000; do
        machine_guest "ping -c 5 -s $bytes 10.0.0.2"
        grep -q '^5 packets transmitted, 5 packets received, 0% packet loss$' <<<"$output"
    done
}

@test "files go through with the right checksum" {
    for _ in 1 2 3; do
        machine_guest 'wget -q -O /tmp/data http://10.0.0.2/data; md5sum </tmp/data; wget -q -O - http://10.0.0.2/sum'
        [ "${output%$'\n'*}" = "${output#*$'\n'}" ]
    done
    machine_guest 'cat /sys/class/net/eth0/statistics/rx_errors'
    [ "$output" = 0 ]
}

@test "pings go on until all have died often enough" {
    for _ in $(seq 1 100); do
        machine_guest 'ping -c 3 -s 1000 10.0.0.2'
        [ "$(machine_output | grep -c 'faults: .* was killed')" -lt 5 ] || break
    done
}

@test "poweroff of both ends the run with status 0, and nothing else has died" {
    machine_type poweroff
    attach beta
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
    machine_killed 250 net.alpha.eth0 net.beta.eth0 switch
    machine_killed 80 vmm.alpha vmm.beta
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
}
