// What a line from control is to one who waits for the answer to a command.
// SPDX-License-Identifier: MIT
//
// Answers are told by the id that was given with the command: lines of an earlier client, the rest of a line
// that began before this one came, and texts that are no JSON are nobody's.
#pragma once

#include <jansson.h>
#include <stddef.h>

enum reply_kind { REPLY_OTHER, REPLY_EVENT, REPLY_RETURN, REPLY_ERROR };

// *value, when the kind is not OTHER: the event, or what follows "return" or "error"; the caller's.
enum reply_kind reply_sort(const char *line, size_t length, const char *id, json_t **value);

// A command as a line with its newline; NULL: no memory, or the arguments, which may be NULL, are none.
// free() it.
char *reply_command(const char *command, json_t *arguments, const char *id);
