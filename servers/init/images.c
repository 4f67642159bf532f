// Programs: their text is one memory object for all servers that run them, and lies in the boot archive.
// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "libipc/proto/manifest.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

enum { PAGE = 4096 };

static void load(struct image *image, struct json_text text, uint32_t slot)
{
    const char *name = text.at;
    int length = (int)text.length;
    enum archive_status found =
        archive_find(&init.archive, MANIFEST_PROGRAM, name, text.length, &image->file);
    if (found != ARCHIVE_OK)
        fatal("program %.*s: %s", length, name, archive_status_text(found));
    const char *wrong = program_read(&image->program, image->file.bytes, image->file.size);
    if (wrong)
        fatal("program %.*s: %s", length, name, wrong);
    uint64_t at = image->file.offset + image->program.text_offset;
    if (at % PAGE)
        fatal("program %.*s does not begin at a page of the boot archive", length, name);
    enum status s = sys_create(OBJECT_MEMORY, slot, ROOT_SLOT_PROCESS, image->program.text_pages, SLOT_NONE,
                               ROOT_SLOT_ARCHIVE, 0);
    if (s == STATUS_OK)
        s = sys_supply(slot, 0, ROOT_SLOT_ARCHIVE, at / PAGE, image->program.text_pages, SUPPLY_BORROW);
    if (s != STATUS_OK)
        fatal("program %.*s: its text: %s", length, name, status_name(s));
    if (archive_find(&init.archive, MANIFEST_SYMBOLS, name, text.length, &image->symbols) != ARCHIVE_OK)
        image->symbols.size = 0; // a backtrace then has no names
}

uint32_t image_find(struct json_text name)
{
    uint32_t i = 0;
    while (i < init.image_count && !json_same(init.image[i].name, name))
        i++;
    if (i < init.image_count)
        return i;
    if (i == IMAGES_MAX)
        fatal("more than %u programs", IMAGES_MAX);
    load(&init.image[i], name, SLOT_TEXT + i);
    memcpy(init.image[i].copy, name.at, name.length < PROGRAM_NAME_MAX ? name.length : PROGRAM_NAME_MAX);
    init.image[i].name = (struct json_text){init.image[i].copy, name.length};
    init.image_count++;
    return i;
}

void image_use(uint32_t n)
{
    const struct manifest_server *m = &init.m.server[n];
    init.server[n].image = image_find(m->program.image);
    if (m->failed.image.length)
        init.server[n].failed_image = image_find(m->failed.image);
    init.image[init.server[n].image].instances++;
    init.server[n].program = &m->program;
}

void images_load(void)
{
    init.image = calloc(IMAGES_MAX, sizeof *init.image);
    if (!init.image)
        fatal("too little memory for the list of programs");
    for (uint32_t n = 0; n < init.m.server_count; n++)
        image_use(n);
}

const char *image_symbol(uint32_t image, uint64_t address, uint64_t *offset)
{
    const struct archive_file *table = &init.image[image].symbols;
    return symbol_find(table->bytes, table->size, address, offset);
}
