// A cpio archive in newc format [cpio(5), "New ASCII Format"].
// SPDX-License-Identifier: MIT
//
// What has to be aligned is moved there by an entry before it, of as many zeros as needed: every reader of
// cpio takes that, while names with padding are not taken by all.
#include "tools/cpio.h"

#include <string.h>

enum { HEADER = 110, ALIGN = 4, MODE = 0100444, TRAILER_INODE = 0 };

static const char pad_name[] = "pad";

static uint64_t up(uint64_t at, uint64_t align)
{
    return (at + align - 1) / align * align;
}

static void write_bytes(struct cpio *c, const void *bytes, size_t size)
{
    fwrite(bytes, 1, size, c->to);
    c->at += size;
}

static void write_zeros(struct cpio *c, uint64_t end)
{
    static const char zeros[512];
    while (c->at < end)
        write_bytes(c, zeros, end - c->at < sizeof zeros ? end - c->at : sizeof zeros);
}

static void write_header(struct cpio *c, const char *name, size_t size, uint32_t inode)
{
    size_t length = strlen(name) + 1;
    c->at += (size_t)fprintf(c->to, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", inode,
                             inode ? MODE : 0, 0, 0, 1, 0, size, 0, 0, 0, 0, length, 0);
    write_bytes(c, name, length);
    write_zeros(c, up(c->at, ALIGN));
}

// Where the content of an entry begins whose header is at `at`.
static uint64_t content(uint64_t at, const char *name)
{
    return up(at + HEADER + strlen(name) + 1, ALIGN);
}

void cpio_add(struct cpio *c, const char *name, const void *bytes, size_t size, size_t align, size_t aligned)
{
    uint64_t behind = content(c->at, pad_name);
    uint64_t off = (content(c->at, name) + aligned) % align;
    if (off) {
        // The pad's own header moves the file too, so its content is what is then missing.
        uint64_t missing = (align - (content(behind, name) + aligned) % align) % align;
        write_header(c, pad_name, missing, ++c->inode);
        write_zeros(c, up(c->at + missing, ALIGN));
    }
    write_header(c, name, size, ++c->inode);
    write_bytes(c, bytes, size);
    write_zeros(c, up(c->at, ALIGN));
}

void cpio_end(struct cpio *c)
{
    write_header(c, "TRAILER!!!", 0, TRAILER_INODE);
}
