// A server that counts, and dies in every way when it is told to.
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/proto/labels.h"

// word 0: enum crash; word 1: it dies of that while the call was delivered less often than this. The answer:
// enum fragile_answer.
enum fragile_label { LABEL_FRAGILE_COUNT = LABEL_TEST };

// It also dies of every access, as of a guest's, at this offset; others give the count.
enum { FRAGILE_POISON = 7 };

enum crash {
    CRASH_READ,
    CRASH_WRITE_TEXT,
    CRASH_EXECUTE_DATA,
    CRASH_STACK,
    CRASH_DIVIDE,
    CRASH_INVALID,
    CRASH_EXIT,
    CRASH_ABORT,
    CRASH_LOOP,
    CRASH_CALL_SELF,
    CRASH_SUSPEND,
    CRASH_THREAD,    // a second thread computes for ever, the first waits
    CRASH_COMMITTED, // behind the commit, before the answer
    CRASHES
};

enum fragile_answer {
    FRAGILE_COUNT,     // calls that were counted, ever
    FRAGILE_STARTS,    // incarnations, ever
    FRAGILE_START_KIND // of this one
};

enum fragile_slot {
    FRAGILE_SLOT_SELF = 32,  // send: its own endpoint
    FRAGILE_SLOT_THREAD = 40 // its second thread
};
