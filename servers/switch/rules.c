// The rules of a port.
// SPDX-License-Identifier: MIT
#include "servers/switch/rules.h"

#include <string.h>

enum { TOKENS_MAX = 2 * RULES_RANGES_MAX + 32 };

struct keys {
    uint64_t groups, address, vlan, frames, frames_burst, bytes, bytes_burst;
    bool check;
    struct json_node vlans;
};

static bool read_vlan(struct json *j, struct json_node list, struct json_node *node, uint16_t *vlan)
{
    if (!json_next(j, list, node))
        return json_fail(j, list, "vlans: expected pairs of numbers");
    struct json_text text = json_raw(j, *node);
    uint32_t value = 0;
    for (uint32_t i = 0; i < text.length && value <= NET_VLAN_MAX; i++)
        value = text.at[i] >= '0' && text.at[i] <= '9' ? value * 10 + (uint32_t)(text.at[i] - '0')
                                                       : NET_VLAN_MAX + 1;
    *vlan = (uint16_t)value;
    return (value && value <= NET_VLAN_MAX) || json_fail(j, *node, "vlans: expected 1 to %d", NET_VLAN_MAX);
}

static bool read_vlans(struct json *j, struct json_node list, struct rules *rules)
{
    struct json_node node = {0};
    if (list.count > 2 * RULES_RANGES_MAX)
        return json_fail(j, list, "vlans: more than %d ranges", RULES_RANGES_MAX);
    for (uint32_t i = 0; i < list.count; i += 2) {
        struct vlan_range *range = &rules->range[rules->range_count++];
        if (!read_vlan(j, list, &node, &range->first) || !read_vlan(j, list, &node, &range->last))
            return false;
        if (range->first > range->last)
            return json_fail(j, node, "vlans: a range that ends before it begins");
    }
    return true;
}

static bool read_keys(struct json *j, struct json_node root, struct rules *rules)
{
#define NUMBER(member, first, last)                                                                          \
    {                                                                                                        \
        JSON_FIELD(struct keys, member), .kind = JSON_NUMBER, .optional = true, .least = (first),            \
                                         .most = (last)                                                      \
    }
    static const struct json_field fields[] = {
        {JSON_FIELD(struct keys, groups), .kind = JSON_NUMBER},
        NUMBER(address, 1, (UINT64_C(1) << 48) - 1),
        {JSON_FIELD(struct keys, check), .kind = JSON_BOOL, .optional = true},
        NUMBER(vlan, 0, NET_VLAN_MAX),
        {JSON_FIELD(struct keys, vlans), .kind = JSON_ARRAY, .optional = true},
        NUMBER(frames, 1, BUCKET_RATE_MAX),
        NUMBER(frames_burst, 1, BUCKET_BURST_MAX),
        NUMBER(bytes, 1, BUCKET_RATE_MAX),
        NUMBER(bytes_burst, 1, BUCKET_BURST_MAX),
    };
#undef NUMBER
    struct keys keys = {.vlan = NET_VLAN, .frames_burst = 1, .bytes_burst = 1};
    if (!json_read(j, root, "the rules of a port", JSON_FIELDS(fields), &keys))
        return false;
    if (keys.check && !keys.address)
        return json_fail(j, root, "address: expected one that is to be checked");
    *rules = (struct rules){.groups = keys.groups,
                            .address = keys.address,
                            .check = keys.check,
                            .vlan = (uint16_t)keys.vlan,
                            .frames = {keys.frames, keys.frames_burst},
                            .bytes = {keys.bytes, keys.bytes_burst}};
    return read_vlans(j, keys.vlans, rules);
}

bool rules_read(struct rules *rules, const char *text, char *error)
{
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    struct json j;
    struct json_node root;
    bool good = json_open(&j, text, tokens, sizeof tokens, &root) && read_keys(&j, root, rules);
    memcpy(error, j.error, JSON_ERROR_MAX);
    return good;
}
