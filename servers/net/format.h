// What a guest's network driver and its device say to each other: [VIRTIO] 5.1.
// SPDX-License-Identifier: MIT
//
// The header of a frame is struct net_head of libipc/proto/net.h from `flags` on; its last field then says
// how many buffers the frame took.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libipc/proto/net.h"

enum { NIC_ID = 1, NIC_RECEIVE = 0, NIC_TRANSMIT = 1, NIC_CONTROL = 2, NIC_QUEUES = 3 };
enum {
    NIC_HEADER_AT = offsetof(struct net_head, flags),
    NIC_HEADER = sizeof(struct net_head) - NIC_HEADER_AT
};
_Static_assert(NIC_HEADER == 12, "5.1.6");

// 5.1.3
#define NIC_F(bit)         (UINT64_C(1) << (bit))
#define NIC_F_SUM          NIC_F(0)
#define NIC_F_GUEST_SUM    NIC_F(1)
#define NIC_F_MAC          NIC_F(5)
#define NIC_F_GUEST_TCP4   NIC_F(7)
#define NIC_F_GUEST_TCP6   NIC_F(8)
#define NIC_F_GUEST_ECN    NIC_F(9)
#define NIC_F_TCP4         NIC_F(11)
#define NIC_F_TCP6         NIC_F(12)
#define NIC_F_ECN          NIC_F(13)
#define NIC_F_MERGE        NIC_F(15)
#define NIC_F_STATUS       NIC_F(16)
#define NIC_F_CONTROL      NIC_F(17)
#define NIC_F_RECEIVE      NIC_F(18)
#define NIC_F_VLAN         NIC_F(19)
#define NIC_F_RECEIVE_MORE NIC_F(20)
#define NIC_F_ANNOUNCE     NIC_F(21)
#define NIC_F_ADDRESS      NIC_F(23)

// 5.1.4
struct nic_config {
    uint8_t address[NET_ADDRESS];
    uint16_t status; // enum nic_status
    uint16_t pairs, mtu;
};
enum nic_status { NIC_LINK_UP = 1, NIC_ANNOUNCE = 2 };

// 5.1.6.5: a class and a command of it, data, and the device's answer.
enum nic_class { NIC_CLASS_RECEIVE, NIC_CLASS_ADDRESS, NIC_CLASS_VLAN, NIC_CLASS_ANNOUNCE };
enum nic_command {
    NIC_PROMISCUOUS = 0, // of NIC_CLASS_RECEIVE, like all up to NIC_NO_BROADCAST
    NIC_ALL_GROUPS,
    NIC_ALL_SINGLES,
    NIC_NO_GROUPS,
    NIC_NO_SINGLES,
    NIC_NO_BROADCAST,
    NIC_TABLES = 0, // of NIC_CLASS_ADDRESS
    NIC_SET_ADDRESS = 1,
    NIC_ADD_VLAN = 0, // of NIC_CLASS_VLAN
    NIC_DELETE_VLAN = 1,
    NIC_ANNOUNCED = 0 // of NIC_CLASS_ANNOUNCE
};
enum nic_answer { NIC_OK, NIC_ERROR };
