#!/usr/bin/env bash
# The kernel's test process on several models of Intel's processors, and on two of them at once, in Bochs.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

bad=0
for model in corei7_haswell_4770 corei7_sandy_bridge_2600k broadwell_ult corei7_skylake_x; do
    tests/lib/kernel-test bochs bench -cpu $model || bad=1
done
tests/lib/kernel-test bochs --smp 2 test || bad=1
exit $bad
