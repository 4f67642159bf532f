#!/usr/bin/env bats
# VMs come, stop, go on and go while another one counts, and while those who serve the commands die
# SPDX-License-Identifier: MIT
#
# The guests are tests/kernels/life.c: it counts aloud, says how often it was reset, and heeds its power button.

load ../lib/machine

# config FILE VM...: a configuration of VMs; one whose name ends with `!` starts with the machine
config() {
    printf '%s\n' 'name: life' 'keep: true' 'vms:' >"$1"
    local vm
    for vm in "${@:2}"; do
        printf '  - {name: %s, memory: 16M, kernel: %s/build/kernels/life, console: true, autostart: %s}\n' \
            "${vm%!}" "$MACHINE_ROOT" "$([[ $vm == *! ]] && echo true || echo false)"
    done >>"$1"
}

setup_file() {
    SOCKET=$(mktemp -u /tmp/life.XXXXXX)
    export SOCKET
    config "$BATS_FILE_TMPDIR/two.yaml" alpha! beta
    config "$BATS_FILE_TMPDIR/three.yaml" alpha! beta gamma
    config "$BATS_FILE_TMPDIR/large.yaml" alpha! beta delta
    sed -i '/delta/s/16M/4G/' "$BATS_FILE_TMPDIR/large.yaml"
    build/bulkhead archive "$BATS_FILE_TMPDIR/two.yaml" "$BATS_FILE_TMPDIR/two.cpio"
    machine_start --control "$SOCKET" test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' \
        -initrd "$BATS_FILE_TMPDIR/two.cpio"
    machine_expect 'count 0'
    control_open "$SOCKET"
}

teardown_file() {
    machine_stop
    rm -f "$SOCKET"
}

# heard NAME REGEX: waits until a console has printed this since the last time that it was asked for. On the host's line a
# guest that is slow may have its lines cut up.
heard() {
    local text='' file=$BATS_FILE_TMPDIR/heard.$1 end=$((SECONDS + MACHINE_LIMIT))
    [ -e "$file" ] || echo 0 >"$file"
    while true; do # at least once: what is there is passed over, even where nothing is expected of it
        control '"text": "(.*)", "next": ([0-9]+)' query-log "{\"name\": \"$1\", \"from\": $(<"$file")}" || return 1
        text+=${BASH_REMATCH[1]}
        echo "${BASH_REMATCH[2]}" >"$file"
        [[ ! $text =~ $2 ]] || return 0
        [ "$SECONDS" -lt "$end" ] || { echo "expected of $1: $2"; return 1; }
    done
}

# counts NAME: it goes on counting
counts() {
    heard "$1" ''
    heard "$1" 'count [0-9a-f]+\\n'
}

# part FILE VM: the definition of a VM, one line
part() {
    build/bulkhead manifest "$BATS_FILE_TMPDIR/$1.yaml" "$2" | tr -d '\n'
}

# state NAME STATE
state() {
    control "\"name\": \"$1\", \"state\": \"$2\"" query-vms
}

@test "a VM is started, and only one that does not run" {
    state beta created
    control WrongState vm-pause '{"name": "beta"}'
    control WrongState vm-stop '{"name": "beta"}'
    control WrongState vm-start '{"name": "alpha"}'
    control NotFound vm-start '{"name": "gamma"}'
    control '^\{\}$' vm-start '{"name": "beta"}'
    heard beta 'resets 0+\\n'
    counts beta
    state beta running
}

@test "a VM that is paused stands still, whoever serves it dies, and goes on where it was" {
    control '^\{\}$' vm-pause '{"name": "beta"}'
    state beta paused
    control WrongState vm-reset '{"name": "beta"}'
    control WrongState vm-destroy '{"name": "beta"}'
    control '"name": "beta", "state": "paused", [^}]*"exits": ([0-9]+)' query-vms
    local before=${BASH_REMATCH[1]}
    control '^\{\}$' kill '{"server": "vmm.beta"}'
    control '^\{\}$' kill '{"server": "console.beta"}'
    counts alpha
    counts alpha
    control "\"name\": \"beta\", \"state\": \"paused\", [^}]*\"exits\": $before" query-vms
    control '^\{\}$' vm-resume '{"name": "beta"}'
    control WrongState vm-resume '{"name": "beta"}'
    counts beta
}

@test "the reset button works once each time it is pressed" {
    local n
    for n in 1 2; do
        control '^\{\}$' vm-reset '{"name": "beta"}'
        [ "$n" -eq 2 ] || control '^\{\}$' kill '{"server": "vmm.beta"}'
        heard beta "resets 0+$n\\\\n"
        counts beta
    done
}

@test "the power button is heeded by the guest; by force it is not asked" {
    control_say '{"execute": "vm-stop", "arguments": {"name": "beta"}, "id": "stop"}'
    control_expect '^\{"return": \{\}, "id": "stop"\}$'
    control_expect '^\{"event": "VM_STOPPED", "data": \{"name": "beta", "reason": "powered-off"\}'
    heard beta 'power button'
    state beta off
    control '^\{\}$' vm-start '{"name": "beta"}'
    heard beta 'resets 0+\\n'
    control '^\{\}$' vm-stop '{"name": "beta", "force": true}'
    state beta off
    counts alpha
}

@test "a VM that is destroyed leaves nothing, and others can have its memory" {
    control '^\{\}$' vm-destroy '{"name": "beta"}'
    until control '"name"' query-vms && [[ ${MACHINE_MATCH[0]} != *beta* ]]; do counts alpha; done
    control NotFound vm-start '{"name": "beta"}'
    control NotFound kill '{"server": "vmm.beta"}'
    counts alpha
}

@test "a VM is created at run time, again and again" {
    for _ in {1..3}; do
        control '^\{\}$' vm-create "{\"definition\": $(part three gamma)}"
        state gamma created
        control BadArguments vm-create "{\"definition\": $(part three gamma)}"
        control '^\{\}$' vm-start '{"name": "gamma"}'
        heard gamma 'resets 0+\\n'
        counts gamma
        control 'count' query-log '{"name": "gamma"}'
        control '^\{\}$' vm-stop '{"name": "gamma", "force": true}'
        control '^\{\}$' vm-destroy '{"name": "gamma"}'
        until control '"name"' query-vms && [[ ${MACHINE_MATCH[0]} != *gamma* ]]; do counts alpha; done
    done
}

@test "a definition that is wrong is refused, and changes nothing" {
    control NoMemory vm-create "{\"definition\": $(part large delta)}"
    [[ ${MACHINE_MATCH[2]} == "the VM has 4096 MiB, "* ]]
    control BadArguments vm-create '{"definition": {}}'
    control BadArguments vm-create "{\"definition\": $(part large delta | sed 's/"rams*": /"ramps": /; s/"servers"/"server"/')}"
    control NoMemory vm-create "{\"definition\": $(part large delta | sed 's/"pages": 786432/"pages": 256/; s/"pages": 262144/"pages": 256/; s/"image": "vmm"/"image": "wmm"/')}"
    [[ ${MACHINE_MATCH[2]} == "program wmm: "* ]]
    # what the supervisor itself writes or reads, and what is another's
    control BadArguments vm-create "{\"definition\": $(part three gamma | sed 's/"name": "gamma.panel", "type": "memory", "payer": "gamma.quota", "pages": 1/&0/')}"
    [[ ${MACHINE_MATCH[2]} == *'object \"gamma.panel\": for this it must be filled \"zero\" and have one page' ]]
    control BadArguments vm-create "{\"definition\": $(part three gamma | sed 's/"server": "terminal", *"caps": \[/&{"slot": 9, "object": "memory", "rights": "s"}, /')}"
    [[ ${MACHINE_MATCH[2]} == *'object: \"memory\" is not the VM'* ]]
    control BadArguments vm-create "{\"definition\": $(part three gamma | sed 's/"text": "gamma"}/"text": "alpha"}/')}"
    [[ ${MACHINE_MATCH[2]} == *'text: \"alpha\" is not the VM'* ]]
    control BadArguments vm-create "{\"definition\": $(part three beta | sed 's/"badge": 33/"badge": 1/')}"
    control '"vms": 1,' query-status
    counts alpha
}

@test "who has no buttons is stopped by force alone, and holds back a shutdown that is not forced" {
    control '^\{\}$' vm-create "{\"definition\": $(part three gamma | sed 's/, "panel": "gamma.panel", "signal": "vmm.gamma.bits", "badge": 2//')}"
    control '^\{\}$' vm-start '{"name": "gamma"}'
    heard gamma 'resets 0+\\n'
    local command
    for command in 'vm-stop {"name": "gamma"}' 'vm-reset {"name": "gamma"}' 'shutdown {}'; do
        control Failed "${command%% *}" "${command#* }"
        [ "${MACHINE_MATCH[2]}" = "VM gamma has no buttons" ]
    done
    control '"state": "running"' query-status
    counts alpha
    counts gamma
    control '^\{\}$' vm-stop '{"name": "gamma", "force": true}'
    control '^\{\}$' vm-destroy '{"name": "gamma"}'
    until control '"name"' query-vms && [[ ${MACHINE_MATCH[0]} != *gamma* ]]; do counts alpha; done
}

@test "commands are carried out once each, whoever dies" {
    control '^\{\}$' vm-create "{\"definition\": $(part three gamma)}"
    control '^\{\}$' vm-start '{"name": "gamma"}'
    heard gamma 'resets 0+\\n'
    for _ in {1..5}; do
        control '^\{\}$' vm-pause '{"name": "gamma"}'
        control '^\{\}$' kill '{"server": "control"}'
        control '^\{\}$' vm-resume '{"name": "gamma"}'
        control '^\{\}$' kill '{"server": "uart2"}'
        control '^\{\}$' kill '{"server": "memory"}'
        counts gamma
    done
    counts alpha
}

@test "the VM that nobody touched has counted on and on" {
    control '"text": "(.*)", "next"' query-log '{"name": "alpha"}'
    local text=${BASH_REMATCH[1]//'\n'/$'\n'}
    [[ $text != *resets*resets* ]]
    [ "$(grep -c '^count [0-9a-f]\{16\}$' <<<"$text")" -gt 10 ]
    sed -n 's/^count \([0-9a-f]\{16\}\)$/\1/p' <<<"$text" | sort -cu
}

@test "shutdown presses all power buttons; the machine ends with the last VM" {
    control '^\{\}$' vm-pause '{"name": "gamma"}'
    control_say '{"execute": "shutdown", "id": "end"}'
    control_expect '^\{"return": \{\}, "id": "end"\}$'
    [ "$(machine_exit_status)" -eq 0 ]
    [ "$(grep -c '"VM_STOPPED", "data": {"name": ".*", "reason": "powered-off"}' "$MACHINE_DIR/control/output")" -eq 3 ]
}

@test "a VM whose pager has failed for good is not switched on, but can be destroyed" {
    machine_stop
    { cat "$BATS_FILE_TMPDIR/two.yaml"; echo 'faults: [{server: memory, kind: fail, every: 1s, count: 6}]'; } \
        >"$BATS_FILE_TMPDIR/pager.yaml"
    build/bulkhead archive "$BATS_FILE_TMPDIR/pager.yaml" "$BATS_FILE_TMPDIR/pager.cpio"
    rm -f "$SOCKET"
    machine_start --control "$SOCKET" test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' \
        -initrd "$BATS_FILE_TMPDIR/pager.cpio"
    machine_expect '^\[init\] VM alpha cannot go on$'
    control_open "$SOCKET"
    local vm
    for vm in alpha beta; do
        control Failed vm-start "{\"name\": \"$vm\"}"
        [ "${MACHINE_MATCH[2]}" = "VM $vm needs memory, which has failed for good" ]
    done
    state alpha failed
    state beta created
    for vm in alpha beta; do
        control '^\{\}$' vm-destroy "{\"name\": \"$vm\"}"
    done
    control '^\[\]$' query-vms
    control '^\{\}$' vm-create "{\"definition\": $(part two alpha)}" # there is room for all that it had
    state alpha created
    control_say '{"execute": "shutdown", "id": "end"}'
    control_expect '^\{"return": \{\}, "id": "end"\}$'
    [ "$(machine_exit_status)" -eq 0 ]
}
