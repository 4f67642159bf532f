// Commands carried out: what is asked of the supervisor and the terminal becomes JSON.
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/control/request.h"

// `sequence`: the command's number, by which one that is carried out again is known. True: `o` is its result.
bool command_run(const struct request *q, uint64_t sequence, struct out *o, struct error *e);
