#!/usr/bin/env bats
# The driver of ATA disks: killed again and again under load, bad sectors, beside drives that are no disks
# SPDX-License-Identifier: MIT
#
# tests/programs/blocks is the client: every word that it writes says which block and which version of it this is, and its
# failures are the status of the run.

load ../lib/machine

setup() {
    disk=$BATS_TEST_TMPDIR/disk
    truncate -s 16M "$disk"
    printf 'label: gpt\nname=test, size=8MiB\n' | /usr/sbin/sfdisk --quiet "$disk"
}

# boot DO REQUESTS KIND EVERY COUNT MACHINE-ARGUMENT...: the client does that, while its driver dies.
boot() {
    local file=$BATS_TEST_TMPDIR/blocks
    sed "s/\"do\": \"work\", \"requests\": 0/\"do\": \"$1\", \"requests\": $2/
        s/\"kind\": \"kill\", \"every_us\": 1, \"count\": 1/$(machine_disk_fault "$3" "$4" "$5")/" \
        tests/manifests/blocks-ata.json >"$file.json"
    build/bulkhead archive "$file.json" "$file.cpio"
    machine_start "${@:6}" -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$file.cpio"
}

# ide FILE: QEMU's argument for the slave of the first channel.
ide() {
    echo "if=ide,index=1,format=raw,file=$1"
}

teardown() {
    machine_stop
}

# bats test_tags=qemu, restarts
@test "sixty kills with sixteen requests under way lose nothing, and the disk keeps it" {
    local requests
    requests=$(machine_share 10000)
    boot work "$requests" kill 20000 60 test -drive "$(ide "$disk")" -drive if=ide,index=0,media=cdrom
    machine_expect '^\[drivers/ata\] ata0 master: an ATAPI device, not used$'
    machine_expect '^\[drivers/ata\] ata0 slave: QEMU HARDDISK, 32768 sectors \(LBA48\), 16 at once, write cache$'
    machine_expect '^\[blocks\] 16384 sectors, flags 2, presence 1$'
    machine_expect "^\[blocks\] $requests requests, then all 1024 blocks: 0 failures\$"
    [ "$(machine_exit_status)" -eq 0 ]
    machine_killed 60 ata
    # The next run finds it.
    boot check 0 kill 50000 3 test -drive "$(ide "$disk")"
    machine_expect '^\[blocks\] [0-9]+ blocks of 1024 were written: 0 failures$'
    [ "$(machine_exit_status)" -eq 0 ]
}

# bats test_tags=qemu, restarts
@test "a bad sector is an error of its block alone; what a client may not ask for is refused" {
    printf '[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "%d"\n' $((2048 + 16 + 3)) >"$BATS_TEST_TMPDIR/bad"
    boot errors 0 kill 60000000 1 test -drive "$(ide "blkdebug:$BATS_TEST_TMPDIR/bad:$disk")"
    machine_expect '^\[drivers/ata\] error: ata0 slave: command c4 at sector 2064: status [0-9a-f]+, error [0-9a-f]+'
    machine_expect "^\[drivers/ata\] error: ata0 slave: read of 8192 bytes at sector 2064, sector 16 of 'test', failed"
    machine_expect '^\[blocks\] bad sector: 1, its neighbour: 0$'
    machine_expect '^\[blocks\] beyond the end: 2, of no op: 3$'
    machine_expect "^\[blocks\] write: 0, errors in all: [1${RESTART_EVERY:+-9}]\$" # what runs twice may count twice
    [ "$(machine_exit_status)" -eq 0 ]
}

# bats test_tags=qemu, restarts
@test "a disk that is shorter than its table says has no partitions, and the log says why" {
    truncate -s 8M "$disk"
    boot absent 0 kill 60000000 1 test -drive "$(ide "$disk")"
    machine_expect '^\[drivers/ata\] error: ata0 slave: the partition table \(usable sectors 2048 to [0-9]+ of 16384\) and its copy \(no header in sector 16383\) are damaged$'
    machine_expect "^\[drivers/ata\] error: there is no partition 'test'$"
    machine_expect '^\[blocks\] 0 sectors, flags 0, presence 2$'
    machine_expect '^\[blocks\] a request where nothing is: 1$'
    [ "$(machine_exit_status)" -eq 0 ]
}

# bats test_tags=bochs, brief
@test "Bochs: kills lose nothing, and the disk keeps it" {
    boot work 300 kill 50000 8 --machine bochs --disk "$disk" test
    machine_expect '^\[drivers/ata\] ata0 master: an ATAPI device, not used$'
    machine_expect '^\[drivers/ata\] ata0 slave: .*, 32768 sectors'
    machine_expect '^\[init\] faults: ata was killed 8 times of 8, and started 9 times$'
    machine_expect '^\[blocks\] 300 requests, then all 1024 blocks: 0 failures$'
    [ "$(machine_exit_status)" -eq 0 ]
    boot check 0 kill 50000 1 --machine bochs --disk "$disk" test
    machine_expect '^\[blocks\] [0-9]+ blocks of 1024 were written: 0 failures$'
    [ "$(machine_exit_status)" -eq 0 ]
}
