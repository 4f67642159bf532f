#!/usr/bin/env bash
# Fuzzers: each runs for FUZZ_SECONDS from its seeds in tests/fuzz/corpus/NAME/, if there are any; a finding fails.
# SPDX-License-Identifier: MIT
#
# What a run learns stays in build/fuzz/NAME/, so that longer runs on one machine go on where the last one stopped.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

export seconds=${FUZZ_SECONDS:-4}

fuzz() {
    local program=$1 name work seeds
    name=$(basename "$program")
    work=build/fuzz/$name
    seeds=tests/fuzz/corpus/${name#fuzz_}
    mkdir -p "$work/corpus"
    [ -d "$seeds" ] || seeds=
    if "$program" -seed=1 -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="$work/" "$work/corpus" ${seeds:+"$seeds"} >"$work/log" 2>&1; then
        echo "ok - $name ($(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log") inputs)"
    else
        # one write, so that fuzzers that run side by side do not mix their lines
        printf 'not ok - %s (all in %s)\n%s\n' "$name" "$work/log" \
            "$(grep -E 'ERROR|runtime error|^ +#[0-9]|Test unit written' "$work/log" | head -n 20 | sed 's/^/#   /')"
    fi
}
export -f fuzz

programs=$(grep . build/fuzzers)
echo "1..$(wc -w <<<"$programs")"
xargs -r -P "$(nproc)" -I{} bash -c 'fuzz {}' <<<"$programs"
