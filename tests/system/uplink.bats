#!/usr/bin/env bats
# The uplink: a guest gets an address from QEMU's user network and exchanges files with it, whoever dies
# SPDX-License-Identifier: MIT
#
# What connects to 10.0.2.100 gets a file; of what comes to 10.0.2.101 the checksum is kept. Bochs has no such card.
#
# bats file_tags=qemu

load ../lib/machine

# boot NETWORK-ARGUMENT...
boot() {
    machine_start --control "$FOLDER/control" test -kernel "$MACHINE_ROOT/build/bulkhead.elf" -append 'exit-port exit-on-panic' \
        -initrd "$FOLDER/uplink.cpio" "$@"
    machine_expect '^guest# '
    control_open "$FOLDER/control"
}

setup_file() {
    FOLDER=$(mktemp -d) # its name is part of a socket's, which is short
    export FOLDER
    head -c 6M /dev/urandom >"$FOLDER/file"
    printf '#!/bin/sh\nexec md5sum >%s/sum\n' "$FOLDER" >"$FOLDER/keep"
    chmod +x "$FOLDER/keep"
    "$MACHINE_ROOT/build/bulkhead" archive "$MACHINE_ROOT/tests/configs/uplink.yaml" "$FOLDER/uplink.cpio"
    boot -netdev "user,id=net,guestfwd=tcp:10.0.2.100:80-cmd:cat $FOLDER/file,guestfwd=tcp:10.0.2.101:80-cmd:$FOLDER/keep" \
        -device virtio-net-pci,netdev=net,disable-legacy=on,romfile=
}

teardown_file() {
    machine_stop
    rm -rf "$FOLDER"
}

# kill_all: everybody between the guest and the network, once.
kill_all() {
    local server
    for server in virtio-net switch net.alpha.eth0 vmm.alpha virtio-net; do
        control '^\{\}$' kill "{\"server\": \"$server\"}"
    done
}

@test "DHCP gives the guest an address, and the gateway answers" {
    machine_guest 'printf "#!/bin/sh\n[ \$1 = bound ] && ip addr add \$ip/24 dev eth0\n" >/tmp/s; chmod +x /tmp/s; ip link set eth0 up; udhcpc -i eth0 -n -q -s /tmp/s'
    grep 'lease of 10.0.2.15 obtained from 10.0.2.2' <<<"$output"
    machine_guest 'ping -c 3 10.0.2.2'
    grep '^3 packets transmitted, 3 packets received, 0% packet loss$' <<<"$output"
}

@test "a download has the right checksum, while all in between die" {
    local round
    for round in 1 2 3; do
        machine_type "nc 10.0.2.100 80 </dev/null | md5sum; echo round-$round-\$((6*7))"
        kill_all
        kill_all
        machine_expect "(?s)([0-9a-f]{32})  -.*^round-$round-42\$"
        [ "${MACHINE_MATCH[1]}" = "$(md5sum <"$FOLDER/file" | cut -c 1-32)" ]
    done
}

@test "so has an upload" {
    local round
    machine_guest 'head -c 1000000 /dev/urandom >/tmp/up'
    for round in 1 2; do
        rm -f "$FOLDER/sum"
        machine_type "nc 10.0.2.101 80 </tmp/up; md5sum </tmp/up; echo round-$round-\$((6*7))"
        kill_all
        kill_all
        machine_expect "(?s)([0-9a-f]{32})  -.*^round-$round-42\$"
        until [ -s "$FOLDER/sum" ]; do sleep 0.1; done
        [ "${MACHINE_MATCH[1]}" = "$(cut -c 1-32 "$FOLDER/sum")" ]
    done
}

@test "nothing died of anything else, and frames went and came" {
    [ "$(machine_output | grep ' died: ' | grep -vc 'killed by command')" -eq 0 ]
    control 'sent-frames' query-stats
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "without a card the machine says so, and the guest is alone" {
    boot
    machine_output | grep '^\[init\] warning: virtio-net is not started, as this machine lacks its device; its callers wait$'
    run machine_guest 'ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ping -c 1 -W 1 10.0.2.2'
    [ "$status" -ne 0 ]
    grep '100% packet loss' <<<"$output"
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}
