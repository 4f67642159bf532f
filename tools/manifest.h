// The manifest, written: libipc/proto/manifest.h says what it is.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdio.h>

#include "tools/plan.h"

void manifest_write(const struct plan *plan, FILE *to);

// A part (expand_part()), as `vm-create` takes it (docs/control.md).
void manifest_write_part(const struct plan *part, FILE *to);
