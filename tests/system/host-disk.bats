#!/usr/bin/env bats
# A guest keeps its data on the host's disk: through kills of all who are in between, to the next run; and bad sectors there
# SPDX-License-Identifier: MIT

load ../lib/machine

setup() {
    disk=$BATS_TEST_TMPDIR/disk
    config=$BATS_TEST_TMPDIR/host-disk.yaml
}

teardown() {
    machine_stop
}

# configure [SERVER...]: a VM with two disks in partitions; these servers die all the time.
configure() {
    local server
    cat >"$config" <<CONFIG
name: host-disk
vms:
  - name: alpha
    memory: 128M
    kernel: $PWD/build/guest/vmlinuz
    initrd: $PWD/build/guest/initramfs.cpio
    cmdline: console=ttyS0 quiet
    console: true
    disks:
      - {name: data, size: 24M, store: partition}
      - {name: other, size: 4M, store: partition, partition: elsewhere}
CONFIG
    [ $# -eq 0 ] || echo faults: >>"$config"
    for server; do echo "  - {server: $server, kind: kill, every: 150ms, count: 20}" >>"$config"; done
    build/bulkhead disk-image "$config" "$disk"
}

# boot MACHINE-OF-THE-ARCHIVE MACHINE-ARGUMENT...
boot() {
    machine_archive --machine "$1" "$config" "$BATS_TEST_TMPDIR/host-disk.cpio"
    machine_start "${@:2}" -kernel build/bulkhead.elf -append 'exit-port exit-on-panic' \
        -initrd "$BATS_TEST_TMPDIR/host-disk.cpio"
    machine_expect '^bulkhead guest: ready, tsc=\d+$'
    machine_expect '^guest# '
}

power_off() {
    machine_type poweroff
    [ "$(machine_exit_status)" -eq 0 ]
}

# first_sector PARTITION
first_sector() {
    /usr/sbin/sfdisk --dump "$disk" | sed -n "s/.*start= *\([0-9]*\),.*name=\"$1\".*/\1/p"
}

# A file system with sums of what is in it.
fill() {
    machine_guest 'mke2fs /dev/vda >/dev/null && mkdir -p /mnt && mount -t ext4 /dev/vda /mnt'
    machine_guest 'cp -a /bin /lib /mnt && (cd / && find bin lib -type f -exec md5sum {} + >/mnt/sums) && sync && umount /mnt'
}

check() {
    machine_guest 'e2fsck -fn /dev/vda >/dev/null 2>&1'
    machine_guest 'mkdir -p /mnt; mount -t ext4 /dev/vda /mnt && (cd /mnt && wc -l <sums && md5sum -c sums | grep -vc OK$); umount /mnt; true'
    [[ ${output##*$'\n'} = 0 ]] && [ "${output%%$'\n'*}" -gt 10 ]
}

# The same on the other disk: blocks that say which they are.
fill_blocks() {
    machine_guest 'blk stamp /dev/vdb 1000 7 >/dev/null'
}

check_blocks() {
    machine_guest 'blk verify /dev/vdb 1000 7'
    [[ $output == *' 0 wrong'* ]]
}

# bats test_tags=qemu
@test "virtio: data survive kills of everybody in between, and are there in the next run" {
    configure virtio-blk disk.alpha.data vmm.alpha
    boot qemu --disk "$disk" test
    fill
    fill_blocks
    check
    check_blocks
    power_off
    build/bulkhead disk-image "$config" "$disk" # which changes nothing
    boot qemu --disk "$disk" test
    check
    check_blocks
    power_off
}

# bats test_tags=qemu
@test "ATA: data survive kills of everybody in between, and are there in the next run, also on the other machine" {
    configure ata disk.alpha.data vmm.alpha
    boot bochs test -drive "if=ide,index=1,format=raw,file=$disk"
    fill
    fill_blocks
    check
    check_blocks
    power_off
    configure
    boot qemu --disk "$disk" test
    check
    check_blocks
    power_off
}

# bats test_tags=qemu
@test "a bad sector of the host's disk is an I/O error in the guest and a line in the log, and nothing else is lost" {
    configure
    local first bad=$BATS_TEST_TMPDIR/bad
    first=$(first_sector elsewhere)
    printf '[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "%d"\n' $((first + 4096)) >"$bad"
    printf '[inject-error]\nevent = "write_aio"\nerrno = "5"\nsector = "%d"\n' $((first + 4096)) >>"$bad"
    boot qemu test -drive "if=none,id=d0,format=raw,file=blkdebug:$bad:$disk" -device 'virtio-blk-pci,drive=d0,disable-legacy=on'
    fill
    run machine_guest 'dd if=/dev/vdb of=/dev/null bs=4k skip=512 count=1 iflag=direct 2>&1'
    [ "$status" -ne 0 ]
    [[ $output == *'I/O error'* ]]
    run machine_guest 'dd if=/dev/zero of=/dev/vdb bs=4k seek=512 count=1 oflag=direct 2>&1'
    [ "$status" -ne 0 ]
    [[ $output == *'I/O error'* ]]
    check
    power_off
    machine_output | grep "^\[virtio-blk\] error: virtio-blk: read of 4096 bytes at sector $((first + 4096)), sector 4096 of 'elsewhere', failed"
    machine_output | grep "^\[virtio-blk\] error: virtio-blk: write of 4096 bytes at sector $((first + 4096)), sector 4096 of 'elsewhere', failed"
}

# bats test_tags=qemu
@test "a partition that is not there is a disk with errors, and the log says so" {
    configure
    sed -i 's/partition: elsewhere/partition: nowhere/' "$config"
    boot qemu --disk "$disk" test
    machine_guest 'dd if=/dev/vdb of=/dev/null bs=4k count=1 iflag=direct 2>&1 || true'
    machine_guest 'blk stamp /dev/vda 100 1 >/dev/null && blk verify /dev/vda 100 1'
    [[ $output == *' 0 wrong'* ]]
    power_off
    machine_output | grep "^\[virtio-blk\] error: there is no partition 'nowhere'"
}

# bats test_tags=bochs, brief
@test "Bochs: a guest reads what the host put into a partition, and the host what the guest wrote into another" {
    head -c 1M </dev/urandom >"$BATS_TEST_TMPDIR/content"
    configure ata
    build/bulkhead disk-image "$config" "$disk" "elsewhere=$BATS_TEST_TMPDIR/content"
    boot bochs --machine bochs --disk "$disk" test
    machine_guest 'dd if=/dev/vdb of=/dev/vda bs=64k count=16 2>/dev/null && sync'
    power_off
    dd if="$disk" bs=512 skip="$(first_sector alpha.data)" count=2048 status=none | cmp - "$BATS_TEST_TMPDIR/content"
}
