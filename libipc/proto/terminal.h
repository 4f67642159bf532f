// The terminal: consoles and logs, how they are numbered and how they are read.
// SPDX-License-Identifier: MIT
//
// A console is a stream of bytes (libipc/stream.h) that a device server produces and a ring of bytes that it
// consumes (INPUT_RING_BYTES). A log is a ring of lines that any server writes (libipc/log.h). The terminal
// has window and slot i for console i and log i, and a table of names that says which there are; so either
// can be added while it runs: libipc/proto/names.h.
#pragma once

#include <stdint.h>

#include "libipc/proto/labels.h"
#include "libipc/proto/names.h"

enum {
    TERMINAL_CONSOLES_MAX = 60, // each has a bit of the terminal's notification
    TERMINAL_LOGS_MAX = 256
};

// The memory object `terminal.names`; entry numbers of the manifest's fill "names" count through both.
struct terminal_names {
    struct name_entry console[TERMINAL_CONSOLES_MAX];
    struct name_entry log[TERMINAL_LOGS_MAX];
};

// What the logs of all servers together are called.
#define TERMINAL_LOG_NAME "log"

enum terminal_label {
    // Words: enum terminal_read_word. What a console has printed (its name), what all servers have logged
    // (TERMINAL_LOG_NAME), or the lines that one of them logged (its name), from a position on. The answer's
    // words: enum terminal_text_word; a position that is no longer kept, or that never was, is taken for that
    // of the oldest byte that is. NOT_FOUND: there is no such name.
    LABEL_TERMINAL_READ = LABEL_TERMINAL
};

enum terminal_read_word {
    READ_POSITION,
    READ_NAME /* NAME_BYTES */,
    READ_WORDS = READ_NAME + NAME_BYTES / 8
};

enum terminal_text_word {
    TEXT_NEXT,  // the position to go on from; the text ends here when it is the one that was asked for
    TEXT_BYTES, // how many bytes of text follow, up to TEXT_MAX; lines of logs are whole
    TEXT_BEGIN, // the text
    TEXT_MAX = (128 - TEXT_BEGIN) * 8
};
