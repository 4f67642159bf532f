#!/usr/bin/env bats
# Debian uses disks in memory while their servers and the VM's monitor die hundreds of times: tests/configs/disks.yaml
# SPDX-License-Identifier: MIT
#
# bats file_tags=restarts

load ../lib/machine

setup_file() {
    machine_archive tests/configs/disks.yaml "$BATS_FILE_TMPDIR/disks.cpio"
    machine_start test -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$BATS_FILE_TMPDIR/disks.cpio"
    machine_expect '^bulkhead guest: ready, tsc=\d+$'
    machine_expect '^guest# '
}

teardown_file() {
    machine_stop
}

image=build/guest/initramfs.cpio

@test "the guest sees what the configuration says" {
    local blocks
    blocks=$((($(stat -c %s "$image") + 4095) / 4096))
    machine_guest 'for d in vda vdb vdc; do echo $(cat /sys/block/$d/size) $(cat /sys/block/$d/serial) $(cat /sys/block/$d/ro); done'
    [ "$output" = "$(printf '%s\n' '98304 of-alpha 0' '16384 over 0' "$((blocks * 8)) image 1")" ]
    machine_guest 'cat /sys/block/vda/queue/write_cache /sys/block/vda/queue/physical_block_size'
    [ "$output" = "$(printf '%s\n' 'write back' 4096)" ]
}

@test "an image is what the file is, and cannot be written" {
    local bytes
    bytes=$(stat -c %s "$image")
    machine_guest "head -c $bytes /dev/vdc | md5sum"
    [ "${output%% *}" = "$(md5sum <"$image" | cut -d ' ' -f 1)" ]
    run machine_guest 'echo x >/dev/vdc'
    [ "$status" -ne 0 ]
}

@test "a file system is made, filled, taken apart and put together again" {
    machine_guest 'mke2fs /dev/vda >/dev/null && mkdir -p /mnt && mount -t ext4 /dev/vda /mnt'
    machine_guest 'cp -a /bin /lib /mnt && (cd / && find bin lib -type f -exec md5sum {} + >/mnt/sums) && sync && umount /mnt'
    machine_guest 'e2fsck -fn /dev/vda >/dev/null 2>&1'
    machine_guest 'mount -t ext4 /dev/vda /mnt && (cd /mnt && md5sum -c sums >/tmp/checked); umount /mnt; grep -c OK$ /tmp/checked; grep -vc OK$ /tmp/checked; true'
    [ "${output%$'\n'*}" -gt 10 ]
    [ "${output#*$'\n'}" = 0 ]
}

@test "blocks are where they were written, on two queues at once" {
    local blocks
    blocks=$(machine_share 4000)
    machine_guest "blk stamp /dev/vda $blocks 1 >/dev/null && blk verify /dev/vda $blocks 1"
    [[ $output == *' 0 wrong'* ]]
}

@test "over a base, what is written is new and the rest is as it was" {
    machine_guest 'head -c 300000 /dev/vdc | tail -c 100000 >/tmp/a; dd if=/tmp/a of=/dev/vdb bs=1000 seek=50 conv=notrunc 2>/dev/null; sync'
    machine_guest 'echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vdb bs=1000 skip=50 count=100 2>/dev/null | cmp - /tmp/a'
    machine_guest '(head -c 50000 /dev/vdc; cat /tmp/a; head -c 400000 /dev/vdc | tail -c +150001) | md5sum; head -c 400000 /dev/vdb | md5sum'
    [ "$(grep -c '^[0-9a-f]\{32\}  -$' <<<"$output")" -eq 2 ]
    [ "$(sort -u <<<"$output" | wc -l)" -eq 1 ]
}

@test "a full overlay is an I/O error in the guest and a line in the log, and what was written stays" {
    run machine_guest 'dd if=/dev/zero of=/dev/vdb bs=64k seek=64 count=32 oflag=direct 2>&1'
    [ "$status" -ne 0 ]
    [[ $output == *'I/O error'* ]]
    local tries
    for tries in $(seq 1 20); do # a line of the log may wait for the guest's own
        ! machine_output | grep -q '^\[disk.alpha.over\] error: 1024 KiB of space are full' || break
        machine_guest 'sleep 1'
    done
    [ "$tries" -lt 20 ]
    machine_guest 'echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vdb bs=1000 skip=50 count=100 2>/dev/null | cmp - /tmp/a'
}

@test "all died as often as they should, and of nothing else" {
    local round
    for round in $(seq 1 1000); do
        [ "$(machine_output | grep -c 'faults: .* was killed \([0-9]*\) times of \1')" -lt 3 ] || break
        machine_guest "blk stamp /dev/vda 500 $round >/dev/null && blk verify /dev/vda 500 $round"
        [[ $output == *' 0 wrong'* ]]
    done
    [ "$(machine_output | grep -c 'faults: .* was killed \([0-9]*\) times of \1')" -eq 3 ]
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
    [ "$(machine_output | grep -c "the guest's driver is at fault")" -eq 0 ]
}

@test "poweroff ends the run with status 0" {
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}

# Not behind requests: a server raises its line at each start, and the guest's look at the cause is a request.
@test "the same by the interrupt line, for a guest without MSI" {
    sed "s|cmdline: .*|& pci=nomsi|; s|\.\./\.\./build|$PWD/build|" tests/configs/disks.yaml >"$BATS_FILE_TMPDIR/line.yaml"
    build/bulkhead archive "$BATS_FILE_TMPDIR/line.yaml" "$BATS_FILE_TMPDIR/line.cpio"
    machine_start bench -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' -initrd "$BATS_FILE_TMPDIR/line.cpio"
    machine_expect '^guest# '
    local blocks
    blocks=$(machine_share 800)
    machine_guest "blk stamp /dev/vda $blocks 3 >/dev/null && blk verify /dev/vda $blocks 3"
    [[ $output == *' 0 wrong'* ]]
    machine_guest 'grep -c "IO-APIC.*virtio" /proc/interrupts'
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
    [ "$(machine_output | grep -c ' died: ')" -eq 0 ]
}
