// The slots that all servers' capability tables begin with.
// SPDX-License-Identifier: MIT
//
// What else a server finds, and where, is in its own list of slots, which the manifest repeats.
#pragma once

enum server_slot {
    SLOT_PROCESS = 1, // the process itself
    SLOT_THREAD = 2,  // its first thread
    SLOT_FREE = 3     // the first slot that is the server's own matter
};
