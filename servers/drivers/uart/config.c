// The driver's part of the manifest.
// SPDX-License-Identifier: MIT
#include "servers/drivers/uart/config.h"

#include <string.h>

#include "libipc/json.h"
#include "libipc/proto/layout.h"

enum { COM1 = 0x3f8, PORT_MAX = 0xfff8, TOKENS_MAX = 16 };

bool config_read(struct uart_config *config, const char *text, char *error)
{
    static const struct json_field fields[] = {
        {JSON_FIELD(struct uart_config, port), .kind = JSON_NUMBER, .optional = true, .most = PORT_MAX},
        {JSON_FIELD(struct uart_config, output), .kind = JSON_NUMBER, .optional = true},
        {JSON_FIELD(struct uart_config, input), .kind = JSON_NUMBER, .optional = true},
    };
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    struct json j;
    struct json_node root;
    *config = (struct uart_config){.port = COM1, .output = OUTPUT_RING_BYTES, .input = INPUT_RING_BYTES};
    bool good = json_open(&j, text, tokens, sizeof tokens, &root) &&
                json_read(&j, root, "the driver's configuration", JSON_FIELDS(fields), config);
    memcpy(error, j.error, JSON_ERROR_MAX);
    return good;
}
