// The boot archive, read.
// SPDX-License-Identifier: MIT
#include "libipc/archive.h"

#include <string.h>

enum {
    HEADER = 110,
    SIZE_AT = 54,      // hexadecimal, 8 digits
    NAME_SIZE_AT = 94, // with the NUL
    ALIGN = 4
};

static const char magic[] = "070701", trailer[] = "TRAILER!!!";

struct entry {
    const char *name; // ended by NUL
    struct archive_file file;
    uint64_t next;
};

static bool read_hex(const uint8_t *digits, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned c = digits[i], low = c | 0x20;
        unsigned digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : 16;
        if (digit > 15)
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static uint64_t up(uint64_t at)
{
    return (at + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

// All numbers have 32 bits, so that sums of a few cannot overflow.
static enum archive_status entry_at(const struct archive *a, uint64_t at, struct entry *e)
{
    uint64_t size, name_size;
    if (at > a->size || a->size - at < HEADER)
        return ARCHIVE_TRUNCATED;
    const uint8_t *h = a->bytes + at;
    if (memcmp(h, magic, sizeof magic - 1) != 0 || !read_hex(h + SIZE_AT, &size) ||
        !read_hex(h + NAME_SIZE_AT, &name_size) || name_size == 0)
        return ARCHIVE_FOREIGN;
    uint64_t content = up(at + HEADER + name_size);
    if (content > a->size || size > a->size - content)
        return ARCHIVE_TRUNCATED;
    e->name = (const char *)h + HEADER;
    if (e->name[name_size - 1])
        return ARCHIVE_FOREIGN;
    e->file = (struct archive_file){a->bytes + content, size, content};
    e->next = up(content + size);
    return ARCHIVE_OK;
}

enum archive_status archive_find(const struct archive *a, const char *prefix, const char *name, size_t length,
                                 struct archive_file *file)
{
    struct entry e;
    size_t before = strlen(prefix);
    for (uint64_t at = 0;; at = e.next) {
        enum archive_status s = entry_at(a, at, &e);
        if (s != ARCHIVE_OK)
            return s;
        if (strcmp(e.name, trailer) == 0)
            return ARCHIVE_NOT_FOUND;
        if (strncmp(e.name, prefix, before) == 0 && strncmp(e.name + before, name, length) == 0 &&
            !e.name[before + length]) {
            *file = e.file;
            return ARCHIVE_OK;
        }
    }
}

enum archive_status archive_check(const struct archive *a)
{
    struct entry e;
    for (uint64_t at = 0;; at = e.next) {
        enum archive_status s = entry_at(a, at, &e);
        if (s != ARCHIVE_OK || strcmp(e.name, trailer) == 0)
            return s;
    }
}

const char *archive_status_text(enum archive_status s)
{
    static const char *const texts[] = {
        [ARCHIVE_OK] = "good",
        [ARCHIVE_NOT_FOUND] = "not in the boot archive",
        [ARCHIVE_FOREIGN] = "damaged: no cpio archive in newc format",
        [ARCHIVE_TRUNCATED] = "truncated",
    };
    return texts[s];
}
