// The names of status codes.
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/abi/status.h"

const char *status_name(enum status s);
