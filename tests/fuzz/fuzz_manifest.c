// Manifests of any content: read and given back; what is accepted refers to what is there
// SPDX-License-Identifier: MIT
//
// LINK: libipc/json.c servers/init/manifest.c servers/init/manifest_objects.c
// LINK: servers/init/manifest_change.c servers/init/manifest_servers.c
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "servers/init/manifest.h"

static void known(const struct manifest *m, uint16_t object, uint32_t type)
{
    bool builtin = object >= BUILTIN_FIRST && object < BUILTIN_END;
    if (!builtin && (object >= m->object_count || m->object[object].type != type))
        __builtin_trap();
}

static void check_maps(const struct manifest *m, const struct manifest_maps *maps)
{
    for (uint32_t i = 0; i < maps->count; i++)
        known(m, maps->map[i].memory, MANIFEST_MEMORY);
}

static void check_object(const struct manifest *m, const struct manifest_object *o)
{
    if (o->payer != MANIFEST_NONE)
        known(m, o->payer, MANIFEST_QUOTA);
    if (o->type == MANIFEST_MEMORY && o->memory.pager != MANIFEST_NONE)
        known(m, o->memory.pager, MANIFEST_ENDPOINT);
    if (o->type == MANIFEST_SPACE)
        check_maps(m, &o->space.maps);
    if (o->type == MANIFEST_VCPU) {
        known(m, o->vcpu.vm, MANIFEST_VM);
        known(m, o->vcpu.monitor, MANIFEST_ENDPOINT);
    }
}

static void check_program(const struct manifest *m, const struct manifest_server *s,
                          const struct manifest_program *p)
{
    check_maps(m, &p->maps);
    for (uint32_t k = 0; k < p->cap_count; k++)
        if (p->cap[k].slot >= s->slots || p->cap[k].rights > RIGHT_ALL)
            __builtin_trap();
}

static void check(const struct manifest *m)
{
    for (uint32_t i = 0; i < m->object_count; i++)
        check_object(m, &m->object[i]);
    for (uint32_t i = 0; i < m->server_count; i++) {
        const struct manifest_server *s = &m->server[i];
        known(m, s->account, MANIFEST_ACCOUNT);
        check_program(m, s, &s->program);
        check_program(m, s, &s->failed);
    }
    for (uint32_t i = 0; i < m->injection_count; i++)
        if (m->injection[i].server >= m->server_count)
            __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest m;
    char error[JSON_ERROR_MAX];
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    if (manifest_read(&m, text, size, error))
        check(&m);
    else if (!memchr(error, 0, sizeof error) || !error[0])
        __builtin_trap();
    manifest_free(&m);
    free(text);
    return 0;
}
