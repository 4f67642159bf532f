#!/usr/bin/env bash
# The short look at Intel's VMX, in Bochs: the kernel's test process, and beside it the brief scenarios. tests/vmx/ has the rest.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

mkdir -p build/test
tests/lib/kernel-test bochs bench >build/test/kernel-bochs.tap &
kernel=$!
bad=0
tests/lib/scenarios bochs brief || bad=1
wait $kernel || bad=1
cat build/test/kernel-bochs.tap
exit $bad
