// The bytes of a request.
// SPDX-License-Identifier: MIT
#include "servers/common/virtq_stream.h"

#include <string.h>

uint8_t *virtq_stream_span(struct virtq_stream *s, uint64_t most, uint64_t *bytes)
{
    *bytes = 0;
    if (!s->segments || !most)
        return NULL;
    uint8_t *at = s->next->at;
    *bytes = s->next->bytes < most ? s->next->bytes : most;
    s->next->at += *bytes;
    s->next->bytes -= *bytes;
    s->bytes -= *bytes;
    if (!s->next->bytes) {
        s->next++;
        s->segments--;
    }
    return at;
}

size_t virtq_stream_get(struct virtq_stream *s, void *to, size_t bytes)
{
    size_t done = 0;
    uint64_t piece;
    for (const uint8_t *at; (at = virtq_stream_span(s, bytes - done, &piece)); done += piece)
        memcpy((uint8_t *)to + done, at, piece);
    return done;
}

size_t virtq_stream_put(struct virtq_stream *s, const void *from, size_t bytes)
{
    size_t done = 0;
    uint64_t piece;
    for (uint8_t *at; (at = virtq_stream_span(s, bytes - done, &piece)); done += piece)
        memcpy(at, (const uint8_t *)from + done, piece);
    return done;
}

uint8_t *virtq_stream_last(struct virtq_stream *s)
{
    if (!s->segments)
        return NULL;
    struct virtq_segment *last = s->next + s->segments - 1;
    s->bytes--;
    s->segments -= --last->bytes == 0;
    return last->at + last->bytes;
}
