// The names of status codes.
// SPDX-License-Identifier: MIT
#include "libipc/status.h"

const char *status_name(enum status s)
{
    static const char *const name[STATUS_COUNT] = {
        [STATUS_OK] = "OK",
        [STATUS_BAD_ARG] = "BAD_ARG",
        [STATUS_BAD_CAP] = "BAD_CAP",
        [STATUS_NO_RIGHT] = "NO_RIGHT",
        [STATUS_NO_QUOTA] = "NO_QUOTA",
        [STATUS_EXISTS] = "EXISTS",
        [STATUS_NOT_FOUND] = "NOT_FOUND",
        [STATUS_BUSY] = "BUSY",
        [STATUS_STALE] = "STALE",
        [STATUS_TIMEOUT] = "TIMEOUT",
        [STATUS_GONE] = "GONE",
        [STATUS_UNSUPPORTED] = "UNSUPPORTED",
    };
    return (unsigned)s < STATUS_COUNT ? name[s] : "unknown status";
}
