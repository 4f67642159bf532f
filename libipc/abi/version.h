// Which Bulkhead it is: what the kernel prints and control greets with.
// SPDX-License-Identifier: MIT
#pragma once

#define BULKHEAD_VERSION "0.1"
