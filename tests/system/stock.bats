#!/usr/bin/env bats
# Pages are zeroed ahead when nobody wants the processor, and only then: tests/kernels/stock.c measures
# SPDX-License-Identifier: MIT
#
# In instructions, on the machine of the bench; what depends on no stock is compared with a run that has none.

load ../lib/machine

# measure NAME EDIT: figures of a run whose manifest was edited, into the file NAME
measure() {
    local folder=$BATS_FILE_TMPDIR/$1
    mkdir -p "$folder/guest"
    printf '%s\n' 'name: stock' 'vms:' \
        "  - {name: alpha, memory: 64M, kernel: $MACHINE_ROOT/build/kernels/stock}" >"$folder/stock.yaml"
    build/bulkhead manifest "$folder/stock.yaml" | sed "$2" >"$folder/stock.json"
    cp build/kernels/stock "$folder/$(sed -n 's/.*"file": "\([^"]*\)".*/\1/p' "$folder/stock.json")"
    build/bulkhead archive "$folder/stock.json" "$folder/stock.cpio"
    machine_start bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$folder/stock.cpio"
    [ "$(machine_exit_status)" -eq 0 ]
    machine_output | sed -n 's/^\(compute\|touch\) /\1 0x/p' >"$BATS_FILE_TMPDIR/figures.$1"
    machine_stop
}

setup_file() {
    measure with ''
    measure without '/"memory.config"/s/"text": {/&"stock": 0/'
}

teardown_file() {
    machine_stop
}

# figure RUN NAME NUMBER: the so-manieth of that name
figure() {
    printf '%d\n' "$(sed -n "s/^$2 //p" "$BATS_FILE_TMPDIR/figures.$1" | sed -n "$3p")"
}

@test "a guest that computes is as fast with an empty stock as with none" {
    local n
    for n in 1 2; do # the second time part of the stock is missing again
        echo "$(figure with compute $n) instead of $(figure without compute $n) instructions"
        [ $(($(figure with compute $n) - $(figure without compute $n))) -lt 1000 ]
    done
}

@test "after a rest a 2 MiB page is there at once" {
    local zeroing=$((2 * 1024 * 1024 / 32)) # at 32 bytes an instruction
    [ "$(figure with touch 1)" -gt $zeroing ]
    [ "$(figure with touch 3)" -lt 10000 ]
    [ "$(figure with touch 4)" -lt 10000 ]
    [ "$(figure without touch 3)" -gt $zeroing ]
}
