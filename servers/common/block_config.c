// A block driver's part of the manifest.
// SPDX-License-Identifier: MIT
#include "servers/common/block_config.h"

#include <string.h>

#include "libipc/json.h"

enum { TOKENS_MAX = DRIVER_CHANNELS_MAX + 8 };

static bool read_name(struct json *j, struct json_node node, char *name)
{
    struct json_text text = json_raw(j, node);
    return (text.length && json_copy(text, name, GPT_NAME_UNITS + 1)) ||
           json_fail(j, node, "a partition's name, expected up to %u characters", GPT_NAME_UNITS);
}

static bool is_known(const struct block_service *s, const char *name)
{
    for (uint32_t i = 0; i < s->port_count; i++)
        if (strcmp(s->ports[i].partition, name) == 0)
            return true;
    return false;
}

static bool read_channels(struct json *j, struct json_node list, struct block_service *s)
{
    struct json_node node = {0};
    if (list.count > DRIVER_CHANNELS_MAX)
        return json_fail(j, list, "channels: %u of them, at most %u are possible", list.count,
                         DRIVER_CHANNELS_MAX);
    while (json_next(j, list, &node)) {
        char *name = s->ports[s->port_count].partition;
        if (!read_name(j, node, name))
            return false;
        if (is_known(s, name))
            return json_fail(j, node, "channels: '%s' twice", name);
        s->port_count++;
    }
    return true;
}

bool block_config_read(struct block_service *s, const char *text, char *error)
{
    static const struct json_field fields[] = {{.key = "channels", .kind = JSON_ARRAY}};
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    struct json j;
    struct json_node root, channels;
    s->port_count = 0;
    bool good = json_open(&j, text, tokens, sizeof tokens, &root) &&
                json_read(&j, root, "the driver's configuration", JSON_FIELDS(fields), &channels) &&
                read_channels(&j, channels, s);
    memcpy(error, j.error, JSON_ERROR_MAX);
    return good;
}
