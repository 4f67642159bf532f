// JSON as clients send it: checked strictly, then read where it stands.
// SPDX-License-Identifier: MIT
//
// Nothing is copied and nothing is allocated, so the length of a text costs only the time to read it once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VALUE_DEPTH_MAX = 32 };

enum value_kind { VALUE_NONE, VALUE_OBJECT, VALUE_ARRAY, VALUE_TEXT, VALUE_NUMBER, VALUE_TRUTH, VALUE_NULL };

// A value of a text that was checked; a text has its quotes.
struct value {
    enum value_kind kind;
    const char *at;
    uint32_t length;
};

// Checks a text of exactly one value [RFC8259]. NULL: it is good; else what is wrong with it.
const char *value_check(const char *text, uint32_t length, struct value *value);

// The members of an object, one after the other; `member` begins as all zero. False: no more.
struct member {
    struct value key, value;
};
bool value_next(const struct value *object, struct member *member);

// A text without escapes but of ASCII characters. False: it is none, or too long for `size`.
bool value_text(const struct value *v, char *to, size_t size);
bool value_number(const struct value *v, uint64_t *to); // whole, not negative
