// The partitions that a configuration's disks want of the host's disk.
// SPDX-License-Identifier: MIT
#pragma once

#include "tools/config.h"
#include "tools/disk_image.h"

// contents: words "PARTITION=FILE", what new ones begin with. False: something was reported.
bool disk_parts(struct arena *a, struct report *r, const struct config *config, char *const *contents,
                size_t content_count, struct list *parts);
