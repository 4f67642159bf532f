// The monitor's part of the manifest: one table of keys.
// SPDX-License-Identifier: MIT
//
// {"name": "alpha", "memory": 268435456, "cpus": 1, "unix_time": 0, "cmdline": "...",
//  "kernel": {"offset": 0, "bytes": 14200000}, "initrd": {"offset": 0, "bytes": 1200000}}
#include "servers/vmm/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSMN_STRICT
#define JSMN_STATIC
#include <jsmn.h>

enum { TOKENS_MAX = 64 };

struct reader {
    const char *text;
    jsmntok_t token[TOKENS_MAX];
    char error[128];
};

enum key_kind { KEY_NUMBER, KEY_STRING, KEY_IMAGE };

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset, size;
};

#define FIELD(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)

static const struct key vm_keys[] = {
    {"name", KEY_STRING, FIELD(vm_config, name)},
    {"memory", KEY_NUMBER, FIELD(vm_config, memory)},
    {"cpus", KEY_NUMBER, FIELD(vm_config, cpus)},
    {"unix_time", KEY_NUMBER, FIELD(vm_config, unix_time)},
    {"cmdline", KEY_STRING, FIELD(vm_config, cmdline)},
    {"kernel", KEY_IMAGE, FIELD(vm_config, kernel)},
    {"initrd", KEY_IMAGE, FIELD(vm_config, initrd)},
    {NULL, 0, 0, 0},
};

static const struct key image_keys[] = {
    {"offset", KEY_NUMBER, FIELD(config_image, offset)},
    {"bytes", KEY_NUMBER, FIELD(config_image, bytes)},
    {NULL, 0, 0, 0},
};

static int read_object(struct reader *r, int at, const struct key *keys, void *to);

static int fail(struct reader *r, const jsmntok_t *t, const char *what)
{
    snprintf(r->error, sizeof r->error, "configuration: '%.*s': %s",
             t->end - t->start > 40 ? 40 : t->end - t->start, r->text + t->start, what);
    return -1;
}

// A JSON string without its escapes (\" \\ \/ \n \t; others are refused).
static int read_string(struct reader *r, const jsmntok_t *t, char *to, size_t size)
{
    size_t n = 0;
    for (int i = t->start; i < t->end; i++) {
        char c = r->text[i];
        if (c == '\\') {
            const char *escapes = "\"\\/nt", *values = "\"\\/\n\t", *e = strchr(escapes, r->text[++i]);
            if (!e || !*e)
                return fail(r, t, "unknown escape");
            c = values[e - escapes];
        }
        if (n + 1 >= size)
            return fail(r, t, "too long");
        to[n++] = c;
    }
    to[n] = 0;
    return 0;
}

static int read_number(struct reader *r, const jsmntok_t *t, uint64_t *to)
{
    char *end;
    if (t->type != JSMN_PRIMITIVE || r->text[t->start] < '0' || r->text[t->start] > '9')
        return fail(r, t, "a number was expected");
    *to = strtoull(r->text + t->start, &end, 10);
    return end == r->text + t->end ? 0 : fail(r, t, "a whole number was expected");
}

// The value at token `at`; returns the index of the token behind it, -1 with an error.
static int read_value(struct reader *r, int at, const struct key *k, char *to)
{
    const jsmntok_t *t = &r->token[at];
    switch (k->kind) {
    case KEY_IMAGE: return read_object(r, at, image_keys, to);
    case KEY_NUMBER: return read_number(r, t, (uint64_t *)(void *)to) < 0 ? -1 : at + 1;
    case KEY_STRING:
        if (t->type != JSMN_STRING)
            return fail(r, t, "a string was expected");
        return read_string(r, t, to, k->size) < 0 ? -1 : at + 1;
    }
    return -1;
}

static int read_object(struct reader *r, int at, const struct key *keys, void *to)
{
    const jsmntok_t *object = &r->token[at++];
    if (object->type != JSMN_OBJECT)
        return fail(r, object, "an object was expected");
    for (int i = 0; i < object->size; i++) {
        const jsmntok_t *name = &r->token[at];
        const struct key *k = keys;
        size_t length = (size_t)(name->end - name->start);
        while (k->name && (strlen(k->name) != length || memcmp(k->name, r->text + name->start, length) != 0))
            k++;
        if (!k->name)
            return fail(r, name, "unknown key");
        at = read_value(r, at + 1, k, (char *)to + k->offset);
        if (at < 0)
            return -1;
    }
    return at;
}

const char *config_read(struct vm_config *config, const char *text)
{
    static struct reader r;
    jsmn_parser parser;
    memset(config, 0, sizeof *config);
    r.text = text;
    jsmn_init(&parser);
    if (jsmn_parse(&parser, text, strlen(text), r.token, TOKENS_MAX) < 1)
        return "configuration: no JSON, or too long";
    if (read_object(&r, 0, vm_keys, config) < 0)
        return r.error;
    if (config->memory < 1u << 20 || config->memory % 4096)
        return "configuration: memory is at least 1 MiB and a multiple of 4096";
    return config->cpus == 1 ? NULL : "configuration: cpus: only 1 is supported";
}
