// The manifest, written: libipc/proto/manifest.h says what it is.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdio.h>

#include "tools/plan.h"

void manifest_write(const struct plan *plan, FILE *to);
