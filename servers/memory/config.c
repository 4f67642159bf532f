// The pager's part of the manifest.
// SPDX-License-Identifier: MIT
#include "servers/memory/config.h"

#include <string.h>

enum { STOCK = 16, TOKENS_MAX = 8 };

bool config_read(struct memory_config *config, const char *text, char *error)
{
    static const struct json_field fields[] = {
        {JSON_FIELD(struct memory_config, stock), .kind = JSON_NUMBER, .optional = true,
         .most = 2 * BOOKS_STOCK_MAX},
    };
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    struct json j;
    struct json_node root;
    *config = (struct memory_config){.stock = STOCK};
    bool good = json_open(&j, text, tokens, sizeof tokens, &root) &&
                json_read(&j, root, "the pager's configuration", JSON_FIELDS(fields), config);
    memcpy(error, j.error, JSON_ERROR_MAX);
    return good;
}
