#!/bin/sh
# diskwork: what a user does with a disk, and whether it kept everything
# SPDX-License-Identifier: MIT
#
# usage: diskwork make|check DEVICE [FILES]
#
# make: a file system, a large archive unpacked into it, every file's checksum against what was packed; then once more after
# unmounting, and e2fsck. check: the same of what an earlier run made. The last line says `diskwork DEVICE: intact`.
set -e
device=$2 files=${3:-300} mount=/mnt/${2##*/} work=/tmp/${2##*/}

judge() {
    e2fsck -f -n "$device" >"$work.fsck" 2>&1 || { cat "$work.fsck"; echo "diskwork $device: e2fsck complains"; exit 1; }
    mount -o ro "$device" "$mount"
    (cd "$mount/tree" && md5sum -c ../sums) >"$work.sums" 2>&1 ||
        { grep -v ': OK$' "$work.sums"; echo "diskwork $device: files differ"; exit 1; }
    umount "$mount"
    echo "diskwork $device: intact, $(grep -c ': OK$' "$work.sums") files"
}

mkdir -p "$mount"
if [ "$1" = make ]; then
    mkdir -p "$work"
    for i in $(seq "$files"); do
        mkdir -p "$work/$((i % 20))"
        dd if=/dev/urandom of="$work/$((i % 20))/file-$i" bs=1k count=$((i % 97 + 1)) 2>/dev/null
    done
    (cd "$work" && find . -type f | sort | xargs md5sum) >"$work.made"
    tar -C "$work" -cf "$work.tar" .
    rm -r "$work"
    mke2fs "$device" >"$work.mke2fs"
    mount "$device" "$mount"
    mkdir "$mount/tree"
    tar -C "$mount/tree" -xf "$work.tar"
    rm "$work.tar"
    cp "$work.made" "$mount/sums"
    (cd "$mount/tree" && md5sum -c ../sums) >/dev/null || { echo "diskwork $device: files differ before unmounting"; exit 1; }
    umount "$mount"
fi
judge
