// A block driver's part of the manifest.
// SPDX-License-Identifier: MIT
#include "servers/common/block_config.h"

#include <string.h>

#include "libipc/json.h"

enum { TOKENS_MAX = 2 * DRIVER_CHANNELS_MAX + 8 };

struct keys {
    struct json_node channels, read_only;
};

static bool read_name(struct json *j, struct json_node node, char *name)
{
    struct json_text text = json_raw(j, node);
    return (text.length && json_copy(text, name, GPT_NAME_UNITS + 1)) ||
           json_fail(j, node, "a partition's name, expected up to %u characters", GPT_NAME_UNITS);
}

static struct block_port *find(struct block_service *s, const char *name)
{
    for (uint32_t i = 0; i < s->port_count; i++)
        if (strcmp(s->ports[i].partition, name) == 0)
            return &s->ports[i];
    return NULL;
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
        if (find(s, name))
            return json_fail(j, node, "channels: '%s' twice", name);
        s->port_count++;
    }
    return true;
}

static bool read_read_only(struct json *j, struct json_node list, struct block_service *s)
{
    char name[GPT_NAME_UNITS + 1];
    struct json_node node = {0};
    while (json_next(j, list, &node)) {
        if (!read_name(j, node, name))
            return false;
        struct block_port *port = find(s, name);
        if (!port)
            return json_fail(j, node, "read_only: '%s' is none of the channels", name);
        port->read_only = true;
    }
    return true;
}

static bool read_keys(struct json *j, struct json_node root, struct block_service *s)
{
    static const struct json_field fields[] = {
        {JSON_FIELD(struct keys, channels), .kind = JSON_ARRAY},
        {JSON_FIELD(struct keys, read_only), .kind = JSON_ARRAY, .optional = true},
    };
    struct keys keys = {0};
    return json_read(j, root, "the driver's configuration", JSON_FIELDS(fields), &keys) &&
           read_channels(j, keys.channels, s) && read_read_only(j, keys.read_only, s);
}

bool block_config_read(struct block_service *s, const char *text, char *error)
{
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    struct json j;
    struct json_node root;
    s->port_count = 0;
    bool good = json_open(&j, text, tokens, sizeof tokens, &root) && read_keys(&j, root, s);
    memcpy(error, j.error, JSON_ERROR_MAX);
    return good;
}
