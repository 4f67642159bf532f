#!/usr/bin/env bats
# config/isolation.yaml: what every port of the switch captures comes from its own group
# SPDX-License-Identifier: MIT

load ../lib/machine

# bats file_tags=qemu

setup_file() {
    local name all=
    for name in red1 red2 blue1 blue2; do all+="(?=.*^\\[$name\\] guest# )"; done
    machine_boot isolation
    machine_expect "(?s)\\A$all"
}

teardown_file() {
    machine_stop
}

# guest NAME COMMANDS: in the shell of that guest; what they print is $output. A console that is attached to again shows what it
# printed before, so what is waited for is marked.
guest() {
    local mark=$BATS_TEST_NUMBER-$((++marks))
    machine_keys $'\x1d'"a$1"$'\r'
    machine_type "echo begin-$mark-\$((6*7)); $2; echo end-$mark-\$((6*7))"
    machine_expect "(?s)^begin-$mark-42\\n(.*)^end-$mark-42\$"
    output=$(grep -v '^\[[a-z]' <<<"${MACHINE_MATCH[1]%$'\n'}" || true)
    echo "$output"
}

@test "every port captures" {
    local name
    for name in red1 red2 blue1 blue2; do guest "$name" 'net capture eth0 >/tmp/captured & sleep 1'; done
}

@test "a group's members reach each other, and nobody else" {
    guest red1 'for i in 2 3 4; do ping -c 2 -W 1 10.0.0.$i >/dev/null; echo $i-$?; done'
    [ "${output//$'\n'/ }" = '2-0 3-1 4-1' ]
    guest blue1 'for i in 1 2 4; do ping -c 2 -W 1 10.0.0.$i >/dev/null; echo $i-$?; done'
    [ "${output//$'\n'/ }" = '1-1 2-1 4-0' ]
}

@test "neither does who knows the address, or takes another's, or says another" {
    guest red2 'arp -s 10.0.0.3 52:42:48:00:00:03; ping -c 2 -W 1 10.0.0.3 >/dev/null; echo $?'
    [ "$output" = 1 ]
    guest red2 'ip link set eth0 down; ip link set eth0 address 52:42:48:00:00:03; ip link set eth0 up; ping -c 2 -W 1 10.0.0.1 >/dev/null; echo $?; ip link set eth0 down; ip link set eth0 address 52:42:48:00:00:02; ip link set eth0 up; ping -c 2 -W 5 10.0.0.1 >/dev/null; echo $?'
    [ "${output//$'\n'/ }" = '1 0' ]
    guest blue2 'ip link set eth0 down; ip link set eth0 address 52:42:48:00:00:01; ip link set eth0 up; ping -c 2 -W 1 10.0.0.3 >/dev/null; echo $?; ip link set eth0 down; ip link set eth0 address 52:42:48:00:00:77; ip link set eth0 up; ping -c 2 -W 5 10.0.0.3 >/dev/null; echo $?'
    [ "${output//$'\n'/ }" = '1 0' ] # it may say any but another port's
}

@test "what was captured comes from the own group" {
    local name want
    for name in red1=02 red2=01 blue1='04 77' blue2=03; do
        guest "${name%=*}" 'killall net; sleep 1; sed -n "s/^captured 52:42:48:00:00:\(..\) .*/\1/p" /tmp/captured | sort'
        want=${name#*=}
        [ "${output//$'\n'/ }" = "$want" ]
    done
}
