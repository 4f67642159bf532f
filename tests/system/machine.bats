#!/usr/bin/env bats
# What scripts/machine promises about input, keys, exit statuses and its own end, on a system that echoes
# SPDX-License-Identifier: MIT

load ../lib/machine

setup_file() {
    export ECHO=$BATS_FILE_TMPDIR/echo.elf
    gcc -m32 -nostdlib -static -no-pie -Wl,--build-id=none,-Ttext=0x100000 -o "$ECHO" tests/lib/echo.S
}

teardown() {
    machine_stop
}

# at_terminal KEYS: types them, in Tcl's notation, after the '>'; prints what the machine printed, its status and its terminal.
at_terminal() {
    expect -c "
        set timeout $MACHINE_LIMIT
        spawn -noecho bash -c {stty cols 200; scripts/machine test -kernel $ECHO; echo status \$?; stty -a}
        expect > { send \"$1\" }
        expect eof"
}

@test "input from a file waits until it is read" {
    { seq 5000; echo q; } >"$BATS_TEST_TMPDIR/typed"
    scripts/machine test -kernel "$ECHO" <"$BATS_TEST_TMPDIR/typed" >"$BATS_TEST_TMPDIR/printed"
    cmp "$BATS_TEST_TMPDIR/printed" <(printf '>'; seq 5000)
}

@test "the end of input does not end the run" {
    read -r -N 1 first < <(exec scripts/machine test -kernel "$ECHO" </dev/null)
    [ "$first" = '>' ]
    kill $!
}

@test "at a terminal Ctrl-C is the machine's" {
    run at_terminal 'a\x03bq'
    [[ $output == *$'>a\x03b'*"status 0"* ]]
    [[ $output == *" icanon"* ]]
}

@test "at a terminal Ctrl-A X stops the machine" {
    run at_terminal '\x01x'
    [[ $output == *"stopped by hand"*"status 2"* ]]
    [[ $output == *" icanon"* ]]
}

@test "a failure that the system reports is the exit status" {
    machine_start test -kernel "$ECHO"
    machine_keys f
    [ "$(machine_exit_status)" -eq 7 ]
}

@test "a triple fault is not a good end" {
    machine_start test -kernel "$ECHO"
    machine_keys r
    [ "$(machine_exit_status)" -eq 2 ]
}

@test "a machine that cannot start is not a good end" {
    machine_start test -kernel "$BATS_TEST_TMPDIR/missing"
    [ "$(machine_exit_status)" -eq 1 ]
    grep "could not open kernel file" "$MACHINE_DIR/errors"
}

# bats test_tags=qemu
@test "MACHINE=kvm that this host does not have is told in one line, before anything else" {
    run scripts/machine --machine kvm test -kernel "$BATS_TEST_TMPDIR/missing"
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "machine: MACHINE=kvm needs "* && ${#lines[@]} -eq 1 ]] || [[ ${lines[0]} == *"could not open kernel file"* ]]
}

# at_socket SOCKET KEYS: a client types them, and leaves when the last one has come back; prints what it was sent.
at_socket() {
    local text='' key pid
    until [ -S "$1" ]; do sleep 0.1; done
    coproc client { exec socat - "UNIX-CONNECT:$1"; }
    pid=$!
    printf '%s' "$2" >&"${client[1]}"
    while [[ $text != *"$2" ]] && read -r -N 1 -t "$MACHINE_LIMIT" key <&"${client[0]}"; do text+=$key; done
    kill "$pid"
    wait "$pid" || true
    echo "$text"
}

@test "--control is a second serial line, a socket with one client after another" {
    gcc -DLINE=0x2f8 -m32 -nostdlib -static -no-pie -Wl,--build-id=none,-Ttext=0x100000 -o "$ECHO.2" tests/lib/echo.S
    machine_start --control "$BATS_TEST_TMPDIR/control" test -kernel "$ECHO.2"
    [[ $(at_socket "$BATS_TEST_TMPDIR/control" abc) == *abc ]]
    [[ $(at_socket "$BATS_TEST_TMPDIR/control" xyz) == xyz ]]
    printf q | socat -u - "UNIX-CONNECT:$BATS_TEST_TMPDIR/control"
    [ "$(machine_exit_status)" -eq 0 ]
    [ ! -s "$MACHINE_DIR/output" ]
}

@test "--line makes a socket of the first one" {
    machine_start --line "$BATS_TEST_TMPDIR/line" test -kernel "$ECHO"
    [[ $(at_socket "$BATS_TEST_TMPDIR/line" abc) == *abc ]]
    printf f | socat -u - "UNIX-CONNECT:$BATS_TEST_TMPDIR/line"
    [ "$(machine_exit_status)" -eq 7 ]
    [ ! -s "$MACHINE_DIR/output" ]
}

@test "an expectation ends with the run, and shows its output" {
    machine_start test -kernel "$ECHO"
    machine_keys 'abcq'
    run machine_expect 'xyz'
    [ "$status" -eq 1 ]
    [[ $output == *"the run has ended"*">abc"* ]]
}

@test "a machine does not outlive a test that is killed" {
    BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR bash -c '
        source tests/lib/machine.bash
        machine_start test -kernel "$ECHO"
        machine_expect ">"
        kill -KILL $$' || true
    flock "$BATS_TEST_TMPDIR"/machine.*/lock true
}
