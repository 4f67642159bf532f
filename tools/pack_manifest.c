// A manifest that was written by hand: which programs and files it wants.
// SPDX-License-Identifier: MIT
//
// Everything else in it is the supervisor's to judge.
#include <errno.h>
#include <string.h>

#include "libipc/json.h"
#include "tools/file.h"
#include "tools/pack.h"

// Of the top level and of its objects and servers, the keys that matter here.
struct wanted {
    struct json_node objects, servers, failed;
    struct json_text image, file;
};

static bool skip_read(struct json *j, struct json_node object, struct wanted *w)
{
    static const struct json_field fields[] = {
        {.key = "objects", .offset = offsetof(struct wanted, objects), .kind = JSON_ARRAY},
        {.key = "servers", .offset = offsetof(struct wanted, servers), .kind = JSON_ARRAY},
        {.key = "failed", .offset = offsetof(struct wanted, failed), .kind = JSON_OBJECT},
        {.key = "image", .offset = offsetof(struct wanted, image), .kind = JSON_TEXT},
        {.key = "file", .offset = offsetof(struct wanted, file), .kind = JSON_TEXT},
    };
    *w = (struct wanted){0};
    return json_read_some(j, object, JSON_FIELDS(fields), w);
}

static const char *copy(struct pack *p, struct json_text t)
{
    return arena_text(p->arena, t.at, t.length);
}

static bool collect(struct pack *p, struct json *j, struct json_node array, const char *folder)
{
    struct wanted w, failed;
    for (struct json_node n = {0}; array.token && json_next(j, array, &n);) {
        if (!skip_read(j, n, &w) || (w.failed.token && !skip_read(j, w.failed, &failed)))
            return false;
        if (w.image.length)
            pack_image(p, copy(p, w.image));
        if (w.failed.token && failed.image.length)
            pack_image(p, copy(p, failed.image));
        if (!w.file.length)
            continue;
        const char *name = copy(p, w.file);
        *PLAN_ADD(p, &p->files, struct plan_file) =
            (struct plan_file){name, arena_format(p->arena, "%s%s", folder, name), 0};
    }
    return true;
}

static bool read_manifest(struct pack *p, struct report *r, const char *folder)
{
    struct json j;
    struct json_node root;
    struct wanted w;
    uint32_t count = json_count(&j, p->manifest, p->manifest_bytes);
    void *tokens = arena_alloc(p->arena, json_token_bytes(count));
    if (!count || !json_parse(&j, tokens, &root) || !skip_read(&j, root, &w) ||
        !collect(p, &j, w.objects, folder) || !collect(p, &j, w.servers, folder))
        return report_error(r, 0, "%s", j.error);
    return true;
}

bool pack_manifest(struct pack *p, struct report *r, const char *path)
{
    struct file f;
    const char *slash = strrchr(path, '/');
    if (!file_open(&f, path))
        return report_error(r, 0, "cannot be read: %s", strerror(errno));
    p->manifest = arena_text(p->arena, (const char *)f.bytes, f.size);
    p->manifest_bytes = f.size;
    file_close(&f);
    return read_manifest(p, r, arena_text(p->arena, path, slash ? (size_t)(slash - path) + 1 : 0));
}
