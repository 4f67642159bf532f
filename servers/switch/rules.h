// What the configuration says of a port: whom it may reach, as whom it may speak, how much.
// SPDX-License-Identifier: MIT
//
// Its text, JSON: {"groups": a bit each, "address": number, "check": its own address alone may be sent from,
// "vlan": of frames without a tag, 0: they are dropped, "vlans": [first, last, ...] of frames with one,
// "frames", "frames_burst", "bytes", "bytes_burst": limits}. All but the groups may be left out.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/json.h"
#include "libipc/proto/net.h"
#include "servers/switch/bucket.h"

enum { RULES_RANGES_MAX = 16 };

struct rules {
    uint64_t groups;
    uint64_t address; // its own; 0: none is known
    bool check;
    uint16_t vlan;
    uint32_t range_count;
    struct vlan_range {
        uint16_t first, last;
    } range[RULES_RANGES_MAX];
    struct bucket_plan frames, bytes;
};

// False: *error, a text of JSON_ERROR_MAX, says why.
bool rules_read(struct rules *rules, const char *text, char *error);

// May the port have frames of this VLAN with a tag?
static inline bool rules_tags(const struct rules *r, uint16_t vlan)
{
    for (uint32_t i = 0; i < r->range_count; i++)
        if (r->range[i].first <= vlan && vlan <= r->range[i].last)
            return true;
    return false;
}
