// What a line from control is to one who waits for the answer to a command.
// SPDX-License-Identifier: MIT
#include "tools/control/reply.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool has_id(const json_t *line, const char *id)
{
    const char *text = json_string_value(json_object_get(line, "id"));
    return text && strcmp(text, id) == 0;
}

static enum reply_kind kind_of(json_t *line, const char *id, json_t **value)
{
    if (json_is_string(json_object_get(line, "event"))) {
        *value = line;
        return REPLY_EVENT;
    }
    if (!has_id(line, id))
        return REPLY_OTHER;
    if ((*value = json_object_get(line, "return")))
        return REPLY_RETURN;
    *value = json_object_get(line, "error");
    return json_is_object(*value) ? REPLY_ERROR : REPLY_OTHER;
}

enum reply_kind reply_sort(const char *line, size_t length, const char *id, json_t **value)
{
    json_t *json = json_loadb(line, length, JSON_ALLOW_NUL, NULL);
    if (!json)
        return REPLY_OTHER;
    enum reply_kind kind = kind_of(json, id, value);
    if (kind != REPLY_OTHER)
        json_incref(*value);
    json_decref(json);
    return kind;
}

char *reply_command(const char *command, json_t *arguments, const char *id)
{
    json_t *json = json_pack("{s:s, s:s}", "execute", command, "id", id);
    if (json && arguments)
        json_object_set(json, "arguments", arguments);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL, *line = NULL;
    if (text && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    json_decref(json);
    return line;
}
