// What the parts of the manifest's reader know of each other.
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/init/manifest.h"

struct manifest_reader {
    struct json json;
    struct manifest *m;
    bool own; // what is named must be fresh: of a part, where it speaks of the VM's own
};

// Makes room for the node's items behind the first `count`, zeroed; more than `most` are an error.
bool reader_grow(struct manifest_reader *r, struct json_node node, void **items, uint32_t count,
                 uint32_t most, size_t bytes, const char *what);

// The same for a list whose items never move: it has room for the most from the beginning.
bool reader_list(struct manifest_reader *r, struct json_node node, void **items, uint32_t most, size_t bytes,
                 const char *what);

// What a name stands for; MANIFEST_NONE: nothing.
uint16_t reader_find(const struct manifest *m, struct json_text name);

// The same, where something must be there; the error names the key. types: a mask of enum manifest_type that
// may be meant.
bool reader_object(struct manifest_reader *r, struct json_node where, const char *key, struct json_text name,
                   uint32_t types, uint16_t *object);
// Whether or not it is the own.
bool reader_any_object(struct manifest_reader *r, struct json_node where, const char *key,
                       struct json_text name, uint32_t types, uint16_t *object);
// A memory object of the list that the supervisor reads or writes: filled so, and if not 0 of so many pages.
bool reader_filled(struct manifest_reader *r, struct json_node where, uint16_t object,
                   enum manifest_fill fill, uint64_t pages);
bool reader_rights(struct manifest_reader *r, struct json_node where, struct json_text letters,
                   uint32_t allowed, uint16_t *rights);
bool reader_maps(struct manifest_reader *r, struct json_node array, struct manifest_maps *maps);

// The names first, so that objects may refer to later ones; then all else.
bool reader_object_names(struct manifest_reader *r, struct json_node array);
bool reader_objects(struct manifest_reader *r, struct json_node array);
bool reader_servers(struct manifest_reader *r, struct json_node array);
bool reader_vms(struct manifest_reader *r, struct json_node array);
bool reader_memory_list(struct manifest_reader *r, struct json_node array, uint16_t **list, uint32_t *count);
// Whose is what a name of a table stands for: a server, or a console ("VM", "VM.port")?
uint16_t reader_owner(const struct manifest *m, struct json_text name);
bool reader_drain(struct manifest_reader *r, struct json_node array);
bool reader_find_server(struct manifest_reader *r, struct json_node n, struct json_text name,
                        uint16_t *server);
// Further capabilities and windows of a server that is there.
bool reader_extend(struct manifest_reader *r, struct json_node where, struct json_node caps,
                   struct json_node maps, struct manifest_server *s);

void manifest_free_object(struct manifest_object *o);
void manifest_free_server(struct manifest_server *s);
void manifest_free_vm(struct manifest_vm *vm);

#define READER_FIELD(type, member_, kind_)                                                                   \
    {                                                                                                        \
        .key = #member_, .offset = offsetof(struct type, member_), .kind = (kind_)                           \
    }
#define READER_OPTIONAL(type, member_, kind_)                                                                \
    {                                                                                                        \
        .key = #member_, .offset = offsetof(struct type, member_), .kind = (kind_), .optional = true         \
    }
#define READER_RANGE(type, member_, least_, most_)                                                           \
    {                                                                                                        \
        .key = #member_, .offset = offsetof(struct type, member_), .kind = JSON_NUMBER, .least = (least_),   \
        .most = (most_)                                                                                      \
    }
#define READER_NAME(type, member_)                                                                           \
    {                                                                                                        \
        .key = #member_, .offset = offsetof(struct type, member_), .kind = JSON_TEXT, .least = 1,            \
        .most = MANIFEST_NAME_MAX                                                                            \
    }
