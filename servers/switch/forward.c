// The switch: where a frame goes, and how it gets there.
// SPDX-License-Identifier: MIT
#include "servers/common/copy.h"
#include "servers/common/net_head.h"
#include "servers/switch/switch_internal.h"

#include <string.h>

// [802.1Q] 9.5, 9.6, 8.6.3: a tag's type, its VLAN, and the addresses that no bridge forwards.
enum { TAG_TYPE = 0x8100, VLAN_MASK = 0xfff, HEAD = sizeof(struct net_head) };
#define BRIDGES UINT64_C(0x0180c2000000)

// A frame from a port, its first cell as it was checked.
struct frame {
    struct net_first first;
    const struct ring *ring;
    uint64_t position;
    uint64_t source, destination;
    uint32_t port;
    uint16_t vlan;
    bool has_tag;
    bool tagged; // the tag names a VLAN
};

static uint16_t load16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

// ---- what comes from a port ----

// NET_IN_FRAMES: it may go on; else why not.
static enum net_counter read_vlan(struct frame *f, const struct rules *r)
{
    const uint8_t *type = f->first.frame + NET_TAG_AT;
    uint32_t bytes = f->first.head.bytes;
    f->has_tag = load16(type) == TAG_TYPE;
    if (f->has_tag ? bytes < NET_FRAME_MIN + NET_TAG : bytes > NET_FRAME_MAX - NET_TAG)
        return NET_IN_LENGTH;
    uint16_t named = f->has_tag ? load16(type + 2) & VLAN_MASK : 0;
    f->tagged = named;
    f->vlan = named ? named : r->vlan;
    return f->vlan && (!named || rules_tags(r, named)) ? NET_IN_FRAMES : NET_IN_VLAN;
}

static enum net_counter read_addresses(const struct switch_server *s, struct frame *f, const struct rules *r)
{
    f->destination = address_of(f->first.frame);
    f->source = address_of(f->first.frame + NET_ADDRESS);
    if (!f->source || address_is_group(f->source))
        return NET_IN_SOURCE;
    uint8_t owner = addresses_owner(&s->addresses, f->source);
    if (r->check ? f->source != r->address : owner != ADDRESSES_NONE && owner != f->port)
        return NET_IN_SOURCE;
    return f->destination >> 4 == BRIDGES >> 4 ? NET_IN_LOCAL : NET_IN_FRAMES;
}

static enum net_counter count_limits(const struct switch_server *s, const struct frame *f,
                                     const struct rules *r, uint64_t now)
{
    struct switch_state *t = &s->state[f->port];
    const uint32_t frames = net_head_segments(&f->first.head), bytes = f->first.head.bytes;
    if (r->frames.rate)
        bucket_fill(&t->frames, &r->frames, s->hz, now);
    if (r->bytes.rate)
        bucket_fill(&t->bytes, &r->bytes, s->hz, now);
    if ((r->frames.rate && !bucket_has(&t->frames, s->hz, frames)) ||
        (r->bytes.rate && !bucket_has(&t->bytes, s->hz, bytes)))
        return NET_IN_LIMIT;
    if (r->frames.rate)
        bucket_take(&t->frames, s->hz, frames);
    if (r->bytes.rate)
        bucket_take(&t->bytes, s->hz, bytes);
    return NET_IN_FRAMES;
}

static enum net_counter judge(const struct switch_server *s, struct frame *f, uint64_t now)
{
    const struct rules *r = &s->port[f->port].rules;
    if (net_head_check(&f->first.head, NET_OFFERS_ALL) != NET_GOOD)
        return NET_IN_HEAD;
    enum net_counter why = read_vlan(f, r);
    if (why == NET_IN_FRAMES)
        why = read_addresses(s, f, r);
    if (why == NET_IN_FRAMES)
        why = count_limits(s, f, r, now);
    return why;
}

// ---- to whom ----

static bool carries(const struct rules *r, uint16_t vlan)
{
    return r->vlan == vlan || rules_tags(r, vlan);
}

// A port that sends from its own address alone is nobody unknown.
static bool may_be_there(const struct frame *f, const struct rules *r)
{
    return address_is_group(f->destination) || !r->check;
}

static uint64_t everybody(struct switch_server *s, const struct frame *f)
{
    uint64_t ports = 0;
    for (uint64_t left = s->port[f->port].peers; left; left &= left - 1) {
        uint32_t port = (uint32_t)__builtin_ctzll(left);
        const struct rules *r = &s->port[port].rules;
        if (switch_has(s, port) && carries(r, f->vlan) && may_be_there(f, r))
            ports |= left & -left;
    }
    return ports;
}

static uint64_t find(struct switch_server *s, const struct frame *f)
{
    uint64_t peers = s->port[f->port].peers;
    if (address_is_group(f->destination))
        return everybody(s, f);
    uint32_t port = addresses_owner(&s->addresses, f->destination);
    if (port == ADDRESSES_NONE)
        port = addresses_find(&s->addresses, f->destination, f->vlan, peers | UINT64_C(1) << f->port,
                              (uint32_t)s->second);
    if (port == ADDRESSES_NONE)
        return everybody(s, f);
    if (port == f->port)
        return UINT64_C(1) << port;
    bool reaches = peers >> port & 1 && switch_has(s, port) && carries(&s->port[port].rules, f->vlan);
    return reaches ? UINT64_C(1) << port : 0;
}

// ---- into a ring ----

// What the receiver gets in place of the first cell.
struct lead {
    struct net_head head;
    uint8_t frame[sizeof((struct net_first *)0)->frame + NET_TAG];
    uint32_t bytes; // of both
};

static void move_offsets(struct net_head *h, int bytes)
{
    h->bytes += (uint32_t)bytes;
    h->sum_start = (uint16_t)(h->sum_start + (h->sum_start ? bytes : 0));
    h->header_bytes = (uint16_t)(h->header_bytes + (h->header_bytes ? bytes : 0));
}

// With the VLAN's tag, without one, or as it is.
static void make_lead(const struct frame *f, bool tags, struct lead *l)
{
    const uint8_t *from = f->first.frame;
    uint32_t skip = 0, put = 0;
    l->head = f->first.head;
    if (tags && !f->has_tag)
        move_offsets(&l->head, (int)(put = NET_TAG));
    else if (!tags && f->tagged)
        move_offsets(&l->head, -(int)(skip = NET_TAG));
    memcpy(l->frame, from, NET_TAG_AT);
    memcpy(l->frame + NET_TAG_AT + put, from + NET_TAG_AT + skip, sizeof f->first.frame - NET_TAG_AT - skip);
    if (tags) {
        uint16_t priority = f->has_tag ? load16(from + NET_TAG_AT + 2) & (uint16_t)~VLAN_MASK : 0;
        uint16_t tag = priority | f->vlan;
        const uint8_t bytes[NET_TAG] = {TAG_TYPE >> 8, TAG_TYPE & 0xff, (uint8_t)(tag >> 8), (uint8_t)tag};
        memcpy(l->frame + NET_TAG_AT, bytes, NET_TAG);
    }
    l->bytes = NET_CELL + put - skip;
}

static void copy_rest(const struct frame *f, const struct ring *to, uint64_t position, uint32_t at)
{
    uint32_t bytes = f->first.head.bytes + HEAD, done = NET_CELL;
    while (done < bytes) {
        uint8_t *source, *target;
        uint32_t piece = net_span(f->ring, f->position, done, bytes - done, &source);
        piece = net_span(to, position, at, piece, &target);
        copy_bytes(target, source, piece);
        done += piece;
        at += piece;
    }
}

// The first cell and a tag lie in two places at most.
static void copy_lead(const struct lead *l, const struct ring *to, uint64_t position)
{
    uint32_t bytes = l->head.bytes + HEAD < l->bytes ? l->head.bytes + HEAD : l->bytes;
    for (uint32_t done = 0, piece; done < bytes; done += piece) {
        uint8_t *target;
        piece = net_span(to, position, done, bytes - done, &target);
        memcpy(target, (const uint8_t *)l + done, piece);
    }
}

static void give(struct switch_server *s, const struct frame *f, uint32_t port)
{
    struct switch_port *p = &s->port[port];
    struct switch_state *t = &s->state[port];
    struct lead lead;
    uint32_t room;
    make_lead(f, p->rules.vlan != f->vlan, &lead);
    uint32_t cells = net_cells(lead.head.bytes);
    if (!net_has_room(&p->to, t->given, cells)) {
        p->count[ring_room(&p->to, &room) ? NET_OUT_FULL : NET_OUT_INDEX]++;
        return;
    }
    copy_lead(&lead, &p->to, t->given);
    copy_rest(f, &p->to, t->given, lead.bytes);
    t->given += cells;
    s->changed |= UINT64_C(1) << port;
    p->count[NET_OUT_FRAMES]++;
    p->count[NET_OUT_BYTES] += lead.head.bytes;
}

static enum net_counter forward(struct switch_server *s, struct frame *f, uint64_t now)
{
    enum net_counter why = judge(s, f, now);
    if (why != NET_IN_FRAMES)
        return why;
    if (!s->port[f->port].rules.check)
        addresses_hear(&s->addresses, f->source, f->vlan, (uint8_t)f->port, (uint32_t)s->second);
    uint64_t ports = find(s, f);
    if (ports == UINT64_C(1) << f->port)
        return NET_IN_LOCAL;
    if (!ports)
        return NET_IN_NOBODY;
    for (; ports; ports &= ports - 1)
        give(s, f, (uint32_t)__builtin_ctzll(ports));
    return NET_IN_FRAMES;
}

static void take(struct switch_server *s, struct frame *f, uint64_t now)
{
    uint64_t *count = s->port[f->port].count;
    count[NET_IN_FRAMES]++;
    count[NET_IN_BYTES] += f->first.head.bytes;
    uint32_t cells = net_cells(f->first.head.bytes);
    enum net_counter why = forward(s, f, now);
    if (why != NET_IN_FRAMES)
        count[why]++;
    s->state[f->port].taken += cells;
}

bool switch_serve(struct switch_server *s, uint32_t port, uint32_t most, uint64_t now)
{
    if (!switch_look(s, port, now))
        return false;
    struct switch_port *p = &s->port[port];
    struct frame f = {.ring = &p->from, .port = port};
    s->second = now / s->hz;
    while (most--) {
        f.position = s->state[port].taken;
        enum net_look look = net_look(&p->from, f.position, &f.first);
        if (look == NET_NOTHING)
            return false;
        if (look == NET_BAD_INDEX) {
            p->count[NET_IN_INDEX]++;
            return false;
        }
        s->changed |= UINT64_C(1) << port;
        if (look == NET_FRAME) {
            take(s, &f, now);
            continue;
        }
        p->count[NET_IN_LENGTH]++;
        s->state[port].taken = net_end(&p->from);
    }
    return true;
}
