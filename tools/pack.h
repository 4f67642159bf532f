// The boot archive: supervisor, manifest, programs with their symbols, files that fill memory objects.
// SPDX-License-Identifier: MIT
#pragma once

#include "tools/plan.h"
#include "tools/report.h"

struct pack {
    struct arena *arena;
    const char *programs; // the folder of NAME and NAME.stripped
    const char *manifest; // text
    size_t manifest_bytes;
    struct list images; // const char *, each once
    struct list files;  // struct plan_file
};

void pack_image(struct pack *p, const char *image);

// What a plan says; and what a manifest says that was written by hand, whose files count from the folder it
// lies in.
void pack_plan(struct pack *p, const struct plan *plan);
bool pack_manifest(struct pack *p, struct report *r, const char *path);

// False: something was reported, and no file appeared.
bool pack_write(struct pack *p, struct report *r, const char *path);
