// What a guest wants to receive.
// SPDX-License-Identifier: MIT
#include "servers/net/filter.h"

#include <string.h>

enum { TAG_TYPE_HIGH = 0x81, TAG_TYPE_LOW = 0x00, VLAN_MASK = 0xfff };

void filter_reset(struct filter *f, const uint8_t *address)
{
    *f = (struct filter){.modes = 1 << NIC_PROMISCUOUS};
    memcpy(f->address, address, NET_ADDRESS);
}

// ---- frames ----

static bool has_mode(const struct filter *f, enum nic_command mode)
{
    return f->modes >> mode & 1;
}

static bool is_in(const struct filter_table *t, const uint8_t *address)
{
    if (t->all)
        return true;
    for (uint32_t i = 0; i < t->count; i++)
        if (memcmp(t->address[i], address, NET_ADDRESS) == 0)
            return true;
    return false;
}

static bool wants_vlan(const struct filter *f, const uint8_t *frame)
{
    const uint8_t *tag = frame + NET_TAG_AT;
    if (!f->vlans_count || tag[0] != TAG_TYPE_HIGH || tag[1] != TAG_TYPE_LOW)
        return true;
    uint32_t vlan = ((uint32_t)tag[2] << 8 | tag[3]) & VLAN_MASK;
    return f->vlans[vlan / 64] >> vlan % 64 & 1;
}

static bool wants_group(const struct filter *f, const uint8_t *address)
{
    static const uint8_t everybody[NET_ADDRESS] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (memcmp(address, everybody, NET_ADDRESS) == 0)
        return !has_mode(f, NIC_NO_BROADCAST);
    if (has_mode(f, NIC_NO_GROUPS))
        return false;
    return has_mode(f, NIC_ALL_GROUPS) || is_in(&f->groups, address);
}

static bool wants_single(const struct filter *f, const uint8_t *address)
{
    if (has_mode(f, NIC_NO_SINGLES))
        return false;
    return has_mode(f, NIC_ALL_SINGLES) || memcmp(address, f->address, NET_ADDRESS) == 0 ||
           is_in(&f->singles, address);
}

bool filter_wants(const struct filter *f, const uint8_t *frame)
{
    if (!wants_vlan(f, frame))
        return false;
    if (has_mode(f, NIC_PROMISCUOUS))
        return true;
    return frame[0] & 1 ? wants_group(f, frame) : wants_single(f, frame);
}

// ---- commands ----

static enum nic_answer set_mode(struct filter *f, uint64_t features, uint8_t command,
                                struct virtq_stream *data)
{
    uint64_t needs = command > NIC_ALL_GROUPS ? NIC_F_RECEIVE_MORE : NIC_F_RECEIVE;
    uint8_t on;
    if (!(features & needs) || command > NIC_NO_BROADCAST || virtq_stream_get(data, &on, 1) != 1 || on > 1)
        return NIC_ERROR;
    f->modes = (uint8_t)((f->modes & ~(1u << command)) | (uint32_t)on << command);
    return NIC_OK;
}

static bool read_table(struct filter_table *t, struct virtq_stream *data)
{
    uint32_t count;
    uint8_t address[NET_ADDRESS];
    if (virtq_stream_get(data, &count, sizeof count) != sizeof count || count > data->bytes / NET_ADDRESS)
        return false;
    for (uint32_t i = 0; i < count && virtq_stream_get(data, address, NET_ADDRESS) == NET_ADDRESS; i++)
        if (i < FILTER_TABLE)
            memcpy(t->address[t->count++], address, NET_ADDRESS);
    t->all = count > FILTER_TABLE;
    return true;
}

static enum nic_answer set_tables(struct filter *f, struct virtq_stream *data)
{
    struct filter_table singles = {0}, groups = {0};
    if (data->bytes > FILTER_TABLE_BYTES || !read_table(&singles, data) || !read_table(&groups, data))
        return NIC_ERROR;
    f->singles = singles;
    f->groups = groups;
    return NIC_OK;
}

static enum nic_answer set_address(struct filter *f, uint64_t features, struct virtq_stream *data)
{
    uint8_t address[NET_ADDRESS];
    if (!(features & NIC_F_ADDRESS) || virtq_stream_get(data, address, NET_ADDRESS) != NET_ADDRESS ||
        address[0] & 1)
        return NIC_ERROR;
    memcpy(f->address, address, NET_ADDRESS);
    return NIC_OK;
}

static enum nic_answer set_vlan(struct filter *f, uint8_t command, struct virtq_stream *data)
{
    uint16_t vlan;
    if (command > NIC_DELETE_VLAN || virtq_stream_get(data, &vlan, sizeof vlan) != sizeof vlan ||
        vlan >= FILTER_VLANS)
        return NIC_ERROR;
    uint64_t bit = UINT64_C(1) << vlan % 64;
    if (command == NIC_ADD_VLAN)
        f->vlans[vlan / 64] |= bit;
    else
        f->vlans[vlan / 64] &= ~bit;
    return NIC_OK;
}

enum nic_answer filter_command(struct filter *f, uint64_t features, enum nic_class class, uint8_t command,
                               struct virtq_stream *data)
{
    if (class == NIC_CLASS_RECEIVE)
        return set_mode(f, features, command, data);
    if (class == NIC_CLASS_ADDRESS && command == NIC_TABLES && features & NIC_F_RECEIVE)
        return set_tables(f, data);
    if (class == NIC_CLASS_ADDRESS && command == NIC_SET_ADDRESS)
        return set_address(f, features, data);
    return class == NIC_CLASS_VLAN && features & NIC_F_VLAN ? set_vlan(f, command, data) : NIC_ERROR;
}
