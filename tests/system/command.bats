#!/usr/bin/env bats
# The host's command drives a machine of two VMs: what a user types from `run` to `shutdown`
# SPDX-License-Identifier: MIT

bats_require_minimum_version 1.5.0

: "${MACHINE_LIMIT:=900}"

setup_file() {
    export BULKHEAD_RUNS=$BATS_FILE_TMPDIR/runs OUTPUT=$BATS_FILE_TMPDIR/output STATUS=$BATS_FILE_TMPDIR/status
    mkdir "$BULKHEAD_RUNS"
    # shellcheck disable=SC2016 # expanded by the inner shell
    setsid setpriv --pdeathsig TERM bash -c 'setpriv --pdeathsig TERM build/bulkhead run two-vms --headless; echo $? >"$STATUS"' \
        </dev/null >"$OUTPUT" 2>&1 3>&- 4>&- &
    disown
    until grep -q 'beta running' "$OUTPUT"; do
        [ ! -e "$STATUS" ] || { cat "$OUTPUT"; return 1; }
        sleep 0.2
    done
}

teardown_file() {
    build/bulkhead shutdown --force || true
    until [ -e "$STATUS" ]; do sleep 0.1; done
}

bulkhead() {
    timeout "$MACHINE_LIMIT" build/bulkhead "$@" --timeout "$MACHINE_LIMIT"
}

# at_console NAME COMMAND TEXT: types the command until that VM answers with the text, and leaves. What is shown first is what
# the console has kept, a prompt of before a reset as well; so a prompt says nothing.
at_console() {
    WANTED=$3 COMMAND=$2 timeout "$MACHINE_LIMIT" expect -c "
        set timeout 10
        spawn -noecho build/bulkhead console $1 --timeout $MACHINE_LIMIT
        expect {; Ctrl-\\] \\? for help}
        while 1 {
            send \"\$env(COMMAND)\r\"
            expect -ex \$env(WANTED) { break } timeout {} eof { exit 1 }
        }
        send \"\x1dq\"
        set timeout -1
        expect eof"
}

# state VM
state() {
    bulkhead ps | awk -v vm="$1" '/^SERVER/ { exit } $1 == vm { print $2 }'
}

@test "the boot's progress is shown until all VMs run" {
    cat "$OUTPUT"
    grep -q '^Bulkhead .*loaded by' "$OUTPUT"
    grep -q '^two-vms: alpha running, beta running' "$OUTPUT"
}

@test "each VM has a console, to which a user attaches by its name" {
    at_console alpha 'echo alpha-$((6*7))' alpha-42
    at_console beta 'echo beta-$((6*7))' beta-42
    run bulkhead console gamma </dev/null
    [ "$status" -eq 1 ] && [[ $output == *"VMs are: alpha, beta; or log"* ]]
}

@test "ps tells of VMs and of the servers that each has" {
    [ "$(state alpha)" = running ]
    [ "$(state beta)" = running ]
    run bulkhead ps
    echo "$output"
    [[ $output =~ vmm.alpha\ +vmm\ +alpha\ +running\ +0 ]]
    [[ $output =~ disk.beta.root\ +disk\ +beta\ +running\ +0 ]]
    [[ $output =~ memory\ +memory\ +-\ +running ]]
}

@test "a disk is a VM's own, though both began with the same image" {
    at_console alpha 'echo mine >/mnt/note; sync; cat /mnt/note; echo wrote-$((6*7))' wrote-42
    at_console beta 'ls /mnt/note; echo looked-$((6*7))' 'No such file'
    run bulkhead stats alpha
    echo "$output"
    [[ $output =~ disk.alpha.root\ +writes\ +[1-9] ]]
    [[ $output =~ alpha\ +port\ +0x[0-9a-f]+\ +0x[0-9a-f]+\ +doorbells\ +disk.alpha.root\ +[1-9] ]]
    [[ $output =~ alpha\ +memory\ +0x[0-9a-f]+\ +0x[0-9a-f]+\ +reads\ +disk.alpha.root\ +[1-9] ]]
    [[ $output =~ alpha\ +port\ +0x3f8\ +0x3ff\ +writes\ +console.alpha\ +[1-9] ]]
    [[ $output != *beta* ]]
}

@test "disk lists them, and log tells what the system and the consoles have printed" {
    run bulkhead disk
    echo "$output"
    [[ $output =~ alpha\ +root\ +disk.alpha.root\ +ram\ +32\ MiB\ +[1-9][0-9]*\ +0 ]]
    run bulkhead log
    echo "$output"
    [[ $output == *"[init] vm_overhead_kib alpha: "*"[vmm.alpha] alpha: power on"* ]]
    run bulkhead log alpha
    [[ $output == *alpha-42* ]] && [[ $output != *beta-42* ]]
}

@test "every server of a VM is killed, and its user notices nothing" {
    bulkhead kill vmm.alpha console.alpha disk.alpha.root memory terminal uart
    at_console alpha 'echo 3 >/proc/sys/vm/drop_caches; cat /mnt/note; echo still-$((6*7))' still-42
    run bulkhead crashes
    echo "$output"
    [[ $output == *"vmm.alpha died: killed by command"*"uart died: killed by command"* ]]
    run bulkhead ps
    [[ $output =~ disk.alpha.root\ +disk\ +alpha\ +running\ +[1-9] ]]
    run bulkhead kill nobody
    [ "$status" -eq 1 ] && [ "$output" = "two-vms: there is no server nobody" ]
}

@test "a paused VM stays where it is, and goes on" {
    bulkhead vm pause beta
    [ "$(state beta)" = paused ]
    [ "$(state alpha)" = running ]
    run bulkhead vm pause beta
    [ "$status" -eq 1 ]
    bulkhead vm resume beta
    [ "$(state beta)" = running ]
    at_console beta 'echo again-$((6*7))' again-42
}

@test "a VM is stopped by its power button and started again, while the other runs" {
    bulkhead vm stop beta
    [ "$(state beta)" = off ]
    at_console alpha 'echo alone-$((6*7))' alone-42
    bulkhead vm start beta
    [ "$(state beta)" = running ]
    at_console beta 'echo second-$((6*7))' second-42
}

@test "a reset brings a VM up anew" {
    bulkhead vm reset beta
    at_console beta 'echo third-$((6*7))' third-42
}

@test "a VM is added while the others run, used, and destroyed" {
    { echo "name: more"; sed -n "s#\.\./build#$PWD/build#; s/beta/gamma/; /^vms:/ p; /name: gamma/,\$ p" config/two-vms.yaml; } \
        >"$BATS_TEST_TMPDIR/more.yaml"
    bulkhead vm create "$BATS_TEST_TMPDIR/more.yaml" gamma
    [ "$(state gamma)" = created ]
    bulkhead vm start gamma
    at_console gamma 'echo gamma-$((6*7))' gamma-42
    run bulkhead vm destroy gamma
    [ "$status" -eq 1 ]
    bulkhead vm stop --force gamma
    bulkhead vm destroy gamma
    [ -z "$(state gamma)" ]
    run bulkhead vm start gamma
    [ "$status" -eq 1 ]
}

@test "shutdown ends VMs and machine, and both commands end well" {
    bulkhead shutdown
    until [ -e "$STATUS" ]; do sleep 0.1; done
    cat "$OUTPUT"
    [ "$(<"$STATUS")" -eq 0 ]
    run bulkhead ps
    [ "$status" -eq 3 ]
}

# starting_machine: one that has been started, and need not come far; its process is in PID
starting_machine() {
    rm -f "$BULKHEAD_RUNS/one-vm/line" # a killed one's
    build/bulkhead run one-vm --headless </dev/null >/dev/null 2>&1 3>&- 4>&- &
    PID=$!
    until [ -S "$BULKHEAD_RUNS/one-vm/line" ]; do sleep 0.1; done
}

@test "two machines of one name are refused, and a signal stops a machine: status 5" {
    starting_machine
    run build/bulkhead run one-vm --headless
    [ "$status" -eq 1 ]
    [[ $output == "bulkhead: one-vm runs already; --run NAME "* ]]
    kill "$PID"
    wait "$PID" || status=$?
    [ "$status" -eq 5 ]
    [ ! -e "$BULKHEAD_RUNS/one-vm/control" ]
}

@test "no emulator outlives a command that is killed, and the next one starts over" {
    starting_machine
    kill -KILL "$PID"
    flock "$BULKHEAD_RUNS/one-vm/lock" true
    run build/bulkhead ps --run one-vm
    [ "$status" -eq 3 ]
    starting_machine
    kill "$PID"
    wait "$PID" || [ $? -eq 5 ]
}
