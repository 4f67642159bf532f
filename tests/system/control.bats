#!/usr/bin/env bats
# The machine's management over its second serial line: queries, commands, errors, deaths of who serves it
# SPDX-License-Identifier: MIT
#
# docs/control.md says what is to be answered.

load ../lib/machine

setup_file() {
    SOCKET=$(mktemp -u /tmp/control.XXXXXX)
    export SOCKET
    machine_start --control "$SOCKET" test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd build/one-vm.cpio
    machine_expect '^guest# '
    control_open "$SOCKET"
}

teardown_file() {
    machine_stop
    rm -f "$SOCKET"
}

@test "queries tell of machine, servers and VMs" {
    control '"name": "one-vm", "state": "running", "uptime_ns": [0-9]+, "vms": 1, "servers": [0-9]+' query-status
    control '"name": "vmm.alpha", "kind": "vmm", "vm": "alpha", "state": "running", "restarts": [0-9]+, "cpu_ns": [0-9]+, "memory_kib": [0-9]+, "priority": 20' query-servers
    control '"name": "memory", "kind": "memory", "vm": null, "state": "running"' query-servers
    control '"name": "alpha", "state": "running", "memory_kib": 262144, "resident_kib": [0-9]+, "vcpus": 1, "exits": [0-9]{3,}' query-vms
    control '"exits": \{.*"cpuid": [0-9]+.*\}, "routes": \[.*\], "accesses": [0-9]+' query-stats '{"name": "alpha"}'
    control NotFound query-stats '{"name": "beta"}'
}

# routes USES: how often those routes of alpha were taken in all
routes() {
    grep -oE "\"use\": \"($1)\", \"server\": [^,]*, \"count\": [0-9]+" <<<"${MACHINE_MATCH[0]}" |
        awk '{ sum += $NF } END { print sum + 0 }'
}

@test "exits are counted by route, whoever dies" {
    local com1='"space": "port", "first": 1016, "last": 1023, "use": "writes", "server": "console.alpha", "count": ([0-9]+)'
    control '^\{\}$' vm-pause '{"name": "alpha"}'
    control "$com1" query-stats '{"name": "alpha"}'
    local before=${BASH_REMATCH[1]}
    [ "$before" -gt 100 ]
    [[ ${MACHINE_MATCH[0]} =~ \"accesses\":\ ([0-9]+),\ \"doorbells\":\ ([0-9]+) ]]
    local accesses=${BASH_REMATCH[1]} doorbells=${BASH_REMATCH[2]}
    [ "$(routes 'reads|writes')" -eq "$accesses" ]
    [ "$(routes doorbells)" -eq "$doorbells" ]
    control '^\{\}$' vm-resume '{"name": "alpha"}'
    control '^\{\}$' kill '{"server": "console.alpha"}'
    control '^\{\}$' kill '{"server": "vmm.alpha"}'
    machine_type "echo counted-\$((6*7))"
    machine_expect '^counted-42$'
    control "$com1" query-stats '{"name": "alpha"}'
    [ "${BASH_REMATCH[1]}" -gt "$before" ]
}

@test "what is wrong is told, and the next command works" {
    control_say '{"execute": "query-vms"'
    control_expect '^\{"error": \{"class": "BadJson", "desc": ".*"\}\}$'
    control_say $'\xff\xfe\x01'
    control_expect '^\{"error": \{"class": "BadJson", "desc": ".*"\}\}$'
    control_say "$(head -c 1000000 /dev/zero | tr '\0' '[')"
    control_expect '^\{"error": \{"class": "BadJson", "desc": "a line has more than 80 KiB"\}\}$'
    control CommandNotFound reboot
    control BadArguments kill
    control BadArguments kill '{"server": "memory", "twice": true}'
    control NotFound kill '{"server": "nobody"}'
    control NotFound vm-pause '{"name": "nobody"}'
    control running query-status
}

@test "a server that is killed leaves a crash record and is back" {
    control '\{\}' kill '{"server": "vmm.alpha"}'
    control_say '{"execute": "kill", "arguments": {"server": "memory"}, "id": "last"}'
    control_expect '^\{"event": "SERVER_DIED", "data": \{"name": "memory", "why": "killed by command"\}, "timestamp": .*$'
    control_expect '^\{"event": "SERVER_RESTARTED", "data": \{"name": "memory"\}'
    control '"server": "vmm.alpha", "why": "killed by command", "time_ns": [0-9]+, "deaths": 1, "text": ".*messages' query-crashes
    control '"name": "memory", [^}]*"state": "running", "restarts": [1-9]' query-servers
    machine_type "echo still-\$((6*7))"
    machine_expect '^still-42$'
}

@test "who serves the line may die at any time" {
    for _ in {1..30}; do
        control '\{\}' kill '{"server": "control"}'
        control running query-status
        control '\{\}' kill '{"server": "uart2"}'
        control '"vcpus": 1' query-vms
    done
    # each was carried out once
    control '"name": "uart2", [^}]*"restarts": 30,' query-servers
    control '"name": "control", [^}]*"restarts": 30,' query-servers
}
