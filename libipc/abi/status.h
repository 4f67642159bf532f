// Status codes: what every system call and every protocol answers.
// SPDX-License-Identifier: MIT
//
// A caller's mistake is a status; a kernel bug is an assertion; a guest's mistake is a device status. Twelve
// codes are enough: what a caller can do about an error is what tells two codes apart.
#pragma once

enum status {
    STATUS_OK = 0,
    STATUS_BAD_ARG,     // an argument is out of range, misaligned or of an unknown kind
    STATUS_BAD_CAP,     // the slot is empty, or what it named was destroyed, or it is of another type
    STATUS_NO_RIGHT,    // the capability is good but lacks the right
    STATUS_NO_QUOTA,    // who pays has too little kernel memory left
    STATUS_EXISTS,      // the slot, address or route is taken
    STATUS_NOT_FOUND,   // nothing is there (an empty page slot, no such route)
    STATUS_BUSY,        // the object is in use and can't do this now
    STATUS_STALE,       // the call being answered is no longer waiting
    STATUS_TIMEOUT,     // the deadline passed first
    STATUS_GONE,        // the peer died or the endpoint was destroyed while the call waited
    STATUS_UNSUPPORTED, // this machine or this build can't do it
    STATUS_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))
