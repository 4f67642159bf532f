// bulkhead disk-image: the image of the host's disk, made or brought up to date.
// SPDX-License-Identifier: MIT
#include "tools/command/command.h"
#include "tools/disk_parts.h"

enum outcome command_disk_image(struct invocation *v)
{
    struct config config;
    struct list parts = {0};
    bool good = config_load(v, v->words[0], &config) &&
                disk_parts(&v->arena, &v->report, &config, v->words + 2, (size_t)v->count - 2, &parts) &&
                disk_image_make(&v->report, v->words[1], &parts, given(v, OPTION_REPLACE));
    return good ? DONE : REFUSED;
}
