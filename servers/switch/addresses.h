// Who is where: addresses of ports that are known to be there, and addresses that were heard.
// SPDX-License-Identifier: MIT
//
// What was heard lies in sets of four by a sum of address and VLAN. A port that makes up addresses can drive
// out but one of a set's entries of others; then it drives out its own.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/net.h"

enum {
    ADDRESSES_SETS = 256,
    ADDRESSES_WAYS = 4,
    ADDRESSES_OWN = 128, // a power of two, more than twice the ports
    ADDRESSES_NONE = 0xff
};

// In seconds of the switch's clock, which may begin anywhere.
enum { ADDRESSES_KEPT = 300 };

struct addresses {
    struct own {
        uint64_t address; // 0: nobody
        uint8_t port;
    } own[ADDRESSES_OWN];
    struct heard {
        uint64_t key; // address and VLAN; 0: nobody
        uint32_t at;  // second
        uint8_t port;
    } heard[ADDRESSES_SETS][ADDRESSES_WAYS];
};

// Six bytes as a number, the first one topmost.
static inline uint64_t address_of(const uint8_t *at)
{
    uint64_t address = 0;
    for (unsigned i = 0; i < NET_ADDRESS; i++)
        address = address << 8 | at[i];
    return address;
}

static inline bool address_is_group(uint64_t address)
{
    return address >> 40 & 1;
}

// A port's own address is there while the port is.
void addresses_own(struct addresses *a, uint64_t address, uint8_t port);
// The port went: nothing is known of it.
void addresses_forget(struct addresses *a, uint8_t port);
// Whose own address is it? ADDRESSES_NONE: nobody's.
uint8_t addresses_owner(const struct addresses *a, uint64_t address);
void addresses_hear(struct addresses *a, uint64_t address, uint16_t vlan, uint8_t port, uint32_t second);
// Where was it heard last? Of the ports in `among` alone.
uint8_t addresses_find(const struct addresses *a, uint64_t address, uint16_t vlan, uint64_t among,
                       uint32_t second);
