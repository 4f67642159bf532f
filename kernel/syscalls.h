// System calls that belong to no one object file.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "libipc/abi/status.h"

uint64_t sys_create(uint64_t what, uint64_t payer, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
uint64_t sys_destroy(uint64_t slot);
uint64_t sys_grant(uint64_t process, uint64_t slot, uint64_t own, uint64_t rights, uint64_t badge);
uint64_t sys_revoke(uint64_t process, uint64_t slot);
uint64_t sys_map(uint64_t where, uint64_t address, uint64_t memory, uint64_t rights);
uint64_t sys_unmap(uint64_t where, uint64_t address);
uint64_t sys_supply(uint64_t memory, uint64_t page, uint64_t source, uint64_t source_page, uint64_t pages,
                    uint64_t how);
uint64_t sys_withdraw(uint64_t memory, uint64_t page, uint64_t to, uint64_t to_page, uint64_t pages,
                      uint64_t how);
uint64_t sys_protect(uint64_t memory, uint64_t page, uint64_t pages, uint64_t rights);
uint64_t sys_info(uint64_t slot, uint64_t kind);
uint64_t sys_log(uint64_t bytes);
uint64_t sys_machine(uint64_t system, uint64_t op, uint64_t argument);
