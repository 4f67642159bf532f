#!/usr/bin/env bash
# Scenarios on the whole system, in QEMU.
# SPDX-License-Identifier: MIT
exec "$(dirname "$0")/../lib/scenarios" qemu
