#!/usr/bin/env bats
# A guest whose drivers lie to their virtio devices in every field harms itself alone: tests/kernels/hostile.c
# SPDX-License-Identifier: MIT
#
# bats file_tags=restarts

load ../lib/machine

ESC=$'\x1d'

setup_file() {
    local file=$BATS_FILE_TMPDIR/hostile kernel=$PWD/build/kernels/hostile
    SOCKET=$(mktemp -u /tmp/hostile.XXXXXX)
    export SOCKET
    perl -e 'print pack("V*", 0 .. 16383)' >"$file.img"
    printf '%s\n' 'name: hostile' 'vms:' \
        "  - {name: alpha, memory: 64M, kernel: $kernel, ports: [con, data], rng: true, disks: [" \
        '      {name: ram, size: 64K, queues: 2}, {name: image, base: hostile.img, store: none},' \
        '      {name: over, base: hostile.img, space: 8K}]}' \
        "  - {name: beta, memory: 64M, kernel: $kernel, cmdline: work, disks: [{name: ram, size: 64K}]}" >"$file.yaml"
    # behind every seventh request at most: of the hundreds of lies one alone takes ten thousands of requests
    RESTART_EVERY=${RESTART_EVERY:+7} machine_archive "$file.yaml" "$file.cpio"
    machine_start --control "$SOCKET" test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$file.cpio"
    control_open "$SOCKET"
}

teardown_file() {
    machine_stop
    rm -f "$SOCKET"
}

# attach NAME: to that console, or to the log; what is kept of it is shown again
attach() {
    machine_keys "${ESC}a $1"$'\r'
    machine_expect "^\[terminal\] $1; "
}

# counters: of the servers of alpha, "SERVER COUNTER VALUE" a line
counters() {
    control '(.*)' query-stats '{"name": "alpha"}'
    perl -MJSON::PP -e 'for my $s (@{decode_json($ARGV[0])->{servers}}) {
        print "$s->{name} $_ $s->{counters}{$_}\n" for sort keys %{$s->{counters}} }' "${MACHINE_MATCH[1]}"
}

@test "each lie ends as it should, and behind it an honest driver is served" {
    machine_expect '^\[beta\] working$'
    attach alpha
    machine_expect '^type something$' # a port looks at room for input when there is some
    attach alpha.con
    machine_keys 'typed'
    attach alpha
    machine_expect '(?s)^ok disk.ram .*^all lies are told$'
    grep '^not ok' <<<"${MACHINE_MATCH[0]}" && return 1
    grep '^ok ' <<<"${MACHINE_MATCH[0]}" >"$BATS_FILE_TMPDIR/lies"
    cut -d ' ' -f 2 "$BATS_FILE_TMPDIR/lies" | sort | uniq -c
    [ "$(wc -l <"$BATS_FILE_TMPDIR/lies")" -ge 600 ]
    [ "$(cut -d ' ' -f 2 "$BATS_FILE_TMPDIR/lies" | sort -u | tr '\n' ' ')" = 'disk.image disk.over disk.ram ports rng ' ]
}

# Of a server that starts anew either index may be wrong: it finds that there are more requests than places.
@test "a counter says why, each time" {
    local device counter lies told
    counters | sed 's/^disk.alpha/disk/; s/\.alpha//' >"$BATS_FILE_TMPDIR/counters"
    [ -z "${RESTART_EVERY:-}" ] || sed -i 's/fault-used-index/fault-available-index/' "$BATS_FILE_TMPDIR"/{counters,lies}
    while read -r lies device counter; do
        told=$(awk -v d="$device" -v c="$counter" '$1 == d && $2 == c { n += $3 } END { print n + 0 }' "$BATS_FILE_TMPDIR/counters")
        echo "$device $counter: $lies lies, $told counted"
        [ "$told" -ge "$lies" ]
        [[ $counter != fault-* || -n ${RESTART_EVERY:-} ]] || [ "$told" -eq "$lies" ]
    done < <(cut -d ' ' -f 2-3 "$BATS_FILE_TMPDIR/lies" | grep -v ' -$' | sort | uniq -c)
}

@test "no fault that one of these devices can name is left out" {
    local fault
    cat servers/common/virtqueue.c servers/{disk,ports,rng}/*.c | grep -o '"fault-[a-z-]*"' | tr -d '"' | grep -v '^fault-none$' |
        sort -u >"$BATS_TEST_TMPDIR/faults"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/faults")" -ge 23 ]
    [ -z "${RESTART_EVERY:-}" ] || sed -i '/^fault-used-index$/d' "$BATS_TEST_TMPDIR/faults"
    while read -r fault; do
        echo "$fault"
        grep -q " $fault [1-9]" "$BATS_FILE_TMPDIR/counters"
    done <"$BATS_TEST_TMPDIR/faults"
}

@test "what honest drivers printed between the lies is complete" {
    local lines
    lines=$((16#$(machine_output | sed -n 's/^lines printed: //p' | tail -n 1)))
    [ "$lines" -ge 150 ]
    attach alpha.con
    machine_expect "$(printf '(?s)^(line 00000001\n.*\nline %08x)\n' "$lines")"
    [ "${MACHINE_MATCH[1]}" = "$(seq 1 "$lines" | xargs printf 'line %08x\n')" ]
}

@test "the neighbour has worked all the while" {
    attach beta
    machine_keys q
    machine_expect '^rounds, all good: ([0-9a-f]{16})$'
    echo "$((16#${MACHINE_MATCH[1]})) rounds"
    [ $((16#${MACHINE_MATCH[1]})) -ge 20 ]
}

@test "no server died, and the log tells of faults, but is not filled by them" {
    local server
    attach log
    machine_keys "${ESC}o"
    machine_expect '^\[terminal\] overview; '
    run machine_output
    [ "$(grep -c ' died: ' <<<"$output")" -eq 0 ]
    grep "^\[disk.alpha.ram\] warning: the guest's driver is at fault: " <<<"$output"
    # servers that start anew tell of their first faults each time, and what is kept of the log is full of one's
    [ -z "${RESTART_EVERY:-}" ] || return 0
    for server in ports.alpha rng.alpha; do
        grep "^\[$server\] warning: the guest's driver is at fault: " <<<"$output"
    done
    grep '^\[disk.alpha.over\] error: 8 KiB of space are full: ' <<<"$output"
    [ "$(grep -c 'at fault\|are full' <<<"$output")" -lt 100 ]
}

@test "the guest that lied switches itself off" {
    attach alpha
    machine_keys q
    [ "$(machine_exit_status)" -eq 0 ]
}
