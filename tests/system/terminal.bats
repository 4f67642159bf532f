#!/usr/bin/env bats
# Two VMs on one line: overview, attaching, scroll-back, who does not read, while who serves it dies
# SPDX-License-Identifier: MIT
#
# Consoles, terminal and serial driver are killed all the time. Only where the line is what the test is about it is not:
# what the driver swallows when it dies is a caveat of its own. Without the tag `restarts` are those who print so much, byte by
# byte, that a death behind each would take hours.

load ../lib/machine

ESC=$'\x1d'

# vm NAME WHAT-IT-SAYS-FIRST: tests/kernels/talk.c
vm() {
    echo "  - {name: $1, memory: 4M, kernel: $PWD/build/kernels/talk, cmdline: $2}"
}

# config NAME LINE...: makes a boot archive; its name
config() {
    local file=$BATS_FILE_TMPDIR/$1
    printf '%s\n' "name: $1" "${@:2}" >"$file.yaml"
    machine_archive "$file.yaml" "$file.cpio"
    echo "$file.cpio"
}

# faults SERVER...: each is killed every now and then
faults() {
    local server every=310
    echo faults:
    for server in "$@"; do
        echo "  - {server: $server, kind: kill, every: ${every}ms, count: 100000}"
        every=$((every + 70))
    done
}

setup_file() {
    local archive
    archive=$(config pair vms: "$(vm alpha 'first words')" "$(vm beta 'other words')" \
        "$(faults console.alpha console.beta terminal)")
    machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$archive"
    machine_expect '(?s)(^\[(alpha|beta)\] > .*){2}'
}

teardown_file() {
    machine_stop
}

# bats test_tags=restarts
@test "the overview has the lines of both, and of all logs" {
    machine_output | grep -q '^\[alpha\] first words$'
    machine_output | grep -q '^\[beta\] other words$'
    machine_output | grep -q '^\[vmm.beta\] beta: power on, 4 MiB$'
    # each line has a name, once the kernel prints no more
    [ "$(machine_output | sed '1,/^\[init\] pair: /d' | grep -c -v '^\[[a-z0-9.]*\] \|^$')" -eq 0 ]
}

# bats test_tags=restarts
@test "nothing is sent from there" {
    machine_type 'poweroff'
    machine_expect '^\[terminal\] nothing is sent from here'
}

# bats test_tags=restarts
@test "attached, one has the line for itself" {
    machine_keys "${ESC}a alpha"$'\r'
    machine_expect '(?s)^\[terminal\] alpha; .*^first words$'
    machine_type 'hello'
    machine_expect '^> you say hello$'
    machine_type 'count 42 43'
    machine_expect '^> 42\n43\ncounted$'
}

# bats test_tags=restarts
@test "a name that nobody has is answered with those that there are" {
    machine_keys "${ESC}a gamma"$'\r'
    machine_expect "^\[terminal\] there is no console 'gamma'\n\[terminal\] consoles: alpha, beta, log\$"
}

# bats test_tags=restarts
@test "the next one, and the one before" {
    machine_keys "${ESC}n"
    machine_expect '(?s)^\[terminal\] beta; .*^other words$'
    machine_type 'hello, too'
    machine_expect '^> you say hello, too$'
    machine_keys "${ESC}p"
    machine_expect '(?s)^\[terminal\] alpha; .*^first words$.*^> you say hello$.*^> $'
}

# bats test_tags=restarts
@test "the escape key itself can be sent" {
    machine_type "<$ESC$ESC>"
    machine_expect $'^(> )?you say <\x1d>$'
}

@test "what came while nobody was attached is there, the last 64 KiB to the byte" {
    local first
    machine_type 'count 1000001 1008000'
    machine_keys "${ESC}o"
    machine_expect '^\[alpha\] counted$'
    machine_keys "${ESC}a alpha"$'\r'
    # the mark, the rest of a line, then nothing but the lines that were printed
    machine_expect '(?s)^\[\.\.\. \d+ bytes dropped\]\n\d*\n((10\d{5}\n)*)counted$'
    first=$(head -n 1 <<<"${MACHINE_MATCH[1]}")
    [ "$first" -gt 1000700 ]
    [ "$first" -lt 1001000 ] # 9 bytes a line
    [ "$(printf '%s' "${MACHINE_MATCH[1]}" | md5sum)" = "$(seq "$first" 1008000 | md5sum)" ]
}

# crc32: of what comes, as 16 digits
crc32() {
    printf '%016x' "$(gzip -c | tail -c 8 | od -An -tu4 -N 4)"
}

# A text typed at alpha, and lines that it prints.
exchange() {
    local text last
    text=$(seq -f 'line %04.0f of a text that is typed faster than any human could type it' "$(machine_share 50)")
    last=$((1000000 + $(machine_share 500)))
    machine_type sum
    machine_expect '^(> )?go on$'
    machine_keys "$text"$'\x04'
    machine_expect '^sum ([0-9a-f]{16})$'
    [ "${MACHINE_MATCH[1]}" = "$(printf %s "$text" | crc32)" ]
    machine_type "count 1000001 $last"
    machine_expect "(?s)^> (1000001\n.*\n$last\n)counted\$"
    [ "$(printf '%s' "${MACHINE_MATCH[1]}" | md5sum)" = "$(seq 1000001 "$last" | md5sum)" ]
}

# bats test_tags=restarts
@test "nothing that is typed or printed gets lost" {
    exchange
}

# bats test_tags=restarts
@test "the log comes between the lines when it is wanted, or alone" {
    machine_keys "${ESC}l"
    machine_expect '^\[terminal\] the log comes between the lines$'
    machine_keys "${ESC}a log"$'\r'
    machine_expect '(?s)^\[terminal\] log; .*^\[vmm.alpha\] alpha: power on'
}

# bats test_tags=restarts
@test "nobody died of anything else, and the end of both is the machine's" {
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
    machine_keys "${ESC}a beta"$'\r'
    machine_expect '^\[terminal\] beta; '
    machine_type off
    machine_keys "${ESC}a alpha"$'\r'
    machine_expect '^\[terminal\] alpha; '
    machine_keys "${ESC}l"
    machine_expect '^\[terminal\] the log comes between the lines$'
    machine_type off
    [ "$(machine_exit_status)" -eq 0 ]
    machine_killed 5 console.alpha console.beta ${RESTART_EVERY:+vmm.alpha vmm.beta}
    [ -n "${RESTART_EVERY:-}" ] || machine_killed 5 terminal # the last test does it behind requests
}

# One of two neighbours: as either begins with a signal to the other, they would do nothing else. The driver dies between two
# accesses to the line's hardware here, never between one and the store behind it.
# bats test_tags=restarts
@test "nor when the terminal, or the driver, dies after every request, and after every seventh" {
    local n server archive
    for n in ${RESTART_EVERY:-1 7}; do
        for server in terminal uart; do
            archive=$(RESTART_EVERY='' config "$server-$n" vms: "$(vm alpha 'first words')" "$(faults console.alpha)" \
                "  - {server: $server, requests: $n, count: 1000000}")
            machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$archive"
            machine_expect '^> $'
            exchange
            machine_type off
            [ "$(machine_exit_status)" -eq 0 ]
            machine_killed 30 "$server"
        done
    done
}

# The reader is stopped; what goes on meanwhile is told over the second line.
# bats test_tags=qemu
@test "who does not read stops no guest, and is told what it missed" {
    local archive line control reader said=$BATS_TEST_TMPDIR/said
    line=$(mktemp -u /tmp/line.XXXXXX) control=$(mktemp -u /tmp/control.XXXXXX)
    archive=$(config slow "keep: true" vms: "$(vm alpha 'first words')" "$(vm beta 'other words')" \
        "$(faults console.alpha terminal uart)")
    machine_start --line "$line" --control "$control" test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' \
        -initrd "$archive"
    control_open "$control"
    mkfifo "$BATS_TEST_TMPDIR/keys"
    socat "UNIX-CONNECT:$line" STDIO <>"$BATS_TEST_TMPDIR/keys" >"$said" 3>&- &
    reader=$!
    printf '%sa alpha\rsum\r' "$ESC" >"$BATS_TEST_TMPDIR/keys"
    until grep -aq 'go on' "$said"; do sleep 0.1; done
    printf '%b' '\x04' 'count 1 24000\r' 'off\r' >"$BATS_TEST_TMPDIR/keys"
    until grep -aq '^100.$' "$said"; do sleep 0.1; done
    kill -STOP "$reader"
    until control '"name": "alpha", "state": "off"' query-vms >"$BATS_TEST_TMPDIR/vms"; do sleep 0.2; done
    kill -CONT "$reader"
    until grep -aq '^counted' "$said"; do sleep 0.1; done
    grep -aq '^\[\.\.\. [0-9]* bytes dropped\]' "$said"
    grep -aq '^24000.$' "$said"
    kill "$reader"
    rm -f "$line" "$control"
}
