// JSON of any content: parsed, walked through, its texts resolved
// SPDX-License-Identifier: MIT
//
// LINK: libipc/json.c
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/json.h"

struct any {
    struct json_node array, object;
    struct json_text text;
    uint64_t number;
    bool truth;
};

static const struct json_field fields[] = {
    {JSON_FIELD(struct any, array), .kind = JSON_ARRAY, .optional = true},
    {JSON_FIELD(struct any, object), .kind = JSON_OBJECT, .optional = true},
    {JSON_FIELD(struct any, text), .kind = JSON_TEXT, .optional = true, .most = 9},
    {JSON_FIELD(struct any, number), .kind = JSON_NUMBER, .optional = true, .most = 99},
    {JSON_FIELD(struct any, truth), .kind = JSON_BOOL, .optional = true},
};

static void walk(struct json *j, struct json_node object, unsigned depth)
{
    struct any a = {0};
    char copy[8];
    if (!json_read_some(j, object, JSON_FIELDS(fields), &a)) {
        if (!memchr(j->error, 0, JSON_ERROR_MAX) || strncmp(j->error, "line ", 5) != 0)
            __builtin_trap();
        return;
    }
    if (json_copy(a.text, copy, sizeof copy) && strlen(copy) > a.text.length)
        __builtin_trap();
    uint32_t count = 0;
    for (struct json_node n = {0}; json_next(j, a.array, &n); count++)
        if (depth < 8 && json_raw(j, n).at[0] == '{')
            walk(j, n, depth + 1);
    if (count != a.array.count || a.number > 99 || a.text.length > 9)
        __builtin_trap();
    if (a.object.token && depth < 8)
        walk(j, a.object, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json j;
    struct json_node root;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    uint32_t count = json_count(&j, text, size);
    void *tokens = count ? malloc(json_token_bytes(count)) : NULL;
    if (count && json_parse(&j, tokens, &root))
        walk(&j, root, 0);
    free(tokens);
    free(text);
    return 0;
}
