#!/usr/bin/env bash
# Scenarios on the whole system, in Bochs: all but those that are about QEMU.
# SPDX-License-Identifier: MIT
export MACHINE_LIMIT=3600
exec "$(dirname "$0")/../lib/scenarios" bochs
