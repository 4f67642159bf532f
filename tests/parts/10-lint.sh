#!/usr/bin/env bash
# The checks of `make lint`, a test each.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

checks=(scripts/lint-*)
echo "1..${#checks[@]}"
for check in "${checks[@]}"; do
    if findings=$("$check" 2>&1); then
        echo "ok - $check"
    else
        echo "not ok - $check"
        echo "#   ${findings//$'\n'/$'\n#   '}"
    fi
done
