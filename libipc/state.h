// The state object: what a server keeps beyond its own death.
// SPDX-License-Identifier: MIT
//
// A block of memory that the supervisor owns, the server maps and the next incarnation opens. The server
// computes in a working copy, commits the ranges that changed (one store makes them true, all or none), and
// only then publishes. Truth is a checkpoint plus a redo log; the working copy is rebuilt from them at every
// open, so that a wild write into it is forgotten, and one into anything closed is found. No pointers, no
// host addresses. One writer at a time: a server with several threads locks, or has one object a thread.
// docs/state-object.md tells the format and its rules.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "libipc/abi/status.h"
#include "libipc/start.h"

// Every store into an object is one of these three; tests replace them to cut a writer off at each.
// STATE_CLOSE is the store that makes something true: nothing may move across it in either direction. x86
// keeps stores in order ([SDM] 3A 9.2.2), so fences for the compiler are enough.
#ifndef STATE_STORE
#define STATE_STORE(at, word)       ((void)(*(at) = (word)))
#define STATE_COPY(to, from, bytes) ((void)memcpy((to), (from), (bytes)))
#define STATE_CLOSE(at, word)                                                                                \
    do {                                                                                                     \
        __atomic_signal_fence(__ATOMIC_SEQ_CST);                                                             \
        __atomic_store_n((at), (word), __ATOMIC_RELEASE);                                                    \
        __atomic_signal_fence(__ATOMIC_SEQ_CST);                                                             \
    } while (0)
#endif

#define STATE_ALIGN        64u // of the object and of every section
#define STATE_SECTIONS_MAX 64u
#define STATE_BYTES_MAX    (UINT64_C(1) << 30)

enum state_status {
    STATE_OK,
    // The object is open but refuses commits until state_adopt:
    STATE_EMPTY,   // holds nothing yet: the working copy is zero
    STATE_VERSION, // holds the state of another version, in that version's layout
    STATE_DAMAGED, // what was committed last is lost; see struct state
    // The object is not open:
    STATE_FOREIGN,    // another program's, or of a format that this library doesn't know
    STATE_TOO_SMALL,  // or misaligned
    STATE_BAD_LAYOUT, // no, too many or empty sections, or an id given twice
    // A commit was refused and changed nothing:
    STATE_BAD_RANGE, // empty or not inside the working copy
    STATE_TOO_LONG,  // the record wouldn't fit into the empty log
};

// Where damage was found. In the image, which only the running server uses, it costs nothing but a restart.
enum state_damage {
    DAMAGE_NONE,
    DAMAGE_HEADER,
    DAMAGE_TRUTH,
    DAMAGE_CHECKPOINT,
    DAMAGE_RECORD,
    DAMAGE_IMAGE
};

typedef uint64_t __attribute__((may_alias)) state_word;

struct state_section {
    uint32_t id;
    uint32_t size; // bytes
};

struct state_layout {
    uint32_t kind;      // which program's state this is
    uint32_t version;   // of the sections' contents; another version means another layout or another meaning
    uint32_t log_bytes; // of the redo log: eight times the state's size keeps checkpoints rare
    uint32_t count;
    const struct state_section *sections;
};

struct state_range {
    const void *from; // in the working copy
    uint32_t bytes;
};

// A server's handle on its object: private memory, made anew by state_open.
struct state {
    uint8_t *work;     // the working copy
    state_word *log;   // the redo log
    state_word *truth; // the word that says what is closed
    state_word *image; // what is committed, as the next checkpoint will have it
    uint64_t image_sum;
    uint64_t seq;   // of the last commit
    uint32_t bytes; // of the working copy
    uint32_t tail;  // words of the log that are closed
    uint32_t limit; // words of the log; 0 while commits are refused
    uint32_t slot;  // of the checkpoint that the log continues
    uint8_t *object;
    uint32_t kind;
    uint32_t capacity;  // bytes of each copy of the state
    uint32_t log_words; // room in the log
    enum state_status status;
    // With STATE_DAMAGED. `recovered`: the working copy holds an older committed state, usable only if the
    // server adopts it together with NEEDS_RESET or its like; otherwise it is zero.
    enum state_damage damage;
    bool recovered;
    uint32_t version; // of the working copy's layout
    uint32_t count;
    struct state_section sections[STATE_SECTIONS_MAX];
};

// The least size of an object for this layout; 0 if the layout is bad. A larger object leaves room for the
// layouts of later versions.
size_t state_size(const struct state_layout *layout);

// Opens an object. START_FRESH formats it (STATE_EMPTY), whatever it holds. Every other kind recovers what
// was committed; without a layout it is opened by its own, of whatever program and version.
MUST_CHECK enum state_status state_open(struct state *s, void *object, size_t size,
                                        const struct state_layout *layout, enum start_kind kind);

// The working copy of a section; NULL if there is none of that id.
void *state_section(const struct state *s, uint32_t id);
uint32_t state_section_size(const struct state *s, uint32_t id);

// Empties the working copy and lays it out anew; commits are refused until state_adopt. An upgrade copies the
// old sections elsewhere, lays out, fills in and adopts: until then the old version is what counts.
MUST_CHECK enum state_status state_lay_out(struct state *s, const struct state_layout *layout);

// Makes the whole working copy the committed state, in one store, whatever was before.
void state_adopt(struct state *s);

// Commits ranges of the working copy in one store: all or none. STATE_OK, a refusal, or STATE_DAMAGED when
// the image turned out to be damaged: nothing is lost, but this incarnation can't go on; the server has to
// die.
MUST_CHECK enum state_status state_commit_ranges(struct state *s, const struct state_range *ranges,
                                                 size_t count);

// Commits what differs from what is committed within these ranges, rounded out to whole words: a server may
// name all that it could have changed. Nothing differs: STATE_OK, and no record. Statuses as above.
MUST_CHECK enum state_status state_commit_changes(struct state *s, const struct state_range *ranges,
                                                  size_t count);

// Makes a checkpoint and empties the log. Commits do so by themselves when the log is full; an idle server
// may do it earlier.
MUST_CHECK enum state_status state_checkpoint(struct state *s);

// The checksum, a word at a time: each step is a bijection both of the word and of the sum so far, so that a
// change within one word (any flipped bit, a wild store) never goes unseen, and one of several words has a
// chance of 2^-64. Words that change places change it. Three instructions a word; no table, no CPU feature.
static inline uint64_t state_sum(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9fb21c651e98df25); // odd, bits well spread
    return sum << 29 | sum >> 35;                      // the product's well mixed half moves down
}

// A record: {words of the record, low half of its sequence number}, its checksum, then for each range
// {offset, bytes} and the bytes themselves, filled up with zeros to a word. The sum begins with the whole
// sequence number.
#define STATE_RECORD_HEAD       2u
#define STATE_RANGE_WORDS(size) (1u + ((uint32_t)(size) + 7u) / 8u)

static inline uint64_t state_pair(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

static inline uint64_t state_put(state_word *at, uint64_t word, uint64_t sum)
{
    STATE_STORE(at, word);
    return state_sum(sum, word);
}

// The truth: {tail of the log in words << 2 | selector, check}. A fixed bijection of the low half is its
// check, so that no change in either half alone goes unseen; the all-zero word is no truth.
enum state_truth { TRUTH_SLOT_0, TRUTH_SLOT_1, TRUTH_EMPTY, TRUTH_LOST };

static inline uint64_t state_truth_word(uint32_t tail, uint32_t selector)
{
    uint32_t low = tail << 2 | selector;
    return state_pair(low, (low * 0x9e3779b1u) ^ 0x7ea1c0deu);
}

static inline __attribute__((always_inline)) void state_close(struct state *s, state_word *record,
                                                              uint32_t words, uint64_t sum)
{
    STATE_STORE(record + 1, sum);
    s->seq++;
    s->tail += words;
    STATE_CLOSE(s->truth, state_truth_word(s->tail, s->slot));
}

// The weight of a word in the image's sum: odd, so that a change of any single word shows.
#define STATE_WEIGHT      UINT64_C(0xd1b54a32d192ed03)
#define STATE_WEIGHT_STEP (2 * STATE_WEIGHT)

static inline uint64_t state_weight(size_t word)
{
    return word * STATE_WEIGHT_STEP + STATE_WEIGHT;
}

// Appends a range of whole words to a record and brings the image up to date, both at `offset` of the working
// copy. Carries the record's sum on and adds to *change what the image's sum changes by.
static inline __attribute__((always_inline)) uint64_t state_put_range(state_word *at, const state_word *from,
                                                                      state_word *image, size_t offset,
                                                                      uint32_t bytes, uint64_t sum,
                                                                      uint64_t *change)
{
    uint64_t weight = state_weight(offset / 8), total = 0;

    sum = state_put(at++, state_pair((uint32_t)offset, bytes), sum);
    for (uint32_t i = 0; i < bytes / 8; i++, weight += STATE_WEIGHT_STEP) {
        uint64_t word = from[i];
        sum = state_put(at + i, word, sum);
        total += (word - image[i]) * weight;
        STATE_STORE(image + i, word);
    }
    *change += total;
    return sum;
}

// Commits one range. Whole words cost least.
MUST_CHECK static inline __attribute__((always_inline)) enum state_status
state_commit(struct state *s, const void *from, uint32_t bytes)
{
    const uint32_t words = STATE_RECORD_HEAD + STATE_RANGE_WORDS(bytes);
    const size_t offset = (size_t)((uintptr_t)from - (uintptr_t)s->work);

    if (bytes == 0 || (offset | bytes) % 8 || s->tail + words > s->limit || s->bytes < bytes ||
        offset > s->bytes - bytes) {
        return state_commit_ranges(s, &(struct state_range){from, bytes}, 1);
    }
    state_word *record = s->log + s->tail;
    uint64_t sum = state_put(record, state_pair(words, (uint32_t)s->seq + 1), s->seq + 1);
    sum = state_put_range(record + STATE_RECORD_HEAD, (const state_word *)from, s->image + offset / 8, offset,
                          bytes, sum, &s->image_sum);
    state_close(s, record, words, sum);
    return STATE_OK;
}
