#!/usr/bin/env bash
# The functions by which a scenario drives a machine: `load ../lib/machine`
# SPDX-License-Identifier: MIT
#
# A machine is a folder, $MACHINE_DIR: `output` is all that its console printed, `input` a FIFO to its keyboard, `seen` how
# many bytes of the output were matched, `errors` what QEMU and our scripts said, `status` how the run ended; `lock` is held
# by every process of the machine until the last is gone. So a machine started in setup_file serves all tests of the file.
# It never outlives bats: it is one process group, and each of its processes is killed when its parent dies.

MACHINE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# A machine that does not print what is expected for so many seconds is given up; nothing else here depends on time.
: "${MACHINE_LIMIT:=900}"

# machine_start [--bare] [--smp N] [--memory MIB] run|test|bench QEMU-ARGUMENT...
# Starts the machine of scripts/machine. An earlier one is stopped. Not to be called by `run`: that is a parent that dies.
machine_start() {
    local lock input i
    # Where servers die all the time it is exact time: on a busy host their starts could take longer than a guest's tick. But a
    # disk of the host's takes the host's time, so idle time is not skipped there.
    for ((i = 1; i <= $#; i++)); do
        [ -n "${RESTART_EVERY:-}" ] && [ "${!i}" = test ] || continue
        set -- "${@:1:i-1}" bench "${@:i+1}"
        [[ " $*" != *' --disk '* && $* != *' -drive '* || "--machine ${MACHINE:-} $*" == *'--machine bochs '* ]] ||
            set -- "$@" -icount sleep=on
    done
    machine_stop
    MACHINE_DIR=$(mktemp -d "${BATS_TEST_TMPDIR:-${BATS_FILE_TMPDIR:?outside of bats}}/machine.XXXXXX")
    export MACHINE_DIR
    mkfifo "$MACHINE_DIR/input"
    : >"$MACHINE_DIR/output"
    echo 0 >"$MACHINE_DIR/seen"
    exec {lock}>"$MACHINE_DIR/lock"
    flock "$lock"
    exec {input}<>"$MACHINE_DIR/input" # for reading and writing: it never ends, and holds what is typed from now on
    # shellcheck disable=SC2016 # expanded by the inner shell
    setsid setpriv --pdeathsig KILL bash -c '
        setpriv --pdeathsig KILL "$@" >"$MACHINE_DIR/output" 2>"$MACHINE_DIR/errors"
        echo $? >"$MACHINE_DIR/status"
    ' machine "$MACHINE_ROOT/scripts/machine" "$@" <&"$input" 3>&- 4>&- & # bats waits for whoever holds its 3 and 4
    echo $! >"$MACHINE_DIR/group"
    disown
    exec {lock}>&- {input}>&-
}

# machine_archive [OPTION...] CONFIGURATION OUT.cpio: its boot archive. With RESTART_EVERY=N every server of every VM dies after
# each N requests.
machine_archive() {
    "$MACHINE_ROOT/build/bulkhead" archive ${RESTART_EVERY:+--restart-every "$RESTART_EVERY"} "$@"
}

# machine_disk_fault KIND EVERY_US COUNT: of a fault in a manifest all but the server, the driver of the host's disk. With
# RESTART_EVERY=N it is killed after each N requests instead of at times; they are counted by waits, and its start has five
# more, as it reads the partition table in six pieces. A fault of the kind `fail` stays.
machine_disk_fault() {
    if [ -n "${RESTART_EVERY:-}" ] && [ "$1" = kill ]; then
        echo "\"kind\": \"kill\", \"requests\": $((RESTART_EVERY + 5)), \"count\": 1000000"
    else
        echo "\"kind\": \"$1\", \"every_us\": $2, \"count\": $3"
    fi
}

# machine_share COUNT: so much of a tedious work as makes the same number of restarts with RESTART_EVERY=1 as with 7.
machine_share() {
    local n=${RESTART_EVERY:-7}
    echo $(($1 * (n < 7 ? n : 7) / 7))
}

# machine_killed LEAST SERVER...: the configuration's faults have killed each of them so often. For when the run has ended.
machine_killed() {
    local server times
    for server in "${@:2}"; do
        times=$(machine_output | sed -n "s/^\\[init\\] faults: $server was killed \\([0-9]*\\) times of .*/\\1/p" | sort -n | tail -n 1)
        [ "${times:-0}" -ge "$1" ] || { echo "$server was killed ${times:-0} times, expected at least $1"; return 1; }
    done
}

# machine_boot CONFIG [QEMU-ARGUMENT...]: starts our system with the boot archive of that configuration.
machine_boot() {
    local archive=$MACHINE_ROOT/build/$1.cpio
    if [ -n "${RESTART_EVERY:-}" ]; then
        archive=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/$1.cpio
        machine_archive "$MACHINE_ROOT/config/$1.yaml" "$archive"
    fi
    machine_start test -kernel "$MACHINE_ROOT/build/bulkhead.elf" -append 'exit-port exit-on-panic' \
        -initrd "$archive" "${@:2}"
}

# machine_expect REGEX: waits until the output after the last match matches this Perl expression; the match and its groups
# are then in the array MACHINE_MATCH. Fails with the end of the output when the run ends before.
machine_expect() {
    if ! "$MACHINE_ROOT/tests/lib/await" "$MACHINE_DIR" "$1" "$MACHINE_LIMIT" >"$MACHINE_DIR/match"; then
        echo "expected: $1"
        machine_explain
        return 1
    fi
    # shellcheck disable=SC2034 # for the caller
    mapfile -d '' -t MACHINE_MATCH <"$MACHINE_DIR/match"
}

# machine_guest COMMANDS: in the shell of a guest whose console is the terminal's; what they print is $output, their status is
# returned. The log's lines come in between.
machine_guest() {
    machine_type "echo begin-\$((6*7)); $1; echo end-\$?-\$((6*7))"
    machine_expect '(?s)^begin-42\n(.*)^end-(\d+)-42$'
    output=$(grep -v '^\[[a-z]' <<<"${MACHINE_MATCH[1]%$'\n'}" || true)
    echo "$output"
    return "${MACHINE_MATCH[2]}"
}

# machine_keys BYTES: types exactly these; what the machine does not read yet waits in the FIFO and then here.
machine_keys() {
    [ ! -e "$MACHINE_DIR/status" ] || { echo "typing at a machine that has ended"; return 1; }
    printf '%s' "$1" | timeout "$MACHINE_LIMIT" cat 1<>"$MACHINE_DIR/input"
}

# machine_type TEXT: types a line, that is TEXT and the Enter key.
machine_type() {
    machine_keys "$1"$'\r'
}

# control_open SOCKET: becomes the client of the machine's second serial line, which machine_start --control SOCKET gave it, and
# begins the session. Its folder is $MACHINE_DIR/control.
control_open() {
    local input directory=$MACHINE_DIR/control
    mkdir "$directory"
    mkfifo "$directory/input"
    : >"$directory/output"
    echo 0 >"$directory/seen"
    echo 0 >"$directory/commands"
    ln -s ../lock "$directory/lock"
    until [ -S "$1" ] || [ -e "$MACHINE_DIR/status" ]; do sleep 0.1; done
    exec {input}<>"$directory/input"
    socat - "UNIX-CONNECT:$1" <&"$input" >"$directory/output" 2>>"$MACHINE_DIR/errors" 3>&- 4>&- & # it ends with the socket
    disown
    exec {input}>&-
    control_say ''
    control_say '{"execute": "greeting"}'
    control_expect '^\{"Bulkhead": .*\}$'
    control '^\{\}$' capabilities
}

# control_say LINE: sends a line as it is.
control_say() {
    printf '%s\n' "$1" | timeout "$MACHINE_LIMIT" cat 1<>"$MACHINE_DIR/control/input"
}

# control_expect REGEX: as machine_expect, of what is said on the second line.
control_expect() {
    if ! "$MACHINE_ROOT/tests/lib/await" "$MACHINE_DIR/control" "$1" "$MACHINE_LIMIT" >"$MACHINE_DIR/match"; then
        echo "expected: $1"
        tail -n 20 "$MACHINE_DIR/control/output"
        machine_explain
        return 1
    fi
    # shellcheck disable=SC2034 # for the caller
    mapfile -d '' -t MACHINE_MATCH <"$MACHINE_DIR/match"
}

# control REGEX COMMAND [ARGUMENTS]: executes a command; what it returns, or its error's class, is to match. Events that come
# before the answer are passed over, and seen by no later control_expect.
control() {
    local id=$(($(<"$MACHINE_DIR/control/commands") + 1))
    echo "$id" >"$MACHINE_DIR/control/commands"
    control_say "{\"execute\": \"$2\", \"arguments\": ${3:-{\}}, \"id\": $id}"
    control_expect "^\\{\"(?:return\": |error\": \\{\"class\": \")(.*?)(?:\", \"desc\": \"(.*)\"\\})?, \"id\": $id\\}\$"
    [[ ${MACHINE_MATCH[1]} =~ $1 ]] || { echo "$2 ${3:-}: ${MACHINE_MATCH[0]}, expected $1"; return 1; }
}

# machine_output: all that the console has printed, without carriage returns.
machine_output() {
    tr -d '\r' <"$MACHINE_DIR/output"
}

# machine_exit_status: waits for the end of the run and prints the status of scripts/machine.
machine_exit_status() {
    flock --shared --timeout "$MACHINE_LIMIT" "$MACHINE_DIR/lock" cat "$MACHINE_DIR/status"
}

# machine_explain: what a failed test shows.
machine_explain() {
    echo "--- the end of the machine's output ($MACHINE_DIR/output):"
    machine_output | tail -n 40
    echo "--- its errors:"
    cat "$MACHINE_DIR/errors"
}

# machine_stop: ends it like a power cut, and returns when it is gone. For teardown; does nothing without a machine.
machine_stop() {
    [ -n "${MACHINE_DIR:-}" ] || return 0
    kill -KILL -- "-$(<"$MACHINE_DIR/group")" 2>/dev/null || true
    flock --shared "$MACHINE_DIR/lock" true
    unset MACHINE_DIR
}
