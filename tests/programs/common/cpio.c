// The boot archive's files.
// SPDX-License-Identifier: MIT
#include "tests/programs/common/cpio.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER = 110, FIELD = 8, SIZE_AT = 54, NAME_SIZE_AT = 94 };

static size_t field(const uint8_t *header, size_t at)
{
    char digits[FIELD + 1] = {0};
    memcpy(digits, header + at, FIELD);
    return strtoul(digits, NULL, 16);
}

static size_t round_up(size_t at)
{
    return (at + 3) & ~(size_t)3;
}

const uint8_t *cpio_find(const uint8_t *archive, size_t bytes, const char *name, size_t *size)
{
    for (size_t at = 0; at + HEADER < bytes && memcmp(archive + at, "070701", 6) == 0;) {
        size_t name_size = field(archive + at, NAME_SIZE_AT), content = round_up(at + HEADER + name_size);
        *size = field(archive + at, SIZE_AT);
        if (content > bytes || *size > bytes - content)
            return NULL;
        if (name_size == strlen(name) + 1 && memcmp(archive + at + HEADER, name, name_size) == 0)
            return archive + content;
        at = round_up(content + *size);
    }
    return NULL;
}
