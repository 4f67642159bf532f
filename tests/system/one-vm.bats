#!/usr/bin/env bats
# Debian in a VM, as a user meets it: boots, answers, ends
# SPDX-License-Identifier: MIT

load ../lib/machine

setup_file() {
    machine_boot one-vm -rtc base=2031-02-03T04:05:06
    machine_expect '^bulkhead guest: ready, tsc=\d+$'
    machine_expect '^guest# '
}

teardown_file() {
    machine_stop
}

# bats test_tags=brief
@test "a command typed at the prompt is executed" {
    machine_type 'echo hello-$((6*7))'
    machine_expect '^hello-42$'
}

@test "the guest is the unmodified kernel that the package holds" {
    machine_type 'uname -r; echo end-$((6*7))'
    machine_expect '(?s)^(\S+)\nend-42$'
    grep -q "${MACHINE_MATCH[1]}" build/guest/versions
}

@test "it has the memory and the processor that the configuration gives" {
    machine_type 'grep MemTotal /proc/meminfo; nproc; echo end-$((6*7))'
    machine_expect '(?s)^MemTotal: +(\d+) kB\n(\d+)\nend-42$'
    [ "${MACHINE_MATCH[1]}" -gt 200000 ]
    [ "${MACHINE_MATCH[1]}" -lt 262144 ]
    [ "${MACHINE_MATCH[2]}" -eq 1 ]
}

@test "Ctrl-C interrupts a command" {
    # In a process of its own, which takes signals from its start; what is typed before it runs may be the shell's.
    machine_type '(echo began-$((6*7)); cat)'
    machine_expect '^began-42$'
    machine_type two-of-these
    machine_expect '(?s)^two-of-these$.*^two-of-these$' # the echo, and then what cat prints
    machine_keys $'\x03'
    machine_expect '^guest# '
}

@test "nothing that is typed gets lost, however fast" {
    local text
    text=$(seq -f 'line %04.0f of a text that is typed faster than any human could type it' 500)$'\n'
    machine_type 'echo began-$((6*7)); md5sum'
    machine_expect '^began-42$'
    machine_keys "$text"$'\x04'
    machine_expect '^([0-9a-f]{32})  -$'
    [ "${MACHINE_MATCH[1]}" = "$(md5sum <<<"${text%$'\n'}" | cut -d ' ' -f 1)" ]
}

@test "nothing that is printed gets lost" {
    machine_type 'seq 1000001 1002000 | tee /tmp/listing; md5sum </tmp/listing'
    machine_expect '(?s)^(1000001\n.*\n1002000\n)([0-9a-f]{32})  -$'
    [ "$(printf '%s' "${MACHINE_MATCH[1]}" | md5sum | cut -d ' ' -f 1)" = "${MACHINE_MATCH[2]}" ]
}

@test "the guest's clocks agree: RTC, system time, and a sleep" {
    machine_type 'a=$(date +%s); sleep 2; b=$(date +%s); echo slept-$((b-a)); hwclock -u >/dev/null && echo rtc-$((6*7))'
    machine_expect '^slept-[23]$'
    machine_expect '^rtc-42$'
}

@test "they show the date of the host's clock" {
    machine_type 'date -u "+system=%Y-%m-%d %H"; hwclock -u | sed "s/^/rtc=/"'
    machine_expect '^system=2031-02-03 04$'
    machine_expect '^rtc=\w+ Feb +3 04:\d\d:\d\d 2031 '
}

# bats test_tags=brief
@test "the kernel has nothing to complain of" {
    machine_type 'echo began-$((6*7)); dmesg -r | grep "^<[0-4]>" | grep -v "MMCONFIG information"; echo end-$((6*7))'
    machine_expect '(?s)^began-42\n(.*)^end-42$'
    echo "${MACHINE_MATCH[1]}"
    [ -z "${MACHINE_MATCH[1]}" ]
}

# bats test_tags=brief
@test "poweroff ends the run with status 0" {
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "the system tells what the VM cost beyond its memory, at most 2048 KiB" {
    machine_output | grep -o 'vm_overhead_kib alpha: [0-9]*'
    local kib
    kib=$(machine_output | sed -n 's/.*vm_overhead_kib alpha: \([0-9]*\).*/\1/p' | tail -n 1)
    [ "$kib" -le 2048 ]
}
