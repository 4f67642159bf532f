// What the two parts of the switch know of each other.
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/switch/switch.h"

// Is it there, as the state has it?
bool switch_has(const struct switch_server *s, uint32_t port);
// The same of a port that may have come, or gone, since.
bool switch_look(struct switch_server *s, uint32_t port, uint64_t now);
