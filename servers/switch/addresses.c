// Who is where.
// SPDX-License-Identifier: MIT
#include "servers/switch/addresses.h"

#include <string.h>

#define SPREAD UINT64_C(0x9fb21c651e98df25) // odd, bits well spread

static uint32_t own_slot(uint64_t address)
{
    return (uint32_t)(address * SPREAD >> 57);
}
_Static_assert(ADDRESSES_OWN == 1 << 7, "the topmost bits of a product");

static uint64_t key_of(uint64_t address, uint16_t vlan)
{
    return address << 16 | vlan;
}

static struct heard *set_of(const struct addresses *a, uint64_t key)
{
    return (struct heard *)a->heard[key * SPREAD >> 56];
}
_Static_assert(ADDRESSES_SETS == 1 << 8, "the topmost bits of a product");

void addresses_own(struct addresses *a, uint64_t address, uint8_t port)
{
    uint32_t at = own_slot(address);
    while (a->own[at].address && a->own[at].address != address)
        at = (at + 1) % ADDRESSES_OWN;
    a->own[at].address = address;
    a->own[at].port = port;
}

uint8_t addresses_owner(const struct addresses *a, uint64_t address)
{
    for (uint32_t at = own_slot(address); a->own[at].address; at = (at + 1) % ADDRESSES_OWN)
        if (a->own[at].address == address)
            return a->own[at].port;
    return ADDRESSES_NONE;
}

void addresses_forget(struct addresses *a, uint8_t port)
{
    struct own old[ADDRESSES_OWN];
    memcpy(old, a->own, sizeof old);
    memset(a->own, 0, sizeof old);
    for (uint32_t i = 0; i < ADDRESSES_OWN; i++)
        if (old[i].address && old[i].port != port)
            addresses_own(a, old[i].address, old[i].port);
    for (uint32_t set = 0; set < ADDRESSES_SETS; set++)
        for (uint32_t way = 0; way < ADDRESSES_WAYS; way++)
            if (a->heard[set][way].port == port)
                a->heard[set][way] = (struct heard){0};
}

static bool is_kept(const struct heard *h, uint32_t second)
{
    return h->key && second - h->at < ADDRESSES_KEPT;
}

// A place that is free, or else the oldest: of the port's own if it has one here.
static struct heard *place_for(struct heard *set, uint8_t port, uint32_t second)
{
    struct heard *oldest = NULL, *own = NULL;
    for (struct heard *h = set; h < set + ADDRESSES_WAYS; h++) {
        if (!is_kept(h, second))
            return h;
        if (!oldest || second - h->at > second - oldest->at)
            oldest = h;
        if (h->port == port && (!own || second - h->at > second - own->at))
            own = h;
    }
    return own ? own : oldest;
}

void addresses_hear(struct addresses *a, uint64_t address, uint16_t vlan, uint8_t port, uint32_t second)
{
    uint64_t key = key_of(address, vlan);
    struct heard *set = set_of(a, key), *h = set;
    while (h < set + ADDRESSES_WAYS && h->key != key)
        h++;
    if (h == set + ADDRESSES_WAYS)
        h = place_for(set, port, second);
    *h = (struct heard){key, second, port};
}

uint8_t addresses_find(const struct addresses *a, uint64_t address, uint16_t vlan, uint64_t among,
                       uint32_t second)
{
    uint64_t key = key_of(address, vlan);
    const struct heard *set = set_of(a, key);
    for (const struct heard *h = set; h < set + ADDRESSES_WAYS; h++)
        if (h->key == key && is_kept(h, second) && among >> h->port & 1)
            return h->port;
    return ADDRESSES_NONE;
}
