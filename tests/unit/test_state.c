// The state object: commits are all or nothing wherever the writer dies, and damage never goes unseen.
// SPDX-License-Identifier: MIT
// LINK:
//
// The library is compiled into this file with its stores replaced (cutoff.h): a script of commits,
// checkpoints and upgrades is cut off after every single store, recovered, and compared with a model.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/cutoff.h"

#include "libipc/state.c"
#include "libipc/state_open.c"

enum { KIND = 7, OBJECT_BYTES = 8192, LOG_BYTES = 320, HISTORY_MAX = 512 };

static const struct state_section sections_1[] = {{1, 40}, {9, 100}};
static const struct state_section sections_2[] = {{9, 120}, {1, 64}, {3, 8}};
static const struct state_layout layout_1 = {KIND, 1, LOG_BYTES, 2, sections_1};
static const struct state_layout layout_2 = {KIND, 2, LOG_BYTES, 3, sections_2};

static uint8_t object[OBJECT_BYTES] __attribute__((aligned(STATE_ALIGN)));

// What was committed, step by step; `pending` is what the commit under way would make true.
struct image {
    uint32_t version;
    uint32_t bytes;
    uint8_t work[512];
};
static struct image history[HISTORY_MAX];
static struct image pending;
static size_t length;
static bool committing;

static void take(struct image *image, const struct state *s)
{
    memset(image, 0, sizeof(*image));
    image->version = s->version;
    image->bytes = s->bytes;
    memcpy(image->work, s->work, s->bytes);
}

static bool same(const struct image *image, const struct state *s)
{
    return image->version == s->version && image->bytes == s->bytes &&
           memcmp(image->work, s->work, s->bytes) == 0;
}

static void done(enum state_status status)
{
    assert_int_equal(status, STATE_OK);
    committing = false;
    assert_true(length < HISTORY_MAX);
    history[length++] = pending;
}

static void step_adopt(struct state *s)
{
    take(&pending, s);
    committing = true;
    state_adopt(s);
    done(STATE_OK);
}

static void step_commit(struct state *s, uint64_t *random)
{
    struct state_range ranges[3];
    size_t count = 1 + cutoff_random(random) % 3;
    bool changes = cutoff_random(random) % 4 == 0; // what differs, rounded out to whole words

    pending = history[length - 1];
    for (size_t i = 0; i < count; i++) {
        uint32_t bytes = 1 + (uint32_t)cutoff_random(random) % 40;
        uint32_t offset = (uint32_t)(cutoff_random(random) % (s->bytes - bytes));
        for (uint32_t k = 0; k < bytes; k++) {
            s->work[offset + k] = (uint8_t)cutoff_random(random);
        }
        s->work[offset] = (uint8_t) ~((const uint8_t *)s->image)[offset]; // something differs
        ranges[i] = (struct state_range){s->work + offset, bytes};
    }
    s->work[cutoff_random(random) % s->bytes] ^= 0x55; // a wild write, perhaps into what is being committed
    for (size_t i = 0; i < count; i++) {
        size_t first = (size_t)((const uint8_t *)ranges[i].from - s->work), end = first + ranges[i].bytes;
        if (changes) {
            first &= ~(size_t)7;
            end = (end + 7) & ~(size_t)7;
        }
        memcpy(pending.work + first, s->work + first, end - first);
    }
    committing = true;
    done(changes      ? state_commit_changes(s, ranges, count)
         : count == 1 ? state_commit(s, ranges[0].from, ranges[0].bytes)
                      : state_commit_ranges(s, ranges, count));
}

static void step_upgrade(struct state *s)
{
    const struct state_layout *layout = s->version == 1 ? &layout_2 : &layout_1;
    uint8_t kept[40];

    memcpy(kept, state_section(s, 1), sizeof(kept));
    assert_int_equal(state_lay_out(s, layout), STATE_OK);
    assert_int_equal(state_commit(s, state_section(s, 1), 8), STATE_EMPTY);
    memcpy(state_section(s, 1), kept, sizeof(kept));
    step_adopt(s);
}

// From power-on through commits, checkpoints (the log holds a handful of records) and upgrades.
static void script(uint64_t random, unsigned steps)
{
    struct state s;

    length = 0;
    committing = false;
    assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_FRESH), STATE_EMPTY);
    memset(state_section(&s, 1), 0xa1, 40);
    step_adopt(&s);
    for (unsigned i = 0; i < steps; i++) {
        switch (cutoff_random(&random) % 16) {
        case 0: step_upgrade(&s); break;
        case 1: step_adopt(&s); break;
        case 2: assert_int_equal(state_checkpoint(&s), STATE_OK); break;
        default: step_commit(&s, &random); break;
        }
    }
}

static void open_cut(struct state *s, uint64_t limit)
{
    if (setjmp(cutoff.out) == 0) {
        cutoff_arm(limit + 1, 0);
        assert_int_not_equal(state_open(s, object, sizeof(object), &layout_1, START_RESTART), STATE_FOREIGN);
        cutoff.armed = false;
    }
}

static bool adopt_cut(struct state *s, uint64_t limit)
{
    if (setjmp(cutoff.out)) {
        return false;
    }
    cutoff_arm(limit + 1, limit);
    state_adopt(s);
    cutoff.armed = false;
    return true;
}

// Recovers as whatever version is there, the recovery itself cut off now and then.
static enum state_status reopen(struct state *s, uint64_t random)
{
    if (random % 4 == 0) {
        open_cut(s, random / 4 % 200);
    }
    enum state_status status = state_open(s, object, sizeof(object), &layout_1, START_RESTART);
    if (status == STATE_VERSION) {
        status = state_open(s, object, sizeof(object), &layout_2, START_RESTART);
    }
    return status;
}

// Returns whether the script ran to its end before the cut.
static bool run_cut(uint64_t random, unsigned steps, uint64_t limit, uint64_t lose)
{
    memset(object, 0, sizeof(object));
    if (setjmp(cutoff.out)) {
        return false;
    }
    cutoff_arm(limit, lose);
    script(random, steps);
    cutoff.armed = false;
    return true;
}

static void test_cut_off_after_every_store(void **unused)
{
    (void)unused;
    uint64_t cuts = 0;
    uint64_t behind = 0;
    uint64_t commits = 0;

    for (uint64_t seed = 1; seed <= 6; seed++) {
        for (uint64_t limit = 1, lose = seed; !run_cut(seed * 0x9e3779b97f4a7c15u, 40, limit, lose);
             limit++, lose = seed & 1 ? 0 : limit + 1) {
            bool closed = cutoff.closed;
            struct state s;
            enum state_status status = reopen(&s, limit);
            cuts++;
            if (length == 0 && !(committing && status == STATE_OK)) {
                // Nothing was ever adopted: the object is empty or not yet one.
                assert_true(status == STATE_EMPTY || (status == STATE_DAMAGED && !s.recovered));
                continue;
            }
            assert_int_equal(status, STATE_OK);
            bool before = length && same(&history[length - 1], &s);
            bool after = committing && same(&pending, &s);
            assert_true(before || after);
            assert_true(before || closed); // only a closing store makes anything true
            behind += after && !before;
        }
        for (size_t i = 0; i < length; i++) {
            commits += i == 0 || memcmp(&history[i - 1], &history[i], sizeof(history[0])) != 0;
        }
    }
    print_message("%llu cuts, %llu of them behind a closing store\n", (unsigned long long)cuts,
                  (unsigned long long)behind);
    assert_int_equal(behind, commits); // and each commit has exactly one
}

static void test_goes_on_after_recovery(void **unused)
{
    (void)unused;
    uint64_t random = 77;

    memset(object, 0, sizeof(object));
    script(1234567, 30);
    for (unsigned life = 0; life < 300; life++) {
        struct state s;
        assert_int_equal(reopen(&s, 1), STATE_OK);
        assert_true(same(&history[length - 1], &s));
        history[0] = history[length - 1];
        length = 1;
        memset(s.work, 0xee, life % 3 ? 0 : s.bytes); // what isn't committed is forgotten
        for (unsigned i = 0; i < life % 7; i++) {
            step_commit(&s, &random);
        }
    }
}

static bool in_use(const struct state *s, size_t at)
{
    size_t slot = (size_t)((uint8_t *)slot_at(s, s->slot) - object);
    size_t data = (size_t)(slot_data(s, s->slot) - object);
    size_t log = (size_t)((uint8_t *)s->log - object);

    return at < sizeof(struct state_header) || (at >= TRUTH_AT && at < TRUTH_AT + 8) ||
           (at >= slot && at < slot + sizeof(struct state_slot)) || (at >= data && at < data + s->bytes) ||
           (at >= log && at < log + 8 * (size_t)s->tail);
}

static bool in_history(const struct state *s)
{
    for (size_t i = 0; i < length; i++) {
        if (same(&history[i], s)) {
            return true;
        }
    }
    return false;
}

static uint8_t saved[OBJECT_BYTES];

// Adopting over damage, cut off after every store: the damage stays known until the adopted state is true.
static void check_adopt_over_damage(void)
{
    static uint8_t damaged_object[OBJECT_BYTES];
    struct image adopted = {0};

    memcpy(damaged_object, object, sizeof(object));
    for (uint64_t limit = 0;; limit++) {
        struct state s;
        memcpy(object, damaged_object, sizeof(object));
        assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_DAMAGED);
        memset(state_section(&s, 9), 0xdd, 4); // stands for NEEDS_RESET
        assert_int_equal(state_commit(&s, s.work, 8), STATE_DAMAGED);
        take(&adopted, &s);
        bool whole = adopt_cut(&s, limit);
        enum state_status status = reopen(&s, 1);
        if (status == STATE_OK) {
            assert_true(same(&adopted, &s));
        } else {
            assert_int_equal(status, STATE_DAMAGED);
            assert_false(whole);
        }
        if (whole) {
            assert_int_equal(state_commit(&s, s.work, 8), STATE_OK);
            return;
        }
    }
}

static void test_every_flipped_bit_is_found(void **unused)
{
    (void)unused;
    size_t found = 0;
    struct state s;

    memset(object, 0, sizeof(object));
    uint64_t seed = 42;
    do {
        script(seed++, 40);
        assert_int_equal(reopen(&s, 1), STATE_OK);
    } while (s.version != 1 || s.tail < 25);
    struct state healthy = s;
    memcpy(saved, object, sizeof(object));
    for (size_t bit = 0; bit < 8 * sizeof(object); bit++) {
        memcpy(object, saved, sizeof(object));
        object[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum state_status status = state_open(&s, object, sizeof(object), &layout_1, START_RESTART);
        if (!in_use(&healthy, bit / 8)) {
            assert_int_equal(status, STATE_OK);
            assert_true(same(&history[length - 1], &s));
            continue;
        }
        found++;
        assert_int_equal(status, STATE_DAMAGED);
        assert_int_not_equal(s.damage, DAMAGE_NONE);
        if (s.recovered) {
            assert_true(in_history(&s));
        }
        if (bit % 997 == 0 || bit / 8 == TRUTH_AT || bit / 8 == 8) {
            object[bit / 8] = saved[bit / 8] ^ (uint8_t)(1u << bit % 8);
            check_adopt_over_damage();
        }
    }
    print_message("%zu flipped bits found\n", found);
}

static void test_what_damage_leaves(void **unused)
{
    (void)unused;
    static const struct {
        enum state_damage damage;
        bool recovered;
        bool newest; // the state recovered is the one committed last
    } cases[] = {
        {DAMAGE_HEADER, true, true},
        {DAMAGE_TRUTH, true, false},
        {DAMAGE_CHECKPOINT, true, false},
        {DAMAGE_RECORD, true, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct state s;
        uint64_t random = 5;
        memset(object, 0, sizeof(object));
        script(9, 0);
        assert_int_equal(reopen(&s, 1), STATE_OK);
        assert_int_equal(state_checkpoint(&s), STATE_OK);
        step_commit(&s, &random);
        size_t at[] = {[DAMAGE_HEADER] = 9,
                       [DAMAGE_TRUTH] = TRUTH_AT,
                       [DAMAGE_CHECKPOINT] = (size_t)(slot_data(&s, s.slot) - object),
                       [DAMAGE_RECORD] = (size_t)((uint8_t *)s.log - object) + 17};
        object[at[cases[i].damage]] ^= 0x10;
        assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_DAMAGED);
        assert_int_equal(s.damage, cases[i].damage);
        assert_int_equal(s.recovered, cases[i].recovered);
        assert_true(in_history(&s));
        assert_int_equal(same(&history[length - 1], &s), cases[i].newest);
        memset(object + SLOTS_AT, 0, sizeof(object) - SLOTS_AT);
        assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_DAMAGED);
        assert_false(s.recovered);
        state_adopt(&s);
        assert_int_equal(reopen(&s, 1), STATE_OK);
    }
}

// A checkpoint is made from the image alone: it heals what was damaged before it, and a damaged image is
// found.
static void test_checkpoint_and_damage(void **unused)
{
    (void)unused;
    struct state s;
    uint64_t random = 11;

    for (unsigned i = 0; i < 3; i++) {
        memset(object, 0, sizeof(object));
        script(9, 0);
        assert_int_equal(reopen(&s, 1), STATE_OK);
        step_commit(&s, &random);
        uint8_t *at[] = {(uint8_t *)s.truth, slot_data(&s, s.slot), (uint8_t *)s.log + 20};
        *at[i] ^= 1;
        assert_int_equal(state_checkpoint(&s), STATE_OK);
        assert_int_equal(reopen(&s, 1), STATE_OK);
        assert_true(same(&history[length - 1], &s));
    }
    for (uint32_t bit = 0; bit < 8 * s.bytes; bit++) {
        ((uint8_t *)s.image)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(state_checkpoint(&s), STATE_DAMAGED);
        assert_int_equal(s.damage, DAMAGE_IMAGE);
        assert_int_equal(state_commit(&s, s.work, 8), STATE_DAMAGED);
        assert_int_equal(reopen(&s, 1), STATE_OK);
        assert_true(same(&history[length - 1], &s));
    }
}

// A life that ended must not come back by way of damage.
static void test_former_life_stays_dead(void **unused)
{
    (void)unused;
    struct state s;

    memset(object, 0, sizeof(object));
    script(3, 60);
    script(4, 0);
    *(uint8_t *)(object + TRUTH_AT) ^= 4;
    assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_DAMAGED);
    assert_true(s.recovered);
    assert_true(same(&history[0], &s));
}

// Nor by a checkpoint of another version that is newer in name.
static void test_other_version_stays_dead(void **unused)
{
    (void)unused;
    struct state s;

    memset(object, 0, sizeof(object));
    script(9, 0);
    assert_int_equal(reopen(&s, 1), STATE_OK);
    step_upgrade(&s);
    step_adopt(&s);
    step_adopt(&s);
    *s.truth ^= 4;
    assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_DAMAGED);
    assert_false(s.recovered);
    step_adopt(&s);
    *s.truth ^= 4;
    assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_DAMAGED);
    assert_true(s.recovered);
    assert_true(same(&history[length - 1], &s));
}

// A truth and a record whose sums are right and whose contents are not.
static void test_forgeries(void **unused)
{
    (void)unused;
    struct state s;
    uint64_t random = 3;

    memset(object, 0, sizeof(object));
    script(9, 0);
    assert_int_equal(reopen(&s, 1), STATE_OK);
    step_commit(&s, &random);
    uint64_t truth = *s.truth;
    *s.truth = state_truth_word(s.log_words + 1, s.slot);
    assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_DAMAGED);
    assert_int_equal(s.damage, DAMAGE_TRUTH);

    *s.truth = truth;
    assert_int_equal(reopen(&s, 1), STATE_OK);
    state_word *record = s.log + s.tail;
    record[0] = state_pair(6, (uint32_t)s.seq + 1);
    record[2] = state_pair(0, 8); // good
    record[3] = ~UINT64_C(0);
    record[4] = state_pair(s.bytes - 4, 8); // half outside
    record[5] = ~UINT64_C(0);
    record[1] = sum_words(record + 2, 4, state_sum(s.seq + 1, record[0]));
    *s.truth = state_truth_word(s.tail + 6, s.slot);
    assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_DAMAGED);
    assert_int_equal(s.damage, DAMAGE_RECORD);
    assert_true(same(&history[length - 1], &s)); // not half of it
}

static void test_refusals(void **unused)
{
    (void)unused;
    struct state s;
    static const struct state_section twice[] = {{1, 8}, {1, 8}};
    static const struct state_section empty[] = {{1, 0}};
    struct state_layout bad = layout_1;
    struct state_layout other = layout_1;

    assert_int_equal(state_open(&s, object, state_size(&layout_1) - 1, &layout_1, START_FRESH),
                     STATE_TOO_SMALL);
    assert_int_equal(state_open(&s, object + 8, 4096, &layout_1, START_FRESH), STATE_TOO_SMALL);
    assert_int_equal(state_open(&s, object, 4096, NULL, START_FRESH), STATE_BAD_LAYOUT);
    bad.sections = twice;
    assert_int_equal(state_open(&s, object, 4096, &bad, START_FRESH), STATE_BAD_LAYOUT);
    bad.sections = empty;
    bad.count = 1;
    assert_int_equal(state_open(&s, object, 4096, &bad, START_FRESH), STATE_BAD_LAYOUT);
    bad.count = 0;
    assert_int_equal(state_size(&bad), 0);

    memset(object, 0, sizeof(object));
    assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_DAMAGED);
    assert_false(s.recovered);
    assert_int_equal(state_open(&s, object, state_size(&layout_1), &layout_1, START_FRESH), STATE_EMPTY);
    assert_int_equal(state_open(&s, object, sizeof(object), &layout_1, START_RESTART), STATE_EMPTY);
    state_adopt(&s);
    other.kind++;
    assert_int_equal(state_open(&s, object, sizeof(object), &other, START_RESTART), STATE_FOREIGN);
    assert_int_equal(state_open(&s, object, state_size(&layout_1) - 8, &layout_1, START_RESTART),
                     STATE_TOO_SMALL);
    assert_int_equal(state_open(&s, object, sizeof(object), &layout_2, START_UPGRADE), STATE_VERSION);
    assert_int_equal(state_commit(&s, s.work, 8), STATE_VERSION);
    assert_int_equal(state_lay_out(&s, &layout_2), STATE_TOO_SMALL);
    assert_int_equal(state_open(&s, object, sizeof(object), NULL, START_FAILED), STATE_OK);

    assert_null(state_section(&s, 2));
    assert_int_equal(state_section_size(&s, 9), 100);
    assert_ptr_equal((uint8_t *)state_section(&s, 9) - 64, state_section(&s, 1));
    uint64_t seq = s.seq;
    assert_int_equal(state_commit(&s, s.work, 0), STATE_BAD_RANGE);
    assert_int_equal(state_commit(&s, s.work - 1, 8), STATE_BAD_RANGE);
    assert_int_equal(state_commit(&s, s.work + s.bytes - 7, 8), STATE_BAD_RANGE);
    assert_int_equal(state_commit(&s, &s, 8), STATE_BAD_RANGE);
    assert_int_equal(state_commit_ranges(&s, NULL, 0), STATE_BAD_RANGE);
    struct state_range many[3] = {{s.work, 128}, {s.work, 128}, {s.work, 128}};
    assert_int_equal(state_commit_ranges(&s, many, 3), STATE_TOO_LONG);
    struct state_range outside = {s.work + s.bytes - 7, 8};
    assert_int_equal(state_commit_changes(&s, &outside, 1), STATE_BAD_RANGE);
    assert_int_equal(state_commit_changes(&s, many, 3), STATE_OK); // nothing differs
    assert_int_equal(s.seq, seq);
}

// The sequence number's low half wraps inside the log.
static void test_sequence_wraps(void **unused)
{
    (void)unused;
    struct state s;
    uint64_t random = 8;

    memset(object, 0, sizeof(object));
    script(9, 0);
    assert_int_equal(reopen(&s, 1), STATE_OK);
    s.seq = UINT64_C(0x2fffffff0);
    state_adopt(&s);
    for (unsigned i = 0; i < 40; i++) {
        step_commit(&s, &random);
        struct state again;
        assert_int_equal(reopen(&again, 1), STATE_OK);
        assert_true(same(&history[length - 1], &again));
        assert_int_equal(again.seq, s.seq);
    }
    assert_true(s.seq > UINT64_C(0x300000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_off_after_every_store),
        cmocka_unit_test(test_goes_on_after_recovery),
        cmocka_unit_test(test_every_flipped_bit_is_found),
        cmocka_unit_test(test_what_damage_leaves),
        cmocka_unit_test(test_checkpoint_and_damage),
        cmocka_unit_test(test_former_life_stays_dead),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_other_version_stays_dead),
        cmocka_unit_test(test_forgeries),
        cmocka_unit_test(test_sequence_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
