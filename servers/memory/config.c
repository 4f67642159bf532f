// The pager's part of the manifest.
// SPDX-License-Identifier: MIT
#include "servers/memory/config.h"

#include <stdio.h>
#include <string.h>

enum { STOCK = 16, TOKENS_MAX = 8, TOKEN_WORDS = 4 };

static bool read_keys(struct json *j, void *tokens, struct memory_config *config)
{
    static const struct json_field fields[] = {
        {JSON_FIELD(struct memory_config, stock), .kind = JSON_NUMBER, .optional = true,
         .most = 2 * BOOKS_STOCK_MAX},
    };
    struct json_node root;
    return json_parse(j, tokens, &root) &&
           json_read(j, root, "the pager's configuration", JSON_FIELDS(fields), config);
}

bool config_read(struct memory_config *config, const char *text, char *error)
{
    static uint64_t tokens[TOKENS_MAX * TOKEN_WORDS];
    struct json j;
    *config = (struct memory_config){.stock = STOCK};
    uint32_t count = json_count(&j, text, strlen(text));
    bool fits = json_token_bytes(count) <= sizeof tokens;
    bool good = count && fits && read_keys(&j, tokens, config);
    if (!good)
        snprintf(error, JSON_ERROR_MAX, "%s", fits ? j.error : "the pager's configuration is too long");
    return good;
}
