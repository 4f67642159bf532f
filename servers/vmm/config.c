// The monitor's part of the manifest.
// SPDX-License-Identifier: MIT
//
// {"name": "alpha", "memory": 268435456, "cpus": 1, "cmdline": "...",
//  "kernel": {"offset": 0, "bytes": 14200000, "number": 0},
//  "initrd": {"offset": 0, "bytes": 1200000, "number": 1},
//  "devices": [2, 3]}
#include "servers/vmm/config.h"

#include <stdlib.h>
#include <string.h>

#include "libipc/json.h"
#include "libipc/proto/bus.h"

enum { TOKENS_MAX = 64, PAGE = 4096 };

struct keys {
    struct json_text name, cmdline;
    struct json_node kernel, initrd, devices;
};

static bool read_image(struct json *j, struct json_node node, struct config_image *image)
{
    static const struct json_field fields[] = {
        {JSON_FIELD(struct config_image, offset), .kind = JSON_NUMBER},
        {JSON_FIELD(struct config_image, bytes), .kind = JSON_NUMBER},
        {JSON_FIELD(struct config_image, number), .kind = JSON_NUMBER},
    };
    return !node.token || json_read(j, node, "an image", JSON_FIELDS(fields), image);
}

static bool read_devices(struct json *j, struct json_node list, struct vm_config *config)
{
    struct json_node node = {0};
    while (json_next(j, list, &node)) {
        struct json_text text = json_raw(j, node);
        char *end;
        unsigned long n = strtoul(text.at, &end, 10);
        if (end != text.at + text.length || n < BUS_FIRST_DEVICE || n >= BUS_DEVICES)
            return json_fail(j, node, "devices: numbers from %u to %u were expected", BUS_FIRST_DEVICE,
                             BUS_DEVICES - 1);
        config->devices |= UINT32_C(1) << n;
    }
    return true;
}

static bool read_keys(struct json *j, struct json_node root, struct vm_config *config)
{
    static const struct json_field plain[] = {
        {JSON_FIELD(struct vm_config, memory), .kind = JSON_NUMBER, .least = 1 << 20, .most = 1ull << 40},
        {JSON_FIELD(struct vm_config, cpus), .kind = JSON_NUMBER, .least = 1, .most = 1},
        {JSON_FIELD(struct vm_config, panel), .kind = JSON_BOOL, .optional = true},
        {JSON_FIELD(struct vm_config, test_devices), .kind = JSON_BOOL, .optional = true},
    };
    static const struct json_field others[] = {
        {JSON_FIELD(struct keys, name), .kind = JSON_TEXT},
        {JSON_FIELD(struct keys, cmdline), .kind = JSON_TEXT},
        {JSON_FIELD(struct keys, kernel), .kind = JSON_OBJECT},
        {JSON_FIELD(struct keys, initrd), .kind = JSON_OBJECT, .optional = true},
        {JSON_FIELD(struct keys, devices), .kind = JSON_ARRAY, .optional = true},
    };
    struct keys keys = {0};
    if (!json_read_some(j, root, JSON_FIELDS(plain), config) ||
        !json_read_some(j, root, JSON_FIELDS(others), &keys))
        return false;
    if (!config->memory || config->memory % PAGE || !config->cpus)
        return json_fail(j, root, "memory: a multiple of 4096 bytes was expected, and one of cpus");
    if (!json_copy(keys.name, config->name, sizeof config->name) ||
        !json_copy(keys.cmdline, config->cmdline, sizeof config->cmdline))
        return json_fail(j, root, "name or cmdline: too long, or an unknown escape");
    return read_image(j, keys.kernel, &config->kernel) && read_image(j, keys.initrd, &config->initrd) &&
           read_devices(j, keys.devices, config);
}

const char *config_read(struct vm_config *config, const char *text)
{
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    static struct json j;
    struct json_node root;
    *config = (struct vm_config){0};
    return json_open(&j, text, tokens, sizeof tokens, &root) && read_keys(&j, root, config) ? NULL : j.error;
}
