// The state object: commits and checkpoints.
// SPDX-License-Identifier: MIT
//
// A commit appends a record behind the tail, moves the tail and brings the image up to date. The image is
// what is committed, ready to be copied into a checkpoint without a look at the log; the working copy can't
// serve, it may hold what isn't committed. The image is as exposed to wild writes as everything else, hence a
// sum in the handle that each commit carries on: the sum over all words of word times weight.
#include "libipc/state_format.h"

// Heads and seals a slot whose data are in place.
static void seal_slot(struct state *s, uint32_t index)
{
    state_word *slot = slot_at(s, index);

    STATE_STORE(slot + SLOT_SEQ, s->seq);
    STATE_STORE(slot + SLOT_VERSION_COUNT, state_pair(s->version, s->count));
    for (uint32_t i = 0; i < STATE_SECTIONS_MAX; i++) {
        bool used = i < s->count;
        STATE_STORE(slot + SLOT_SECTIONS + i, used ? state_pair(s->sections[i].id, s->sections[i].size) : 0);
    }
    STATE_STORE(slot + SLOT_CHECK, slot_sum(slot, s->bytes));
}

// Makes the image, which is good, the current checkpoint, in the other slot; the log starts again.
static void write_checkpoint(struct state *s)
{
    uint32_t slot = s->slot ^ 1;

    copy_words(slot_data(s, slot), s->image, s->bytes / 8);
    seal_slot(s, slot);
    STATE_CLOSE(s->truth, state_truth_word(0, slot));
    s->slot = slot;
    s->tail = 0;
}

static uint64_t sum_image(const struct state *s)
{
    uint64_t weight = state_weight(0);
    uint64_t sum = 0;

    for (size_t i = 0; i < s->bytes / 8; i++, weight += STATE_WEIGHT_STEP) {
        sum += s->image[i] * weight;
    }
    return sum;
}

void state_take_image(struct state *s)
{
    copy_words(s->image, s->work, s->bytes / 8);
    s->image_sum = sum_image(s);
    s->limit = s->log_words;
}

// After damage the truth says LOST until the new one is whole: a writer cut off in between must not leave a
// mended header in front of an old truth.
void state_adopt(struct state *s)
{
    if (s->damage) {
        STATE_CLOSE(s->truth, state_truth_word(0, TRUTH_LOST));
        if (!s->recovered) {
            spoil_slot(s, s->slot);
        }
        state_write_header(s);
    }
    s->seq++;
    state_take_image(s);
    write_checkpoint(s);
    s->status = STATE_OK;
    s->damage = DAMAGE_NONE;
    s->recovered = true;
}

enum state_status state_checkpoint(struct state *s)
{
    if (s->status != STATE_OK) {
        return s->status;
    }
    if (sum_image(s) != s->image_sum) {
        s->damage = DAMAGE_IMAGE;
        s->limit = 0;
        return s->status = STATE_DAMAGED;
    }
    write_checkpoint(s);
    return STATE_OK;
}

// Brings the words of the image that a range touches up to date, and their part of the sum.
static void update_image(struct state *s, uint32_t offset, uint32_t bytes)
{
    for (uint32_t i = offset / 8; i <= (offset + bytes - 1) / 8; i++) {
        uint32_t from = i * 8 > offset ? i * 8 : offset;
        uint32_t end = i * 8 + 8 < offset + bytes ? i * 8 + 8 : offset + bytes;
        uint64_t old = s->image[i];
        STATE_COPY((uint8_t *)s->image + from, s->work + from, end - from);
        s->image_sum += (s->image[i] - old) * state_weight(i);
    }
}

// state_put_range for any range.
static uint64_t put_bytes(struct state *s, state_word *at, const uint8_t *from, uint32_t offset,
                          uint32_t bytes, uint64_t sum)
{
    update_image(s, offset, bytes);
    sum = state_put(at++, state_pair(offset, bytes), sum);
    while (bytes) {
        uint32_t part = bytes < 8 ? bytes : 8;
        uint64_t word = 0;
        memcpy(&word, from, part);
        sum = state_put(at++, word, sum);
        from += part;
        bytes -= part;
    }
    return sum;
}

static uint64_t put_range(struct state *s, state_word *at, const struct state_range *range, uint64_t sum)
{
    uint32_t offset = (uint32_t)((const uint8_t *)range->from - s->work);

    if ((offset | range->bytes) % 8) {
        return put_bytes(s, at, range->from, offset, range->bytes, sum);
    }
    return state_put_range(at, (const state_word *)range->from, s->image + offset / 8, offset, range->bytes,
                           sum, &s->image_sum);
}

// Words of a record with these ranges; 0 if one is bad.
static uint64_t record_words(const struct state *s, const struct state_range *ranges, size_t count)
{
    uint64_t words = STATE_RECORD_HEAD;

    for (size_t i = 0; i < count; i++) {
        size_t offset = (size_t)((uintptr_t)ranges[i].from - (uintptr_t)s->work);
        if (ranges[i].bytes == 0 || ranges[i].bytes > s->bytes || offset > s->bytes - ranges[i].bytes) {
            return 0;
        }
        words += STATE_RANGE_WORDS(ranges[i].bytes);
    }
    return count ? words : 0;
}

// Room for a record of so many words; a checkpoint makes it.
static inline enum state_status make_room(struct state *s, uint64_t words)
{
    if (s->status != STATE_OK) {
        return s->status;
    }
    if (words <= s->limit - s->tail) {
        return STATE_OK;
    }
    return words > s->limit ? STATE_TOO_LONG : state_checkpoint(s);
}

static inline uint64_t put_head(const struct state *s, state_word *record, uint64_t words)
{
    return state_put(record, state_pair((uint32_t)words, (uint32_t)s->seq + 1), s->seq + 1);
}

enum state_status state_commit_ranges(struct state *s, const struct state_range *ranges, size_t count)
{
    uint64_t words = record_words(s, ranges, count);

    if (s->status == STATE_OK && words == 0) {
        return STATE_BAD_RANGE;
    }
    enum state_status status = make_room(s, words);
    if (status != STATE_OK) {
        return status;
    }
    state_word *record = s->log + s->tail;
    uint64_t sum = put_head(s, record, words);
    state_word *at = record + STATE_RECORD_HEAD;
    for (size_t i = 0; i < count; i++) {
        sum = put_range(s, at, &ranges[i], sum);
        at += STATE_RANGE_WORDS(ranges[i].bytes);
    }
    state_close(s, record, (uint32_t)words, sum);
    return STATE_OK;
}

// Words of the working copy that differ, and the few between them that do not: a range of its own costs more
// than they do.
struct run {
    const state_word *first, *end;
};

enum { RUNS = 32, RUN_GAP = 3 };

// How many there are then; more than RUNS: they do not fit.
static inline uint32_t find_runs(const struct state *s, const struct state_range *range, struct run *runs,
                                 uint32_t count)
{
    const size_t offset = (size_t)((uintptr_t)range->from - (uintptr_t)s->work);
    const state_word *work = (const state_word *)(void *)s->work, *word = work + offset / 8;
    const state_word *end = work + (offset + range->bytes + 7) / 8;
    const ptrdiff_t image = s->image - work;
    struct run *last = NULL;

    for (; word < end; word++) {
        if (__builtin_expect(*word == word[image], true)) {
            continue;
        }
        if (!last || word - last->end > RUN_GAP) {
            if (count == RUNS) {
                return RUNS + 1;
            }
            last = &runs[count++];
            last->first = word;
        }
        last->end = word + 1;
    }
    return count;
}

static inline uint32_t run_words(const struct run *runs, uint32_t count)
{
    uint32_t words = STATE_RECORD_HEAD + count;

    for (uint32_t i = 0; i < count; i++) {
        words += (uint32_t)(runs[i].end - runs[i].first);
    }
    return words;
}

static enum state_status commit_runs(struct state *s, const struct run *runs, uint32_t count)
{
    const state_word *work = (const state_word *)(void *)s->work;
    state_word *image = s->image;
    uint32_t words = run_words(runs, count);
    uint64_t change = 0;

    enum state_status status = make_room(s, words);
    if (status != STATE_OK) {
        return status;
    }
    state_word *record = s->log + s->tail, *at = record + STATE_RECORD_HEAD;
    uint64_t sum = put_head(s, record, words);
    for (uint32_t i = 0; i < count; i++) {
        const state_word *from = runs[i].first;
        size_t first = (size_t)(from - work), n = (size_t)(runs[i].end - from);
        sum = state_put_range(at, from, image + first, first * 8, (uint32_t)n * 8, sum, &change);
        at += 1 + n;
    }
    s->image_sum += change;
    state_close(s, record, words, sum);
    return STATE_OK;
}

enum state_status state_commit_changes(struct state *s, const struct state_range *ranges, size_t count)
{
    struct run runs[RUNS];
    uint32_t found = 0;

    if (s->status != STATE_OK) {
        return s->status;
    }
    for (size_t i = 0; i < count; i++) {
        size_t offset = (size_t)((uintptr_t)ranges[i].from - (uintptr_t)s->work);
        if (offset > s->bytes || ranges[i].bytes > s->bytes - offset) {
            return STATE_BAD_RANGE;
        }
        found = find_runs(s, &ranges[i], runs, found);
        if (found > RUNS) {
            return state_commit_ranges(s, ranges, count);
        }
    }
    return found ? commit_runs(s, runs, found) : STATE_OK;
}
