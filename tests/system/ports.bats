#!/usr/bin/env bats
# Ports of a Debian guest, by virtio: bytes in either direction, while the device, its terminal and the monitor die
# SPDX-License-Identifier: MIT
#
# bats file_tags=restarts

load ../lib/machine

ESC=$'\x1d'

setup_file() {
    local file=$BATS_FILE_TMPDIR/ports server
    {
        printf '%s\n' 'name: ports' 'vms:' '  - name: alpha' '    memory: 96M' \
            "    kernel: $PWD/build/guest/vmlinuz" "    initrd: $PWD/build/guest/initramfs.cpio" \
            '    cmdline: console=ttyS0 quiet' '    ports: [con, data]' 'faults:'
        for server in ports.alpha:310 terminal:410 vmm.alpha:530; do
            echo "  - {server: ${server%:*}, kind: kill, every: ${server#*:}ms, count: 100000}"
        done
    } >"$file.yaml"
    machine_archive "$file.yaml" "$file.cpio"
    machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$file.cpio"
    machine_expect '^\[alpha\] guest# '
    machine_keys "${ESC}a alpha"$'\r'
    machine_expect '(?s)^\[terminal\] alpha; .*^guest# '
}

teardown_file() {
    machine_stop
}

@test "the guest finds its console and its port, by name" {
    machine_type 'cat /sys/class/virtio-ports/vport0p*/name; test -c /dev/hvc0 && echo hvc-$((6*7))'
    machine_expect '(?s)^con\ndata\nhvc-42$'
}

@test "what it prints there has a console of its own" {
    machine_type 'echo to the console >/dev/hvc0; echo to the port >/dev/vport0p1; echo done-$((6*7))'
    machine_expect '^done-42$'
    machine_keys "${ESC}a alpha.con"$'\r'
    machine_expect '(?s)^\[terminal\] alpha.con; .*^to the console$'
    machine_keys "${ESC}a alpha.data"$'\r'
    machine_expect '(?s)^\[terminal\] alpha.data; .*^to the port$'
    machine_keys "${ESC}a alpha"$'\r'
    machine_expect '(?s)^\[terminal\] alpha; .*^done-42$'
}

@test "nothing of it gets lost, and nothing comes twice" {
    local last
    last=$((1000000 + $(machine_share 7000)))
    machine_type "seq 1000001 $last >/dev/vport0p1; echo printed-\$((6*7))"
    machine_expect '^printed-42$'
    machine_keys "${ESC}a alpha.data"$'\r'
    machine_expect "(?s)^to the port\n(1000001\n.*\n$last)\$"
    [ "$(md5sum <<<"${MACHINE_MATCH[1]}")" = "$(seq 1000001 "$last" | md5sum)" ]
    machine_keys "${ESC}a alpha"$'\r'
    machine_expect '(?s)^\[terminal\] alpha; .*^printed-42$'
}

@test "nothing that is typed there gets lost, read early or late" {
    local text
    text=$(seq -f 'line %03.0f of what is typed for the port' 40)$'\n'
    machine_keys "${ESC}a alpha.data"$'\r'
    machine_expect '^\[terminal\] alpha.data; '
    machine_keys "$text" # nobody reads there yet
    machine_keys "${ESC}a alpha"$'\r'
    machine_expect '^\[terminal\] alpha; '
    machine_type "head -c $((${#text} * 2)) /dev/vport0p1 | md5sum"
    machine_keys "${ESC}a alpha.data"$'\r'
    machine_expect '^\[terminal\] alpha.data; '
    machine_keys "$text"
    machine_keys "${ESC}a alpha"$'\r'
    machine_expect '^([0-9a-f]{32})  -$'
    [ "${MACHINE_MATCH[1]}" = "$(printf %s%s "$text" "$text" | md5sum | cut -d ' ' -f 1)" ]
}

@test "nobody died of anything else, the guest has nothing to complain of, and it ends" {
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
    machine_type 'echo began-$((6*7)); dmesg -r | grep "^<[0-4]>" | grep -v "MMCONFIG information"; echo end-$((6*7))'
    machine_expect '(?s)^began-42\n(.*)^end-42$'
    echo "${MACHINE_MATCH[1]}"
    [ -z "${MACHINE_MATCH[1]}" ]
    machine_keys "${ESC}l"
    machine_expect '^\[terminal\] the log comes between the lines$'
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
    machine_killed 10 ports.alpha terminal vmm.alpha ${RESTART_EVERY:+console.alpha}
}
