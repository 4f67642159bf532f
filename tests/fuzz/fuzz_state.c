// Fuzzes the state object twice: with hostile contents, and with commits cut off anywhere.
// SPDX-License-Identifier: MIT
// LINK:
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cutoff.h"

#include "libipc/state.c"
#include "libipc/state_open.c"

enum { KIND = 3, SIZE = 4096, LOG_BYTES = 256 };

static const struct state_section sections[] = {{1, 48}, {2, 80}};
static const struct state_layout layout = {KIND, 1, LOG_BYTES, 2, sections};
static uint8_t object[SIZE] __attribute__((aligned(STATE_ALIGN)));

struct input {
    const uint8_t *data;
    size_t left;
};

static uint8_t take(struct input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->data++;
}

static void check(bool good)
{
    if (!good) {
        abort();
    }
}

static enum state_status must_open(struct state *s, enum start_kind kind)
{
    return state_open(s, object, sizeof(object), &layout, kind);
}

// ---- hostile contents ----

// Makes sums fit, so that what lies behind them is reached.
static void mend(uint8_t what)
{
    struct state_header header;
    struct state s = {.object = object};

    memcpy(&header, object, sizeof(header));
    if (what & 1) {
        header.magic = STATE_MAGIC;
        header.format = STATE_FORMAT;
        header.kind = KIND;
        header.capacity &= ~(STATE_ALIGN - 1);
        header.check = header_sum(&header);
        memcpy(object, &header, sizeof(header));
    }
    if (header.capacity > SIZE || header.capacity % STATE_ALIGN ||
        object_bytes(header.capacity, header.log_words) > SIZE) {
        return;
    }
    place(&s, header.capacity, header.log_words);
    if (what & 2) {
        uint32_t low = (uint32_t)*s.truth;
        *s.truth = state_truth_word(low >> 2, low & 3);
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct state_slot *slot = (struct state_slot *)(void *)slot_at(&s, i);
        uint32_t bytes = table_bytes(slot->sections, slot->count);
        if (what & 4 << i && bytes && bytes <= s.capacity) {
            slot->check = slot_sum(slot_at(&s, i), bytes);
        }
    }
    for (uint32_t at = 0; what & 16 && at + 3 < header.log_words; at += (uint32_t)s.log[at]) {
        uint32_t words = (uint32_t)s.log[at];
        if (words < 3 || words > header.log_words - at) {
            break;
        }
        uint64_t seq = slot_at(&s, *s.truth & 1)[SLOT_SEQ] + ++s.seq;
        s.log[at] = state_pair(words, (uint32_t)seq);
        s.log[at + 1] =
            sum_words(s.log + at + STATE_RECORD_HEAD, words - STATE_RECORD_HEAD, state_sum(seq, s.log[at]));
    }
}

static void hostile(struct input *in)
{
    struct state s;
    uint8_t what = take(in);
    uint8_t copy[256];

    memset(object, 0, sizeof(object));
    if (what & 128) { // from a healthy object
        check(must_open(&s, START_FRESH) == STATE_EMPTY);
        state_adopt(&s);
        for (uint32_t i = 0; i < take(in) % 8u; i++) {
            check(state_commit(&s, s.work + 8 * i, 24) == STATE_OK);
        }
        while (in->left >= 3) {
            size_t at = (size_t)(take(in) | take(in) << 8) % SIZE;
            object[at] = take(in);
        }
    } else {
        memcpy(object, in->data, in->left < SIZE ? in->left : SIZE);
    }
    mend(what);
    if (what & 32 && state_open(&s, object, sizeof(object), NULL, START_FAILED) == STATE_OK) {
        for (uint32_t i = 0; i < s.count; i++) {
            check(state_section(&s, s.sections[i].id) != NULL);
        }
    }
    enum state_status status = must_open(&s, START_RESTART);
    if (status == STATE_FOREIGN || status == STATE_TOO_SMALL || status == STATE_VERSION) {
        return;
    }
    check(s.bytes == 192 && s.work + s.bytes <= object + sizeof(object));
    if (status != STATE_OK) {
        check(state_commit(&s, s.work, 8) == status);
        state_adopt(&s);
    }
    s.work[50] ^= 1;
    status = state_commit(&s, s.work + 50, 3);
    if (status == STATE_TOO_LONG) { // a forged header may tell of a log of no length
        return;
    }
    check(status == STATE_OK);
    memcpy(copy, s.work, s.bytes);
    check(must_open(&s, START_RESTART) == STATE_OK);
    check(memcmp(copy, s.work, s.bytes) == 0);
}

// ---- commits, cut off ----

static struct {
    uint8_t now[192];
    uint8_t next[192];
    bool begun; // the first adopt is under way or done
    bool any;   // and done
} model;

static void done(enum state_status status)
{
    check(status == STATE_OK);
    memcpy(model.now, model.next, sizeof(model.now));
    model.any = true;
}

static void adopt(struct state *s)
{
    memcpy(model.next, s->work, s->bytes);
    model.begun = true;
    state_adopt(s);
    done(STATE_OK);
}

// Exactly these ranges, or what differs in them, rounded out to whole words.
static void commit(struct state *s, struct input *in, unsigned count, bool changes)
{
    struct state_range ranges[4];

    memcpy(model.next, model.now, sizeof(model.next));
    for (unsigned i = 0; i < count; i++) {
        uint32_t offset = take(in) % s->bytes;
        uint32_t bytes = 1 + take(in) % (s->bytes - offset);
        bytes = bytes > 40 ? 40 : bytes;
        memset(s->work + offset, take(in), bytes);
        ranges[i] = (struct state_range){s->work + offset, bytes};
    }
    for (unsigned i = 0; i < count; i++) {
        size_t first = (size_t)((const uint8_t *)ranges[i].from - s->work), end = first + ranges[i].bytes;
        if (changes) {
            first &= ~(size_t)7;
            end = (end + 7) & ~(size_t)7;
        }
        memcpy(model.next + first, s->work + first, end - first);
    }
    done(changes      ? state_commit_changes(s, ranges, count)
         : count == 1 ? state_commit(s, ranges[0].from, ranges[0].bytes)
                      : state_commit_ranges(s, ranges, count));
}

static void run(struct input *in)
{
    struct state s;

    check(must_open(&s, START_FRESH) == STATE_EMPTY);
    adopt(&s);
    while (in->left) {
        uint8_t op = take(in);
        switch (op % 8) {
        case 0: adopt(&s); break;
        case 1: check(state_checkpoint(&s) == STATE_OK); break;
        case 2: s.work[take(in) % s.bytes] ^= op; break; // not committed
        case 3:                                          // a restart
            check(must_open(&s, START_RESTART) == STATE_OK);
            check(memcmp(s.work, model.now, s.bytes) == 0);
            break;
        default: commit(&s, in, 1 + op / 8 % 4, op & 64); break;
        }
    }
}

static void cut(struct input *in)
{
    struct state s;
    uint64_t limit = 1 + (uint64_t)(take(in) | take(in) << 8) % 4096;
    uint64_t lose = take(in);

    memset(object, 0, sizeof(object));
    memset(&model, 0, sizeof(model));
    if (setjmp(cutoff.out) == 0) {
        cutoff_arm(limit, lose);
        run(in);
        cutoff.armed = false;
    }
    enum state_status status = must_open(&s, START_RESTART);
    if (status == STATE_OK) {
        check(model.begun);
        check((model.any && memcmp(s.work, model.now, s.bytes) == 0) ||
              memcmp(s.work, model.next, s.bytes) == 0);
    } else {
        check(!model.any && (status == STATE_EMPTY || status == STATE_DAMAGED) && !s.recovered);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    if (take(&in) & 1) {
        hostile(&in);
    } else {
        cut(&in);
    }
    return 0;
}
