#!/usr/bin/env bats
# Eight small VMs with disks over one image in a machine of 2 GiB
# SPDX-License-Identifier: MIT

load ../lib/machine

teardown_file() {
    machine_stop
}

# bats test_tags=qemu
@test "each of eight VMs reaches its prompt" {
    local name all=
    for name in alpha beta gamma delta epsilon zeta eta theta; do all+="(?=.*^\\[$name\\] guest# )"; done
    machine_boot eight-vms
    machine_expect "(?s)\\A$all"
}
