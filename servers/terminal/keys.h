// The keys by which a user moves between consoles: behind the escape key, Ctrl-].
// SPDX-License-Identifier: MIT
//
// A machine of three states on plain data: text, which goes to the console; the key behind the escape key;
// and a name that is being typed. What a key stands for is done by others.
#pragma once

#include <stdint.h>

#include "libipc/proto/names.h"

enum { KEYS_ESCAPE = 0x1d };

enum keys_state { KEYS_TEXT, KEYS_COMMAND, KEYS_NAME };

struct keys {
    uint32_t state;  // enum keys_state
    uint32_t length; // of the name
    char name[NAME_BYTES];
};

enum keys_action {
    KEYS_NOTHING,
    KEYS_SEND, // the byte belongs to the console
    KEYS_OVERVIEW,
    KEYS_NEXT,
    KEYS_PREVIOUS,
    KEYS_LOGS,
    KEYS_HELP,
    KEYS_UNKNOWN, // the byte is no key
    KEYS_ASK,     // a name begins
    KEYS_ECHO,    // the byte is a letter of it
    KEYS_RUBOUT,  // its last letter is gone
    KEYS_CANCEL,  // there is no name
    KEYS_ATTACH   // keys.name is whole
};

enum keys_action keys_type(struct keys *k, uint8_t byte);
