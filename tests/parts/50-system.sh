#!/usr/bin/env bash
# Scenarios on the whole system, in QEMU: tests/system/*.bats, two at a time.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

# GNU parallel, which bats starts, asks to be cited unless this file says that the request was seen
export PARALLEL_HOME=$PWD/build/parallel
mkdir -p "$PARALLEL_HOME" && touch "$PARALLEL_HOME/will-cite"

exec bats --jobs 2 --no-parallelize-within-files --formatter tap tests/system/
