// What goes out on the wire: checksums and segments, judged by a receiver that adds up itself
// SPDX-License-Identifier: MIT
//
// LINK: servers/common/net_wire.c servers/common/net_head.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/common/net_wire.h"

enum { ETHERNET = 14, IP4 = 20, IP6 = 40, TCP = 32 /* with options */, UDP = 8 };

static uint8_t frame[NET_FRAME_MAX], piece[NET_WIRE_MAX];
static struct net_head head;
static struct net_cut cut;

static void put16(uint32_t at, uint32_t value)
{
    frame[at] = (uint8_t)(value >> 8);
    frame[at + 1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

// RFC 1071, the slow way: 0xffff if the sum in there is right.
static uint32_t sum(uint32_t before, const uint8_t *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        before += i % 2 ? at[i] : (uint32_t)at[i] << 8;
        before = (before & 0xffff) + (before >> 16);
    }
    return before;
}

// The headers of a segment; answers where the payload begins.
static uint32_t make(unsigned version, bool tagged, uint32_t payload)
{
    uint32_t l3 = ETHERNET + (tagged ? NET_TAG : 0), l4 = l3 + (version == 4 ? IP4 : IP6), at = l4 + TCP;
    for (uint32_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)rand();
    put16(12, 0x8100);
    put16(l3 - 2, version == 4 ? 0x0800 : 0x86dd);
    frame[l3] = version == 4 ? 0x45 : 0x60;
    frame[l3 + (version == 4 ? 9 : 6)] = 6;
    put16(l3 + 4, 0xfffe); // IPv4's number; 1 on
    frame[l4 + 12] = TCP / 4 << 4;
    frame[l4 + 13] = 0x80 | 0x10 | 0x08 | 0x01;
    memcpy(frame + l4 + 4, (uint8_t[]){0xff, 0xff, 0xff, 0}, 4);
    head = (struct net_head){.bytes = at + payload,
                             .flags = NET_NEEDS_SUM,
                             .segmentation = version == 4 ? NET_TCP4 : NET_TCP6,
                             .segment_bytes = 1000,
                             .sum_start = (uint16_t)l4,
                             .sum_offset = 16};
    return at;
}

// The transport's sum of a piece, with what is before it.
static uint32_t transport_sum(unsigned version, uint32_t l3, uint32_t l4, uint32_t bytes)
{
    uint32_t length = bytes - l4, before = sum(6 + length, NULL, 0);
    before = version == 4 ? sum(before, piece + l3 + 12, 8) : sum(before, piece + l3 + 8, 32);
    return sum(before, piece + l4, length);
}

static void check_pieces(unsigned version, bool tagged, uint32_t payload)
{
    uint32_t at = make(version, tagged, payload), l3 = ETHERNET + (tagged ? NET_TAG : 0), l4 = at - TCP;
    assert_null(net_cut(&cut, &head, frame));
    assert_int_equal(cut.pieces, (payload + 999) / 1000);
    for (uint32_t n = 0, done = 0; n < cut.pieces; n++) {
        uint32_t part = payload - done < 1000 ? payload - done : 1000;
        bool last = n + 1 == cut.pieces;
        uint32_t got = net_cut_piece(&cut, n, piece), bytes = at + part;
        assert_int_equal(got, bytes < NET_WIRE_MIN ? NET_WIRE_MIN : bytes);
        assert_memory_equal(piece, frame, l3);
        assert_memory_equal(piece + at, frame + at + done, part);
        assert_int_equal(get32(piece + l4 + 4), 0xffffff00 + done);
        assert_int_equal(piece[l4 + 13], 0x10 | (n ? 0 : 0x80) | (last ? 0x09 : 0));
        assert_int_equal(transport_sum(version, l3, l4, bytes), 0xffff);
        if (version == 4) {
            assert_int_equal(get16(piece + l3 + 2), bytes - l3);
            assert_int_equal(get16(piece + l3 + 4), (0xfffe + n) & 0xffff);
            assert_int_equal(sum(0, piece + l3, IP4), 0xffff);
        } else {
            assert_int_equal(get16(piece + l3 + 4), bytes - l4);
        }
        done += part;
    }
}

static void segments(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 999, 1000, 1001, 3456, 64000};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned kind = 0; kind < 4; kind++)
            check_pieces(kind & 1 ? 6 : 4, kind & 2, sizes[i]);
}

static void ecn(void **state)
{
    (void)state;
    make(4, false, 5000);
    head.segmentation |= NET_ECN;
    assert_null(net_cut(&cut, &head, frame));
    assert_int_equal(cut.pieces, 5);
}

static void sums(void **state)
{
    (void)state;
    for (uint32_t bytes = 42; bytes < 1514; bytes++) {
        for (uint32_t i = 0; i < bytes; i++)
            frame[i] = (uint8_t)rand();
        put16(12, 0x0800);
        head = (struct net_head){.bytes = bytes, .flags = NET_NEEDS_SUM, .sum_start = 34, .sum_offset = 6};
        assert_null(net_cut(&cut, &head, frame));
        uint32_t before = sum(0, frame + 40, 2); // the part that the sender knew
        uint32_t got = net_cut_piece(&cut, 0, piece);
        assert_int_equal(got, bytes < 60 ? 60 : bytes);
        assert_int_equal(sum(before, piece + 34, bytes - 34), 0xffff);
        memset(piece + 40, 0, 2);
        memset(frame + 40, 0, 2);
        assert_memory_equal(piece, frame, bytes);
    }
    // A sum of zero is the other zero.
    memset(frame, 0, sizeof frame);
    head = (struct net_head){.bytes = 60, .flags = NET_NEEDS_SUM, .sum_start = 34, .sum_offset = 6};
    put16(34, 0xffff);
    assert_null(net_cut(&cut, &head, frame));
    net_cut_piece(&cut, 0, piece);
    assert_int_equal(get16(piece + 40), 0xffff);
}

static void filled_up(void **state)
{
    (void)state;
    memset(frame, 0x55, sizeof frame);
    memset(piece, 0xee, sizeof piece);
    head = (struct net_head){.bytes = 14};
    assert_null(net_cut(&cut, &head, frame));
    assert_int_equal(net_cut_piece(&cut, 0, piece), 60);
    assert_int_equal(piece[13], 0x55);
    assert_int_equal(piece[14], 0);
    assert_int_equal(piece[59], 0);
    assert_int_equal(piece[60], 0xee);
}

static void refused(const char *why)
{
    const char *got = net_cut(&cut, &head, frame);
    assert_non_null(got);
    assert_string_equal(got, why);
}

static void refuses(void **state)
{
    (void)state;
    memset(frame, 0, sizeof frame);
    head = (struct net_head){.bytes = 1515};
    refused("sent-too-long");
    put16(12, 0x8100);
    head.bytes = 1518;
    assert_null(net_cut(&cut, &head, frame));
    head.bytes = 1519;
    refused("sent-too-long");
    head = (struct net_head){.bytes = 100, .flags = NET_NEEDS_SUM, .sum_start = 34, .sum_offset = 65};
    refused("sent-bad-head");
    make(4, false, 5000);
    head.segment_bytes = 1449; // with 66 bytes of headers
    refused("sent-too-long");
    head.segment_bytes = 1448;
    assert_null(net_cut(&cut, &head, frame));
    make(4, false, 5000);
    head.segmentation = NET_TCP6;
    refused("sent-bad-head");
    make(4, false, 5000);
    frame[14] = 0x46; // its header ends elsewhere
    refused("sent-bad-head");
    make(4, false, 5000);
    frame[14] = 0x44;
    refused("sent-bad-head");
    make(4, false, 5000);
    frame[23] = 17; // no TCP
    refused("sent-bad-head");
    make(4, false, 5000);
    frame[34 + 12] = 4 << 4;
    refused("sent-bad-head");
    make(4, false, 1);
    head.bytes--; // no payload
    refused("sent-bad-head");
    make(6, false, 5000);
    head.sum_start--;
    refused("sent-bad-head");
    make(6, false, 5000);
    head.sum_offset = 6;
    refused("sent-bad-head");
}

// Whatever a sender says, no byte beyond the frame is read or written (the sanitizer looks).
static void anything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        unsigned version = rand() % 2 ? 4 : 6;
        make(version, rand() % 2, (uint32_t)rand() % 3000);
        for (unsigned k = (unsigned)rand() % 3; k; k--)
            ((uint8_t *)&head)[4 + (unsigned)rand() % 12] = (uint8_t)rand();
        for (unsigned k = (unsigned)rand() % 3; k; k--)
            frame[12 + (unsigned)rand() % 80] = (uint8_t)rand();
        head.bytes = rand() % 4 ? head.bytes : 14 + (uint32_t)rand() % 100;
        uint8_t *own = malloc(head.bytes);
        memcpy(own, frame, head.bytes);
        if (!net_cut(&cut, &head, own)) {
            assert_true(cut.pieces > 0);
            assert_in_range(net_cut_piece(&cut, 0, piece), NET_WIRE_MIN, NET_WIRE_MAX);
            assert_in_range(net_cut_piece(&cut, cut.pieces - 1, piece), NET_WIRE_MIN, NET_WIRE_MAX);
        }
        free(own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(segments), cmocka_unit_test(ecn),
                                       cmocka_unit_test(sums),     cmocka_unit_test(filled_up),
                                       cmocka_unit_test(refuses),  cmocka_unit_test(anything)};
    return cmocka_run_group_tests_name("net_wire", tests, NULL, NULL);
}
