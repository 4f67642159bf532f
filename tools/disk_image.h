// The image of the host's disk: one partition for each disk of a configuration that is stored there.
// SPDX-License-Identifier: MIT
//
// Partitions that are there already, by name and size, keep their data; one with data is changed or dropped
// only when that is asked for.
#pragma once

#include "tools/disk_layout.h"

// parts: struct disk_part, in the order of the table. False: something was reported, and no partition with
// data was touched.
bool disk_image_make(struct report *r, const char *path, const struct list *parts, bool replace);
