// JSON, read by tables: configurations of servers, the manifest.
// SPDX-License-Identifier: MIT
//
// An object is read into a C structure by a table of its keys. Every error is one line that names the line of
// the text, the key, and what was expected. Values are not copied: texts point into the JSON text.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_ERROR_MAX 192u

enum json_kind {
    JSON_TEXT,   // struct json_text: as written, its escapes not resolved
    JSON_NUMBER, // uint64_t: decimal, or a string "0x..." in hexadecimal
    JSON_BOOL,   // bool
    JSON_CHOICE, // uint32_t: which of json_field.names the text is
    JSON_ARRAY,  // struct json_node
    JSON_OBJECT, // struct json_node
};

struct json_text {
    const char *at;
    uint32_t length;
};

// A value, to be read on.
struct json_node {
    uint32_t token; // 0: was not there
    uint32_t count; // values in the array, keys in the object
};

struct json_field {
    const char *key;
    uint32_t offset;
    enum json_kind kind;
    bool optional;            // what is not there leaves its member alone
    const char *const *names; // JSON_CHOICE: ended by NULL
    uint64_t least, most;     // JSON_NUMBER: range; JSON_TEXT: of its length; most 0: any
};

struct json_token; // private

struct json {
    const char *text;
    uint32_t bytes;
    uint32_t token_count;
    struct json_token *tokens;
    char error[JSON_ERROR_MAX]; // "line 7: key: what was wrong, what was expected"
};

// How many tokens the text has; 0: it is no JSON, or longer than it may be, and error says why.
uint32_t json_count(struct json *j, const char *text, size_t bytes);

// Bytes that json_parse() wants for so many tokens.
size_t json_token_bytes(uint32_t count);

// Parses after json_count() into memory that the caller gives. The root must be an object.
bool json_parse(struct json *j, void *tokens, struct json_node *root);

// Both, of a text that a NUL ends, in memory for a fixed number of tokens, JSON_TOKEN_BYTES each.
bool json_open(struct json *j, const char *text, void *tokens, size_t bytes, struct json_node *root);
#define JSON_TOKEN_BYTES 32u // at least

// Reads an object by a table. `what` names the kind of object in errors: "a server".
bool json_read(struct json *j, struct json_node object, const char *what, const struct json_field *fields,
               size_t field_count, void *to);

// The same for a reader that wants only some of the keys: others may be there, and any may be missing.
bool json_read_some(struct json *j, struct json_node object, const struct json_field *fields,
                    size_t field_count, void *to);

// Walks through the values of an array: node->token 0 at first. False behind the last one, and of an
// array that was not there.
bool json_next(const struct json *j, struct json_node array, struct json_node *node);

// The text of a value as it stands (of a string: without its quotes).
struct json_text json_raw(const struct json *j, struct json_node node);

// Sets j->error to a line about this value; returns false.
__attribute__((format(printf, 3, 4))) bool json_fail(struct json *j, struct json_node node,
                                                     const char *format, ...);

// Resolves escapes (\" \\ \/ \b \f \n \r \t and \u00xx). False: another escape, or no room.
bool json_copy(struct json_text text, char *to, size_t size);

// Does the text, without escapes, say this?
bool json_is(struct json_text text, const char *what);
bool json_same(struct json_text a, struct json_text b);

#define JSON_FIELD(type, member) .key = #member, .offset = offsetof(type, member)
#define JSON_FIELDS(table)       (table), sizeof(table) / sizeof((table)[0])
#define JSON_TEXT_FORMAT         "%.*s"
#define JSON_TEXT_ARGUMENTS(t)   (int)(t).length, (t).at
