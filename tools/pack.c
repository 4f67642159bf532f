// The boot archive.
// SPDX-License-Identifier: MIT
#include "tools/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cpio.h"
#include "tools/file.h"
#include "tools/manifest.h"
#include "tools/symbols.h"

void pack_image(struct pack *p, const char *image)
{
    PLAN_EACH(const char *, known, &p->images)
    if (strcmp(*known, image) == 0)
        return;
    *PLAN_ADD(p, &p->images, const char *) = image;
}

void pack_plan(struct pack *p, const struct plan *plan)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, &p->manifest_bytes);
    if (to) {
        manifest_write(plan, to);
        fclose(to);
        p->manifest = arena_text(p->arena, text, p->manifest_bytes);
    }
    free(text);
    PLAN_EACH(struct plan_server, s, &plan->servers)
    {
        pack_image(p, s->program.image);
        if (s->failed.image)
            pack_image(p, s->failed.image);
    }
    p->files = plan->files;
}

static bool add_file(struct cpio *c, struct report *r, const struct plan_file *f, size_t align)
{
    struct file file;
    if (!file_open(&file, f->path))
        return report_error(r, 0, "%s: %s, expected the file for %s", f->path, strerror(errno), f->name);
    cpio_add(c, f->name, file.bytes, file.size, align, f->aligned);
    file_close(&file);
    return true;
}

static bool add_symbols(const struct pack *p, struct cpio *c, struct report *r, const char *image)
{
    struct file file;
    const uint8_t *table;
    size_t bytes;
    const char *path = arena_format(p->arena, "%s/%s", p->programs, image);
    if (!file_open(&file, path))
        return report_error(r, 0, "%s: %s, expected the program with its symbols", path, strerror(errno));
    bool good = symbols_make(p->arena, file.bytes, file.size, &table, &bytes);
    if (good)
        cpio_add(c, arena_format(p->arena, "%s%s", MANIFEST_SYMBOLS, image), table, bytes, sizeof(uint64_t),
                 0);
    else
        report_error(r, 0, "%s: no ELF64 file with symbols, expected a program", path);
    file_close(&file);
    return good;
}

static bool add_program(const struct pack *p, struct cpio *c, struct report *r, const char *name,
                        const char *image, size_t align)
{
    const char *path = arena_format(p->arena, "%s/%s.stripped", p->programs, image);
    return add_file(c, r, &(struct plan_file){name, path, 0}, align);
}

static bool add_all(const struct pack *p, struct cpio *c, struct report *r)
{
    bool good = add_program(p, c, r, MANIFEST_INIT, MANIFEST_INIT, 1);
    cpio_add(c, MANIFEST_FILE, p->manifest, p->manifest_bytes, 1, 0);
    PLAN_EACH(const char *, image, &p->images)
    {
        const char *name = arena_format(p->arena, "%s%s", MANIFEST_PROGRAM, *image);
        good = add_program(p, c, r, name, *image, MANIFEST_ALIGN) && add_symbols(p, c, r, *image) && good;
    }
    PLAN_EACH(struct plan_file, f, &p->files)
    good = add_file(c, r, f, MANIFEST_ALIGN) && good;
    cpio_end(c);
    return good;
}

bool pack_write(struct pack *p, struct report *r, const char *path)
{
    struct new_file file;
    if (!new_file_open(&file, path))
        return report_error(r, 0, "%s: %s, expected to write the archive there", path, strerror(errno));
    struct cpio c = {.to = file.to};
    if (!add_all(p, &c, r)) {
        new_file_drop(&file);
        return false;
    }
    return new_file_done(&file) ||
           report_error(r, 0, "%s: %s, expected to write the archive there", path, strerror(errno));
}
