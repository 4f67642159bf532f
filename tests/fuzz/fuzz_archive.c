// Boot archives, programs and symbol tables of any content
// SPDX-License-Identifier: MIT
//
// LINK: libipc/archive.c servers/init/program.c
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/archive.h"
#include "libipc/start.h"
#include "servers/init/program.h"

static void look_up(const struct archive *a)
{
    struct archive_file f;
    (void)archive_check(a);
    if (archive_find(a, "bin/", "x", 1, &f) != ARCHIVE_OK)
        return;
    if (f.offset > a->size || f.size > a->size - f.offset || f.bytes != a->bytes + f.offset)
        __builtin_trap();
}

static void read_program(const uint8_t *bytes, size_t size)
{
    struct program p;
    if (program_read(&p, bytes, size))
        return;
    if (p.data_offset + p.data_bytes > size || p.data_pages * 4096 < p.data_bytes || p.entry < PROGRAM_TEXT ||
        p.text_offset + (p.text_pages - 1) * 4096 > size || p.text_offset % 4096)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    uint64_t offset;
    memcpy(bytes, data, size);
    look_up(&(struct archive){bytes, size});
    read_program(bytes, size);
    const char *name = symbol_find(bytes, size, PROGRAM_TEXT + 100, &offset);
    if (name && name + strlen(name) >= (const char *)bytes + size)
        __builtin_trap();
    free(bytes);
    return 0;
}
