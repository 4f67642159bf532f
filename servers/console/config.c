// The console's part of the manifest.
// SPDX-License-Identifier: MIT
#include "servers/console/config.h"

#include <stdio.h>
#include <string.h>

#include "libipc/json.h"
#include "libipc/proto/manifest.h"

enum { TOKENS_MAX = CONSOLE_LOGS_MAX + 8, TOKEN_WORDS = 4 };

struct keys {
    uint32_t level;
    struct json_node logs;
};

static bool read_keys(struct json *j, void *tokens, struct log_names *config)
{
    static const struct json_field fields[] = {
        {JSON_FIELD(struct keys, level), .kind = JSON_CHOICE, .names = log_level_names},
        {JSON_FIELD(struct keys, logs), .kind = JSON_ARRAY},
    };
    struct json_node root;
    struct keys keys = {0};
    if (!json_parse(j, tokens, &root) ||
        !json_read(j, root, "the console's configuration", JSON_FIELDS(fields), &keys))
        return false;
    config->level = keys.level;
    return log_names_read(j, keys.logs, config);
}

bool config_read(struct log_names *config, const char *text, char *error)
{
    static uint64_t tokens[TOKENS_MAX * TOKEN_WORDS];
    struct json j;
    uint32_t count = json_count(&j, text, strlen(text));
    bool fits = json_token_bytes(count) <= sizeof tokens;
    bool good = count && fits && read_keys(&j, tokens, config);
    if (!good)
        snprintf(error, JSON_ERROR_MAX, "%s", fits ? j.error : "the console's configuration is too long");
    return good;
}
