#!/usr/bin/env bats
# The driver of the host's virtio disk: killed again and again under load, bad sectors, no disk at all
# SPDX-License-Identifier: MIT
#
# tests/programs/blocks is the client: every word that it writes says which block and which version of it this is, and its
# failures are the status of the run. Bochs has no such disk.
#
# bats file_tags=qemu, restarts

load ../lib/machine

setup() {
    disk=$BATS_TEST_TMPDIR/disk
    truncate -s 16M "$disk"
    printf 'label: gpt\nname=test, size=8MiB\n' | /usr/sbin/sfdisk --quiet "$disk"
}

# boot DISK DO REQUESTS KIND EVERY COUNT: the client does that, while its driver dies. DISK: of QEMU's -drive; or none.
boot() {
    local file=$BATS_TEST_TMPDIR/blocks device=()
    [ "$1" = none ] || device=(-drive "if=none,id=d0,format=raw,$1" -device 'virtio-blk-pci,drive=d0,disable-legacy=on')
    sed "s/\"do\": \"work\", \"requests\": 0/\"do\": \"$2\", \"requests\": $3/
        s/\"kind\": \"kill\", \"every_us\": 1, \"count\": 1/$(machine_disk_fault "$4" "$5" "$6")/
        ${edit:-}" \
        tests/manifests/blocks.json >"$file.json"
    build/bulkhead archive "$file.json" "$file.cpio"
    machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$file.cpio" "${device[@]}"
}

teardown() {
    machine_stop
}

@test "three hundred kills with sixteen requests under way lose nothing, and the disk keeps it" {
    local requests
    requests=$(machine_share 100000)
    boot "file=$disk" work "$requests" kill 8000 300
    machine_expect '^\[blocks\] 16384 sectors, flags 2, presence 1$'
    machine_expect "^\[blocks\] $requests requests, then all 1024 blocks: 0 failures\$"
    [ "$(machine_exit_status)" -eq 0 ]
    machine_killed 300 virtio-blk
    # The next run finds it.
    boot "file=$disk" check 0 kill 50000 3
    machine_expect '^\[blocks\] [0-9]+ blocks of 1024 were written: 0 failures$'
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "a bad sector is an error of its block alone; what a client may not ask for is refused" {
    printf '[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "%d"\n' $((2048 + 16 + 3)) >"$BATS_TEST_TMPDIR/bad"
    boot "file=blkdebug:$BATS_TEST_TMPDIR/bad:$disk" errors 0 kill 60000000 1
    machine_expect '^\[drivers/virtio-blk\] error: the disk answers with status 1 '
    machine_expect "^\[drivers/virtio-blk\] error: virtio-blk: read of 8192 bytes at sector 2064, sector 16 of 'test', failed"
    machine_expect '^\[blocks\] bad sector: 1, its neighbour: 0$'
    machine_expect '^\[blocks\] beyond the end: 2, of no op: 3$'
    machine_expect "^\[blocks\] write: 0, errors in all: [1${RESTART_EVERY:+-9}]\$" # what runs twice may count twice
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "a disk that is read-only refuses writes" {
    boot "file=$disk,readonly=on" errors 0 kill 60000000 1
    machine_expect '^\[blocks\] 16384 sectors, flags [13], presence 1$'
    machine_expect '^\[blocks\] bad sector: 0, its neighbour: 0$'
    machine_expect '^\[blocks\] write: 3, errors in all: 0$'
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "without a disk the machine goes on, and who wants to use it gets errors" {
    boot none absent 0 kill 60000000 1
    machine_expect '^\[init\] warning: virtio-blk is not started, as this machine lacks its device; its callers get errors$'
    machine_expect '^\[blocks\] 0 sectors, flags 0, presence 2$'
    machine_expect '^\[blocks\] a request where nothing is: 1$'
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "a machine that lacks what it needs is refused, and so is a BAR without an address" {
    edit='s/, "optional": true//'
    boot none work 0 kill 60000000 1
    machine_expect '^\[init\] error: object virtio-blk.device: this machine has no PCI function 1af4:1042 number 0$'
    [ "$(machine_exit_status)" -eq 3 ]
    edit='s/"bar": 4/"bar": 5/'
    boot "file=$disk" work 0 kill 60000000 1
    machine_expect '^\[init\] error: object virtio-blk.registers: BAR 5 was given no address by the firmware$'
    [ "$(machine_exit_status)" -eq 3 ]
}

@test "a disk without partitions is none, and the log says why" {
    truncate -s 0 "$disk"
    truncate -s 16M "$disk"
    boot "file=$disk" absent 0 kill 60000000 1
    machine_expect "^\[drivers/virtio-blk\] error: there is no partition 'test'$"
    machine_expect '^\[blocks\] 0 sectors, flags 0, presence 2$'
    machine_expect '^\[blocks\] a request where nothing is: 1$'
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "when the driver has failed for good its clients get errors" {
    boot "file=$disk" fails 100000000 fail 300000 6
    machine_expect '^\[init\] error: virtio-blk has failed for good, after 6 deaths in a row without a completed request; its callers get errors$'
    machine_expect '^\[blocks\] the disk has failed: [0-9]+ requests with errors, 0 failures$'
    [ "$(machine_exit_status)" -eq 0 ]
}

@test "a VM is destroyed with its disk, and the driver goes on for the other, also when it starts anew" {
    local file=$BATS_TEST_TMPDIR/two socket name
    socket=$(mktemp -u /tmp/virtio-blk.XXXXXX)
    printf 'name: two\nvms:\n' >"$file.yaml"
    for name in alpha beta; do
        echo "  - {name: $name, memory: 64M, kernel: $PWD/build/kernels/hostile, cmdline: work, disks: [{name: ram, size: 64K, store: partition}]}"
    done >>"$file.yaml"
    build/bulkhead disk-image "$file.yaml" "$file.disk"
    build/bulkhead archive "$file.yaml" "$file.cpio"
    machine_start --control "$socket" --disk "$file.disk" test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' \
        -initrd "$file.cpio"
    control_open "$socket"
    rm -f "$socket"
    machine_expect '^\[alpha\] working$'
    control '^\{\}$' vm-stop '{"name": "alpha", "force": true}'
    control '^\{\}$' vm-destroy '{"name": "alpha"}'
    control_expect '^\{"event": "VM_DESTROYED"'
    for _ in 1 2 3 4 5; do
        control '^\{\}$' kill '{"server": "virtio-blk"}'
        control_expect '^\{"event": "SERVER_RESTARTED", "data": \{"name": "virtio-blk"'
    done
    machine_keys $'\x1da beta\rq'
    machine_expect '^rounds, all good: ([0-9a-f]{16})$'
    [ $((16#${MACHINE_MATCH[1]})) -ge 10 ]
    [ "$(machine_exit_status)" -eq 0 ]
    [ "$(machine_output | grep -c '^\[init\].* virtio-blk died: ')" -eq 5 ]
}
