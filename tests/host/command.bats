#!/usr/bin/env bats
# The host's command as a script meets it: usage, exit statuses, and what it says of machines that are, or are not
# SPDX-License-Identifier: MIT

bats_require_minimum_version 1.5.0

setup() {
    export BULKHEAD_RUNS=$BATS_TEST_TMPDIR/runs REPLIES=$BATS_TEST_TMPDIR/replies
    mkdir -p "$BULKHEAD_RUNS" "$REPLIES"
    MOCKS=()
}

teardown() {
    [ ${#MOCKS[@]} -eq 0 ] || kill "${MOCKS[@]}" 2>/dev/null || true
}

bulkhead() {
    timeout 60 build/bulkhead "$@"
}

# control NAME [BEHAVIOUR...]: a machine of that name, of which only its control is there
control() {
    local ready
    mkdir -p "$BULKHEAD_RUNS/$1"
    rm -f "$BULKHEAD_RUNS/$1/control"
    coproc mock { exec tests/host/control "$BULKHEAD_RUNS/$1" "$REPLIES" "${@:2}" 3>&-; }
    MOCKS+=($!)
    read -r ready <&"${mock[0]}"
    [ "$ready" = ready ]
}

# reply COMMAND TEXT: at one stroke, as the machine may be asking
reply() {
    echo "$2" >"$BATS_TEST_TMPDIR/reply"
    mv "$BATS_TEST_TMPDIR/reply" "$REPLIES/$1"
}

executed() {
    cat "$BULKHEAD_RUNS/$1/executed"
}

vms='[{"name": "alpha", "state": "running", "memory_kib": 262144, "resident_kib": 109184, "vcpus": 1, "exits": 48211},
      {"name": "beta", "state": "paused", "memory_kib": 65536, "resident_kib": 9000, "vcpus": 1, "exits": 5}]'
servers='[{"name": "vmm.alpha", "kind": "vmm", "vm": "alpha", "state": "running", "restarts": 3, "cpu_ns": 1204000000,
           "memory_kib": 612, "priority": 20},
          {"name": "memory", "kind": "memory", "vm": null, "state": "running", "restarts": 0, "cpu_ns": 5000000,
           "memory_kib": 300, "priority": 21}]'

@test "usage goes to standard output when it was asked for, and to standard error when not" {
    run --separate-stderr bulkhead --help
    [ "$status" -eq 0 ]
    [[ $output == "usage: bulkhead COMMAND"* ]]
    [ -z "$stderr" ]
    run --separate-stderr bulkhead
    [ "$status" -eq 2 ]
    [[ $stderr == "usage: bulkhead COMMAND"* ]]
    [ -z "$output" ]
    run --separate-stderr bulkhead vm --help
    [ "$status" -eq 0 ] && [[ $output == *"vm start"* ]] && [[ $output != *"kill"* ]]
}

@test "every command has --help, and docs/command.md tells of it and of its options" {
    local command option commands=0 options=0
    while read -r command; do
        commands=$((commands + 1))
        # shellcheck disable=SC2086 # one or two words
        run bulkhead $command --help
        [ "$status" -eq 0 ]
        [[ ${lines[0]} == "usage: bulkhead $command"* ]]
        grep -q "^### $command" docs/command.md || { echo "docs/command.md lacks $command"; false; }
        while read -r option; do
            options=$((options + 1))
            sed -n "/^### $command/,/^###* /p" docs/command.md | grep -q -e "$option" ||
                { echo "docs/command.md lacks $command $option"; false; }
        done < <(grep -o -e '--[a-z][a-z-]*' <<<"${lines[0]}")
    done < <(bulkhead --help | sed -n 's/^  \(vm [a-z]*\|[a-z-]*\) .*/\1/p')
    [ "$commands" -ge 21 ]
    [ "$options" -ge 50 ]
}

@test "docs/command.md tells of no command and no option that there is not" {
    local line option commands=0 options=0
    while read -r _ line; do
        commands=$((commands + 1))
        # shellcheck disable=SC2086 # one or two words
        bulkhead ${line%% \`*} --help
    done < <(grep '^### ' docs/command.md)
    for line in run archive disk-image ps log "vm stop"; do
        # shellcheck disable=SC2086
        bulkhead $line --help
    done >"$BATS_TEST_TMPDIR/help"
    while read -r option; do
        options=$((options + 1))
        grep -q -e "$option" "$BATS_TEST_TMPDIR/help" || { echo "there is no $option"; false; }
    done < <(grep -o '`--[a-z-]*' docs/command.md | tr -d '`' | sort -u)
    [ "$commands" -ge 21 ]
    [ "$options" -ge 12 ]
}

@test "wrong usage is one line that says where to look, and status 2" {
    local words
    for words in fly "vm fly" check "check a b" "ps x" "vm start" "kill" "ps --yaml" "check --json one-vm" \
        "run one-vm --memory lots" "run one-vm --machine" "run one-vm --machine vax" "ps -- x" "run one-vm --run A/B"; do
        # shellcheck disable=SC2086
        run bulkhead $words
        echo "$words: $output"
        [ "$status" -eq 2 ]
        [ ${#lines[@]} -eq 1 ]
        [[ $output == "bulkhead: "* ]]
    done
}

@test "a configuration that is not there: one line, which names those that are" {
    run bulkhead check nonsuch
    [ "$status" -eq 1 ]
    [ ${#lines[@]} -eq 1 ]
    [[ $output == "bulkhead: there is no configuration nonsuch, only "*one-vm* ]]
    run bulkhead run nonsuch
    [ "$status" -eq 1 ]
}

@test "a configuration whose devices the machine has not is refused with file and line" {
    run bulkhead manifest --machine bochs tests/configs/uplink.yaml
    [ "$status" -eq 1 ]
    [ "$output" = "tests/configs/uplink.yaml:14: uplink: this machine has no virtio" ]
    sed "s|rng: true|rng: host|; s|\.\./\.\./|$PWD/|" tests/configs/rng-host.yaml >"$BATS_TEST_TMPDIR/host.yaml"
    run bulkhead manifest --machine bochs "$BATS_TEST_TMPDIR/host.yaml"
    [ "$status" -eq 1 ]
    [ "$output" = "$BATS_TEST_TMPDIR/host.yaml:13: rng: host, expected true or rdrand: this machine has no virtio" ]
}

@test "a configuration that asks for more memory than the machine has is refused with file and line" {
    run bulkhead check --memory 256 one-vm
    [ "$status" -eq 1 ]
    [ ${#lines[@]} -eq 1 ]
    [[ $output == *"/config/one-vm.yaml:9: memory: 256 MiB with its disks, "*"expected less than the machine's 256 MiB" ]]
    run bulkhead check --memory 512 one-vm
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    run bulkhead run one-vm --memory 128
    [ "$status" -eq 1 ]
    [[ $output == *"one-vm.yaml:9: memory: 256 MiB"* ]]
    MEMORY=128 run bulkhead run one-vm
    [ "$status" -eq 1 ] && [[ $output == *"one-vm.yaml:9: memory: 256 MiB"* ]]
}

@test "without a machine every command that wants one says so: status 3" {
    local words
    for words in ps stats disk crashes log shutdown console "kill a" "vm start a" "vm stop a" "vm pause a" \
        "vm resume a" "vm reset a" "vm destroy a" "ps --run alpha" "ps --run ../alpha"; do
        # shellcheck disable=SC2086
        run bulkhead $words
        echo "$words: $output"
        [ "$status" -eq 3 ]
        [ ${#lines[@]} -eq 1 ]
        [[ $output == "bulkhead: no machine "* ]]
    done
}

@test "a machine whose lock cannot be made: one line that names it" {
    mkdir -p "$BULKHEAD_RUNS/other/lock"
    run bulkhead run one-vm --run other
    [ "$status" -eq 1 ]
    [ "$output" = "bulkhead: $BULKHEAD_RUNS/other/lock: Is a directory" ]
    rmdir "$BULKHEAD_RUNS/other/lock"
}

@test "a folder that a killed machine has left is no machine" {
    control one
    kill "${MOCKS[0]}"
    wait "${MOCKS[0]}" || true
    [ -S "$BULKHEAD_RUNS/one/control" ]
    run bulkhead ps
    [ "$status" -eq 3 ]
    run bulkhead ps --run one
    [ "$status" -eq 3 ] && [[ $output == "bulkhead: no machine one runs" ]]
}

@test "ps lists VMs and servers for people" {
    reply query-vms "$vms"
    reply query-servers "$servers"
    control one
    run bulkhead ps
    [ "$status" -eq 0 ]
    [[ ${lines[0]} =~ ^VM\ +STATE ]]
    [[ ${lines[1]} =~ ^alpha\ +running\ +1\ +256\ MiB\ +106\ MiB\ +48211$ ]]
    [[ ${lines[2]} =~ ^beta\ +paused ]]
    [[ ${lines[4]} =~ ^vmm.alpha\ +vmm\ +alpha\ +running\ +3\ +1.204\ s\ +612\ KiB$ ]]
    [[ ${lines[5]} =~ ^memory\ +memory\ +-\ +running ]]
}

@test "ps --json is JSON, with what control said" {
    reply query-vms "$vms"
    reply query-servers "$servers"
    control one
    run bulkhead ps --json
    [ "$status" -eq 0 ]
    [[ $output == "{"*'"vms": ['*'"name": "alpha"'*'"servers": ['*'"priority": 21'*"}" ]]
}

@test "a machine that speaks in bytes, half lines, events and others' answers is understood" {
    reply query-vms "$vms"
    reply query-servers "$servers"
    control one noise pieces
    run bulkhead ps
    [ "$status" -eq 0 ] && [[ ${lines[2]} =~ ^beta ]]
}

@test "an answer of a MiB is taken" {
    reply query-crashes "[{\"server\": \"memory\", \"why\": \"killed\", \"time_ns\": 5, \"deaths\": 1, \"text\": \"$(
        head -c 1000000 /dev/zero | tr '\0' x)\"}]"
    control one noise
    run bulkhead crashes
    [ "$status" -eq 0 ] && [ "${#lines[1]}" -eq 1000000 ]
}

@test "crashes tells of each death and when it was" {
    reply query-crashes '[{"server": "memory", "why": "killed", "time_ns": 5204000000, "deaths": 1,
        "text": "memory died: killed\n  380 messages\n"}, {"server": "uart", "why": "hung", "time_ns": 7000000000,
        "deaths": 1, "text": "uart died: hung"}]'
    control one
    run bulkhead crashes
    [ "$status" -eq 0 ]
    [ "$output" = $'5.204 s after the start:\nmemory died: killed\n  380 messages\n7.000 s after the start:\nuart died: hung' ]
}

@test "a machine that does not answer: status 4 within the time that was given" {
    control one silent
    run bulkhead ps --timeout 1
    [ "$status" -eq 4 ] && [ "$output" = "one: its control does not answer" ]
}

@test "a machine that dies while it is asked: status 4" {
    control one hangup
    run bulkhead ps
    [ "$status" -eq 4 ] && [ "$output" = "one: the machine has ended" ]
}

@test "what control refuses is said in its words: status 1" {
    reply vm-pause '"error": {"class": "WrongState", "desc": "alpha is off"}'
    control one
    run bulkhead vm pause alpha
    [ "$status" -eq 1 ] && [ "$output" = "one: alpha is off" ]
}

@test "commands of the life of VMs are handed on, VM after VM, up to the first that fails" {
    reply query-vms '[]'
    for command in start stop pause resume reset destroy; do reply vm-$command '{}'; done
    control one
    for command in start stop pause resume reset destroy; do bulkhead vm $command alpha beta; done
    [ "$(executed one | grep -c 'vm-[a-z]* {"name":"alpha"}$')" -eq 6 ]
    [ "$(executed one | grep -c 'vm-[a-z]* {"name":"beta"}$')" -eq 6 ]
    bulkhead vm stop --force alpha
    [[ $(executed one) == *'vm-stop {"name":"alpha","force":true}'* ]]
    reply vm-start '"error": {"class": "NotFound", "desc": "there is no VM alpha"}'
    run bulkhead vm start alpha beta
    [ "$status" -eq 1 ] && [ "$(executed one | grep -c vm-start)" -eq 3 ]
}

@test "stop waits until the VM is off, and says what holds it when it does not" {
    reply vm-stop '{}'
    reply query-vms '[{"name": "alpha", "state": "running"}]'
    control one
    run bulkhead vm stop --timeout 1 alpha
    [ "$status" -eq 4 ]
    [[ $output == *"alpha is running still: its guest has not heeded the power button; --force"* ]]
    { sleep 1; reply query-vms '[{"name": "alpha", "state": "off"}]'; } &
    run bulkhead vm stop --timeout 30 alpha
    [ "$status" -eq 0 ]
}

@test "kill names servers" {
    reply kill '{}'
    control one
    bulkhead kill vmm.alpha memory
    [ "$(executed one)" = $'kill {"server":"vmm.alpha"}\nkill {"server":"memory"}' ]
}

@test "log prints all that is kept, piece by piece, and a console's by its name" {
    reply query-log '{"text": "", "next": 7}'
    control one
    run bulkhead log alpha
    [ "$status" -eq 0 ]
    [ "$(executed one)" = 'query-log {"name":"alpha"}' ]
    reply query-log '{"text": "[init] hello\n", "next": 13}'
    { until [ "$(executed one | wc -l)" -gt 3 ]; do sleep 0.1; done; reply query-log '{"text": "", "next": 13}'; } &
    run bulkhead log
    [ "$status" -eq 0 ]
    [[ $output == *"[init] hello"* ]]
    [[ $(executed one) == *'query-log {"from":13}'* ]]
}

@test "log -f goes on until the machine ends, and lets others have their turn" {
    reply query-log '{"text": "", "next": 7}'
    reply kill '{}'
    control one
    bulkhead log -f 3>&- &
    follower=$!
    until [ "$(executed one | grep -c query-log)" -gt 2 ]; do sleep 0.1; done
    bulkhead kill memory
    kill "${MOCKS[0]}"
    wait "$follower"
}

@test "stats and disk print tables, or JSON" {
    reply query-stats '{"vms": [{"name": "alpha", "cpu_ns": 5000000000, "memory_kib": 262144, "resident_kib": 100000,
        "overhead_kib": 1700, "exits": {"cpuid": 70, "hlt": 900}, "routes": [{"space": "port", "first": 1016,
        "last": 1023, "use": "reads", "server": "console.alpha", "count": 12}, {"space": "memory", "first": 4273995776,
        "last": 4273995779, "use": "doorbells", "server": null, "count": 6}], "accesses": 5, "doorbells": 6, "page_faults": 7,
        "interrupts": 8}], "servers": [{"name": "disk.alpha.root", "cpu_ns": 1, "waits": 2, "system_calls": 3,
        "messages": 4, "counters": {"reads": 17}}]}'
    reply query-disks '[{"vm": "alpha", "name": "root", "server": "disk.alpha.root", "store": "ram", "base": null,
        "size": 67108864, "requests": {"read": 5, "write": 6}, "errors": 0}]'
    control one
    run bulkhead stats
    [ "$status" -eq 0 ]
    [[ $output =~ alpha\ +exit\ hlt\ +900 ]]
    [[ $output =~ alpha\ +port\ +0x3f8\ +0x3ff\ +reads\ +console.alpha\ +12$'\n' ]]
    [[ $output =~ alpha\ +memory\ +0xfec00000\ +0xfec00003\ +doorbells\ +-\ +6$'\n' ]]
    [[ $output =~ disk.alpha.root\ +reads\ +17 ]]
    run bulkhead stats alpha --json
    [[ $output == *'"doorbells": 6'* ]]
    [[ $(executed one) == *'query-stats {"name":"alpha"}' ]]
    run bulkhead disk
    [[ ${lines[1]} =~ ^alpha\ +root\ +disk.alpha.root\ +ram\ +64\ MiB\ +11\ +0\ +-$ ]]
    run bulkhead disk --json
    [[ $output == *'"write": 6'* ]]
}

@test "of several machines one is to be named" {
    reply query-vms '[]'
    reply query-servers '[]'
    control one
    control two
    run bulkhead ps
    [ "$status" -eq 2 ]
    [ "$output" = "bulkhead: several machines run, choose one by --run: one, two" ]
    run bulkhead ps --run two
    [ "$status" -eq 0 ]
    [[ $(executed two) == *query-vms* ]]
    [ -z "$(executed one)" ]
}

@test "commands that talk to one machine wait for each other" {
    reply kill '{}'
    control one pieces
    local i pids=()
    for i in 1 2 3 4 5 6; do bulkhead kill "server$i" 3>&- & pids+=($!); done
    for i in "${pids[@]}"; do wait "$i"; done
    [ "$(executed one | sort)" = "$(printf 'kill {"server":"server%d"}\n' 1 2 3 4 5 6)" ]
}

@test "a line that is in use elsewhere: status 4, and a reason" {
    control one
    exec {held}>"$BULKHEAD_RUNS/one/control.lock"
    flock "$held"
    run bulkhead ps --timeout 1
    [ "$status" -eq 4 ] && [ "$output" = "one: another command is talking to its control" ]
}

@test "console: of a machine that has a terminal it is refused, and told whose that is" {
    control one
    echo '{"pid": 4711}' >"$BULKHEAD_RUNS/one/about"
    run bulkhead console alpha
    [ "$status" -eq 1 ] && [[ $output == *"terminal of process 4711"*"--headless"* ]]
}

@test "console: a name that there is not is refused, and those that there are told" {
    reply query-vms "$vms"
    control one
    socat -u "UNIX-LISTEN:$BULKHEAD_RUNS/one/line" "OPEN:/dev/null" 3>&- &
    until [ -S "$BULKHEAD_RUNS/one/line" ]; do sleep 0.1; done
    run bulkhead console gamma
    [ "$status" -eq 1 ] && [[ $output == *"there is no console gamma; VMs are: alpha, beta; or log"* ]]
}

@test "console: attaches to what was named and types what it is given" {
    reply query-vms "$vms"
    control one
    socat "UNIX-LISTEN:$BULKHEAD_RUNS/one/line" SYSTEM:"head -c 8 >$BATS_TEST_TMPDIR/first; echo hello; head -c 3 >$BATS_TEST_TMPDIR/keys" 3>&- &
    until [ -S "$BULKHEAD_RUNS/one/line" ]; do sleep 0.1; done
    run --separate-stderr bulkhead console beta <<<"ls"
    [ "$status" -eq 0 ]
    [ "$output" = hello ]
    [ "$(<"$BATS_TEST_TMPDIR/first")" = $'\x1d'"a beta"$'\r' ]
    [ "$(<"$BATS_TEST_TMPDIR/keys")" = ls ]
}

@test "console: at a terminal Ctrl-] q leaves, and the overview is left behind" {
    reply query-vms "$vms"
    control one
    socat -u "UNIX-LISTEN:$BULKHEAD_RUNS/one/line" "CREATE:$BATS_TEST_TMPDIR/got" 3>&- &
    until [ -S "$BULKHEAD_RUNS/one/line" ]; do sleep 0.1; done
    run expect -c "
        set timeout 60
        spawn -noecho build/bulkhead console alpha
        expect leaves
        sleep 1
        send \"a\x03\x1dnb\x1dqrest\"
        expect eof
        lassign [wait] pid spawn os status
        exit \$status"
    echo "$output"
    [ "$status" -eq 0 ]
    wait %?socat || true
    [ "$(<"$BATS_TEST_TMPDIR/got")" = $'\x1d'"a alpha"$'\r'$'a\x03\x1dnb\x1do' ]
}

@test "shutdown waits for the machine's end" {
    reply shutdown '{}'
    control one
    run bulkhead shutdown --timeout 1
    [ "$status" -eq 4 ]
    [[ $output == "one: runs still: "*"--force"* ]]
    { until [[ $(executed one) == *shutdown*shutdown* ]]; do sleep 0.1; done; kill "${MOCKS[0]}"; } &
    run bulkhead shutdown --force
    [ "$status" -eq 0 ] && [[ $(executed one) == *'shutdown {"force":true}' ]]
}

@test "shutdown --force stops an emulator whose control does not answer" {
    control one silent
    echo "{\"pid\": ${MOCKS[0]}}" >"$BULKHEAD_RUNS/one/about"
    run bulkhead shutdown --force --timeout 1
    [ "$status" -eq 0 ]
    [[ $output == *"the emulator was stopped" ]]
    run bulkhead ps
    [ "$status" -eq 3 ]
}

@test "completion: commands, options, configurations, choices, VMs and servers" {
    reply query-vms "$vms"
    reply query-servers "$servers"
    control one
    [ "$(bulkhead completion -- ch)" = check ]
    [[ $(bulkhead completion -- "") == run$'\n'check*vm$'\n'* ]]
    [ "$(bulkhead completion -- "" | grep -cx vm)" -eq 1 ]
    [ "$(bulkhead completion -- vm re)" = $'resume\nreset' ]
    [[ $(bulkhead completion -- run "") == *one-vm* ]]
    [ "$(bulkhead completion -- run one-vm --machine k)" = kvm ]
    [ "$(bulkhead completion -- run one-vm --he)" = $'--help\n--headless' ]
    [ "$(bulkhead completion -- vm start "")" = $'alpha\nbeta' ]
    [ "$(bulkhead completion -- kill vm)" = vmm.alpha ]
}

@test "completion works in bash" {
    run bash -c 'source <(build/bulkhead completion)
        COMP_WORDS=(build/bulkhead vm st) COMP_CWORD=2
        _bulkhead build/bulkhead
        echo "${COMPREPLY[@]}"'
    [ "$output" = "start stop" ]
}
