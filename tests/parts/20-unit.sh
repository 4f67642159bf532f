#!/usr/bin/env bash
# Unit tests on the host: the programs that make lists, each of which speaks TAP by cmocka.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complain() {
    echo "not ok - $program $1"
    head -n 40 "$work/errors" | sed 's/^/#   /'
}

while read -r program; do
    echo "# $program"
    CMOCKA_MESSAGE_OUTPUT=TAP UBSAN_OPTIONS=print_stacktrace=1 \
        timeout 120 "$program" >"$work/tap" 2>"$work/errors" </dev/null
    status=$?
    cat "$work/tap"
    # cmocka's own failures write no errors: what does is a crash, a sanitizer's report or a hang
    if [ "$status" -ne 0 ] && { [ -s "$work/errors" ] || ! grep -q '^not ok' "$work/tap"; }; then
        complain "ended with status $status"
    elif ! grep -qE '^(not )?ok' "$work/tap"; then
        complain "ran no test"
    fi
done < <(grep . build/unit-tests)
