// The pager's part of the manifest.
// SPDX-License-Identifier: MIT
#include "servers/memory/config.h"

#include <stdio.h>
#include <string.h>

enum { STOCK = 16, TOKENS_MAX = PAGER_IMAGES_MAX * 5 + 8, TOKEN_WORDS = 4 };

struct keys {
    uint64_t stock;
    struct json_node images;
};

static bool read_images(struct json *j, struct json_node list, struct memory_config *config)
{
    static const struct json_field fields[] = {
        {JSON_FIELD(struct config_image, ram), .kind = JSON_NUMBER, .most = PAGER_RAMS_MAX - 1},
        {JSON_FIELD(struct config_image, file), .kind = JSON_TEXT, .least = 1, .most = 255},
    };
    struct json_node node = {0};
    if (list.count > PAGER_IMAGES_MAX)
        return json_fail(j, list, "images: %u of them, at most %u are possible", list.count,
                         PAGER_IMAGES_MAX);
    while (json_next(j, list, &node))
        if (!json_read(j, node, "an image", JSON_FIELDS(fields), &config->image[config->images++]))
            return false;
    return true;
}

static bool read_keys(struct json *j, void *tokens, struct memory_config *config)
{
    static const struct json_field fields[] = {
        {JSON_FIELD(struct keys, stock), .kind = JSON_NUMBER, .optional = true, .most = 2 * BOOKS_STOCK_MAX},
        {JSON_FIELD(struct keys, images), .kind = JSON_ARRAY, .optional = true},
    };
    struct json_node root;
    struct keys keys = {.stock = STOCK};
    if (!json_parse(j, tokens, &root) ||
        !json_read(j, root, "the pager's configuration", JSON_FIELDS(fields), &keys))
        return false;
    config->stock = keys.stock;
    return !keys.images.token || read_images(j, keys.images, config);
}

bool config_read(struct memory_config *config, const char *text, char *error)
{
    static uint64_t tokens[TOKENS_MAX * TOKEN_WORDS];
    struct json j;
    *config = (struct memory_config){0};
    uint32_t count = json_count(&j, text, strlen(text));
    bool fits = json_token_bytes(count) <= sizeof tokens;
    bool good = count && fits && read_keys(&j, tokens, config);
    if (!good)
        snprintf(error, JSON_ERROR_MAX, "%s", fits ? j.error : "the pager's configuration is too long");
    return good;
}
