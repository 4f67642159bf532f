#!/usr/bin/env bash
# Bad configurations: `bulkhead check` answers each with exactly the lines that it is to be answered with.
# SPDX-License-Identifier: MIT
#
# In tests/configs/bad/NAME.yaml a line that is wrong ends with `#! MESSAGE`; `#!LINE MESSAGE` is about another line. In
# messages `@` stands for the folder of the images that are made here, and `*` at the end for any rest. Good configurations
# (config/*.yaml) give no line and status 0.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

images=build/test/images

# patch NAME OFFSET BYTES: a copy of the guest's kernel, with other bytes there
patch() {
    cp build/guest/vmlinuz "$images/$1"
    printf '%b' "$3" | dd of="$images/$1" bs=1 seek=$(($2)) conv=notrunc status=none
}

make_images() {
    rm -rf "$images"
    mkdir -p "$images/folder"
    gcc -m32 -nostdlib -static -no-pie -Wl,--build-id=none,-Ttext=0x100000 -o "$images/multiboot" tests/lib/echo.S
    objcopy -O binary "$images/multiboot" "$images/flat"
    cp "$images/multiboot" "$images/large"
    truncate -s 2105344 "$images/large"
    echo "no kernel" >"$images/text"
    : >"$images/nothing"
    head -c 1000000 build/guest/vmlinuz >"$images/truncated"
    patch new 0x206 '\x00\x03'
    patch old 0x206 '\x04\x02'
    patch wide 0x236 '\x00\x00'
    cp build/bulkhead "$images/elf"
}

expected() {
    awk -v file="$1" -v images="tests/configs/bad/../../../$images/" '
        match($0, /#![0-9]* /) {
            line = substr($0, RSTART + 2, RLENGTH - 3)
            text = substr($0, RSTART + RLENGTH)
            gsub(/@/, images, text)
            print file ":" (line == "" ? FNR : line) ": " text
        }' "$1"
}

# matches EXPECTED GOT: line by line
matches() {
    awk -v got="$2" '
        BEGIN { n = split(got, line, "\n") }
        {
            if (sub(/\*$/, "")) ok = index(line[NR], $0) == 1
            else ok = line[NR] == $0
            if (!ok) bad = 1
        }
        END { exit bad || NR != n }' <<<"$1"
}

# judge NAME STATUS-WANTED STATUS WANTED GOT
judge() {
    if [ "$3" -eq "$2" ] && { [ "$4" = "$5" ] || matches "$4" "$5"; }; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        printf 'status %s, expected %s\nexpected:\n%s\ngot:\n%s\n' "$3" "$2" "$4" "$5" | sed 's/^/#   /'
    fi
}

make_images
bad=(tests/configs/bad/*.yaml)
good=(config/*.yaml)
echo "1..$((${#bad[@]} + ${#good[@]}))"
for file in "${bad[@]}"; do
    got=$(build/bulkhead check "$file" 2>&1)
    status=$?
    judge "$(basename "$file" .yaml)" 1 $status "$(expected "$file")" "$got"
done
for file in "${good[@]}"; do
    got=$(build/bulkhead check "$file" 2>&1)
    judge "$file" 0 $? "" "$got"
done
