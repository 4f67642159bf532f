// Frames as the wire has them.
// SPDX-License-Identifier: MIT
#include "servers/common/net_wire.h"

#include <stdbool.h>
#include <string.h>

#include "servers/common/net_head.h"

enum { AT_TYPE = 12, TYPE_VLAN = 0x8100, TYPE_IP4 = 0x0800, TYPE_IP6 = 0x86dd };
enum { IP4_LENGTH = 2, IP4_NUMBER = 4, IP4_PROTOCOL = 9, IP4_SUM = 10, IP4_ADDRESSES = 12, IP4_BYTES = 20 };
enum { IP6_LENGTH = 4, IP6_ADDRESSES = 8, IP6_BYTES = 40 };
enum { TCP_NUMBER = 4, TCP_LENGTH = 12, TCP_FLAGS = 13, TCP_SUM = 16, TCP_BYTES = 20, PROTOCOL_TCP = 6 };
enum { FIN = 0x01, PSH = 0x08, CWR = 0x80 };

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

// ---- checksums: RFC 1071 ----

static uint64_t add(uint64_t sum, const uint8_t *at, uint32_t bytes)
{
    for (; bytes > 1; at += 2, bytes -= 2)
        sum += get16(at);
    return bytes ? sum + ((uint64_t)*at << 8) : sum;
}

static uint32_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum ^ 0xffff;
}

// Zero means that there is none in UDP; the other zero is the same number.
static void put_sum(uint8_t *at, uint64_t sum)
{
    uint32_t folded = fold(sum);
    put16(at, folded ? folded : 0xffff);
}

// ---- where things are ----

static bool is_ip4(const struct net_cut *c)
{
    return (c->head.segmentation & (uint8_t)~NET_ECN) == NET_TCP4;
}

// Of IPv4 the header lies between; of IPv6 headers of extensions may.
static bool has_network(const struct net_cut *c, uint32_t type)
{
    const uint8_t *ip = c->frame + c->network;
    if (c->network + IP6_BYTES > c->head.bytes)
        return false;
    if (is_ip4(c))
        return type == TYPE_IP4 && ip[0] >> 4 == 4 && (ip[0] & 15u) * 4 >= IP4_BYTES &&
               c->network + (ip[0] & 15u) * 4 == c->transport && ip[IP4_PROTOCOL] == PROTOCOL_TCP;
    return type == TYPE_IP6 && ip[0] >> 4 == 6 && c->network + IP6_BYTES <= c->transport;
}

static bool find_parts(struct net_cut *c)
{
    bool tagged = get16(c->frame + AT_TYPE) == TYPE_VLAN;
    uint32_t at_type = AT_TYPE + (tagged ? NET_TAG : 0);
    c->network = at_type + 2;
    c->transport = c->head.sum_start;
    if (c->transport + TCP_BYTES > c->head.bytes || c->head.sum_offset != TCP_SUM ||
        !has_network(c, get16(c->frame + at_type)))
        return false;
    uint32_t tcp = (c->frame[c->transport + TCP_LENGTH] >> 4) * 4u;
    c->payload = c->transport + tcp;
    return tcp >= TCP_BYTES && c->payload < c->head.bytes;
}

static uint32_t most(const struct net_cut *c)
{
    return NET_WIRE_MAX - (get16(c->frame + AT_TYPE) == TYPE_VLAN ? 0 : NET_TAG);
}

const char *net_cut(struct net_cut *c, const struct net_head *head, const uint8_t *frame)
{
    *c = (struct net_cut){.frame = frame, .head = *head, .pieces = 1};
    if (net_head_check(&c->head, NET_OFFERS_ALL) != NET_GOOD)
        return "sent-bad-head";
    if (c->head.segmentation == NET_WHOLE)
        return c->head.bytes > most(c) ? "sent-too-long" : NULL;
    if (!find_parts(c))
        return "sent-bad-head";
    c->pieces = (c->head.bytes - c->payload + c->head.segment_bytes - 1) / c->head.segment_bytes;
    return c->payload + c->head.segment_bytes > most(c) ? "sent-too-long" : NULL;
}

// ---- pieces ----

static uint32_t fill_up(uint8_t *to, uint32_t bytes)
{
    if (bytes >= NET_WIRE_MIN)
        return bytes;
    memset(to + bytes, 0, NET_WIRE_MIN - bytes);
    return NET_WIRE_MIN;
}

// What stands in the checksum's place is the part of it that the sender knew.
static uint32_t whole(const struct net_cut *c, uint8_t *to)
{
    const struct net_head *h = &c->head;
    memcpy(to, c->frame, h->bytes);
    if (h->flags & NET_NEEDS_SUM)
        put_sum(to + h->sum_start + h->sum_offset, add(0, to + h->sum_start, h->bytes - h->sum_start));
    return fill_up(to, h->bytes);
}

static void set_network(const struct net_cut *c, uint32_t n, uint8_t *ip, uint32_t transport_bytes)
{
    uint32_t header = c->transport - c->network;
    if (!is_ip4(c)) {
        put16(ip + IP6_LENGTH, header - IP6_BYTES + transport_bytes);
        return;
    }
    put16(ip + IP4_LENGTH, header + transport_bytes);
    put16(ip + IP4_NUMBER, get16(ip + IP4_NUMBER) + n);
    put16(ip + IP4_SUM, 0);
    put16(ip + IP4_SUM, fold(add(0, ip, header)));
}

// The sum covers the addresses, the protocol and the length, too.
static void set_transport(const struct net_cut *c, uint32_t n, const uint8_t *ip, uint8_t *tcp,
                          uint32_t bytes)
{
    uint64_t before = (uint64_t)PROTOCOL_TCP + bytes;
    put32(tcp + TCP_NUMBER, get32(tcp + TCP_NUMBER) + n * c->head.segment_bytes);
    if (n + 1 < c->pieces)
        tcp[TCP_FLAGS] &= (uint8_t) ~(FIN | PSH);
    if (n)
        tcp[TCP_FLAGS] &= (uint8_t)~CWR;
    before = is_ip4(c) ? add(before, ip + IP4_ADDRESSES, 8) : add(before, ip + IP6_ADDRESSES, 32);
    put16(tcp + TCP_SUM, 0);
    put_sum(tcp + TCP_SUM, add(before, tcp, bytes));
}

uint32_t net_cut_piece(const struct net_cut *c, uint32_t n, uint8_t *to)
{
    if (c->head.segmentation == NET_WHOLE)
        return whole(c, to);
    uint32_t from = c->payload + n * c->head.segment_bytes, bytes = c->head.bytes - from;
    if (bytes > c->head.segment_bytes)
        bytes = c->head.segment_bytes;
    memcpy(to, c->frame, c->payload);
    memcpy(to + c->payload, c->frame + from, bytes);
    uint32_t transport_bytes = c->payload - c->transport + bytes;
    set_network(c, n, to + c->network, transport_bytes);
    set_transport(c, n, to + c->network, to + c->transport, transport_bytes);
    return fill_up(to, c->payload + bytes);
}
