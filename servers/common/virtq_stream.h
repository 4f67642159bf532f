// The bytes of a request, however the guest cut them into buffers: taken from the front.
// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

struct virtq_segment {
    uint8_t *at;
    uint64_t bytes; // not 0
};

struct virtq_stream {
    struct virtq_segment *next;
    uint32_t segments;
    uint64_t bytes; // of all
};

// Takes the next piece that lies in one place, at most `most` bytes. NULL: there is nothing, *bytes is 0.
uint8_t *virtq_stream_span(struct virtq_stream *s, uint64_t most, uint64_t *bytes);

// Take bytes and copy them; answer how many there were.
size_t virtq_stream_get(struct virtq_stream *s, void *to, size_t bytes);
size_t virtq_stream_put(struct virtq_stream *s, const void *from, size_t bytes);

// Takes the last byte: where a block device's status goes. NULL: there is none.
uint8_t *virtq_stream_last(struct virtq_stream *s);
