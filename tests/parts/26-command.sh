#!/usr/bin/env bash
# The host's command, with a machine that is played
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/../.." || exit 1
exec bats --formatter tap tests/host/
