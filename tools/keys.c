// Which of the keys typed at a console are this command's own.
// SPDX-License-Identifier: MIT
#include "tools/keys.h"

size_t keys_sort(struct keys *k, const char *in, size_t count, char *out, bool *leave)
{
    size_t n = 0;
    *leave = false;
    for (size_t i = 0; i < count; i++) {
        if (!k->escaped && in[i] == KEY_ESCAPE) {
            k->escaped = true;
            continue;
        }
        if (k->escaped && in[i] == KEY_LEAVE) {
            *leave = true;
            return n;
        }
        if (k->escaped)
            out[n++] = KEY_ESCAPE;
        out[n++] = in[i];
        k->escaped = false;
    }
    return n;
}
