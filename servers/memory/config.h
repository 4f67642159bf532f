// The pager's part of the manifest (libipc/proto/memory.h).
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/json.h"
#include "servers/memory/pager.h"

struct config_image {
    uint64_t ram;
    struct json_text file; // in the boot archive
};

struct memory_config {
    uint64_t stock; // MiB
    uint32_t images;
    struct config_image image[PAGER_IMAGES_MAX]; // their names point into the text
};

// False: `error`, of JSON_ERROR_MAX bytes, says why. Whether the images are there is for the caller to check.
bool config_read(struct memory_config *config, const char *text, char *error);
