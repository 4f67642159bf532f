#!/usr/bin/env bash
# Unit tests on the host: the programs that make lists, each of which speaks TAP by cmocka.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/../.."

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

while read -r program; do
    echo "# $program"
    CMOCKA_MESSAGE_OUTPUT=TAP UBSAN_OPTIONS=print_stacktrace=1 timeout 120 "$program" 2>"$errors"
    status=$?
    # cmocka's own failures leave nothing here: what does is a crash, a sanitizer's report or a hang
    if [ "$status" -ne 0 ] && { [ -s "$errors" ] || [ "$status" -ge 124 ]; }; then
        echo "not ok - $program ended with status $status"
        head -n 40 "$errors" | sed 's/^/#   /'
    fi
done < <(grep . build/unit-tests)
