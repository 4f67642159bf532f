// The driver's part of the manifest.
// SPDX-License-Identifier: MIT
#include "servers/drivers/uart/config.h"

#include <stdio.h>
#include <string.h>

#include "libipc/json.h"
#include "libipc/proto/layout.h"

enum { COM1 = 0x3f8, PORT_MAX = 0xfff8, TOKENS_MAX = 16, TOKEN_WORDS = 4 };

static bool read_keys(struct json *j, void *tokens, struct uart_config *config)
{
    static const struct json_field fields[] = {
        {JSON_FIELD(struct uart_config, port), .kind = JSON_NUMBER, .optional = true, .most = PORT_MAX},
        {JSON_FIELD(struct uart_config, output), .kind = JSON_NUMBER, .optional = true},
        {JSON_FIELD(struct uart_config, input), .kind = JSON_NUMBER, .optional = true},
    };
    struct json_node root;
    return json_parse(j, tokens, &root) &&
           json_read(j, root, "the driver's configuration", JSON_FIELDS(fields), config);
}

bool config_read(struct uart_config *config, const char *text, char *error)
{
    static uint64_t tokens[TOKENS_MAX * TOKEN_WORDS];
    struct json j;
    *config = (struct uart_config){.port = COM1, .output = OUTPUT_RING_BYTES, .input = INPUT_RING_BYTES};
    uint32_t count = json_count(&j, text, strlen(text));
    bool fits = json_token_bytes(count) <= sizeof tokens;
    bool good = count && fits && read_keys(&j, tokens, config);
    if (!good)
        snprintf(error, JSON_ERROR_MAX, "%s", fits ? j.error : "the driver's configuration is too long");
    return good;
}
