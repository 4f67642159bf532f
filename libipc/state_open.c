// The state object: layouts, format, recovery.
// SPDX-License-Identifier: MIT
#include "libipc/state_format.h"

static void clear_words(void *at, size_t words)
{
    state_word *out = at;
    for (size_t i = 0; i < words; i++) {
        STATE_STORE(out + i, 0);
    }
}

// Bytes of a state with these sections; 0 if they are no good.
static uint32_t table_bytes(const struct state_section *sections, uint32_t count)
{
    uint64_t bytes = 0;

    if (count > STATE_SECTIONS_MAX) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (sections[i].id == sections[j].id) {
                return 0;
            }
        }
        if (sections[i].size == 0) {
            return 0;
        }
        bytes += align_up(sections[i].size);
    }
    return bytes <= STATE_BYTES_MAX ? (uint32_t)bytes : 0;
}

static uint64_t object_bytes(uint64_t capacity, uint64_t log_words)
{
    return SLOTS_AT + 2 * SLOT_HEAD + 4 * capacity + 8 * log_words;
}

static uint32_t log_words_for(const struct state_layout *layout)
{
    return (uint32_t)(align_up(layout->log_bytes) / 8);
}

size_t state_size(const struct state_layout *layout)
{
    uint32_t bytes = table_bytes(layout->sections, layout->count);
    if (bytes == 0 || layout->log_bytes == 0 || layout->log_bytes > STATE_BYTES_MAX) {
        return 0;
    }
    return object_bytes(bytes, log_words_for(layout));
}

static void place(struct state *s, uint32_t capacity, uint32_t log_words)
{
    s->capacity = capacity;
    s->log_words = log_words;
    s->truth = (state_word *)(void *)(s->object + TRUTH_AT);
    s->work = (uint8_t *)slot_at(s, 2);
    s->image = (state_word *)(void *)(s->work + capacity);
    s->log = s->image + capacity / 8;
}

// What the layout leaves of the object is shared by the four copies of the state.
static void place_for(struct state *s, size_t size, const struct state_layout *layout)
{
    uint32_t log_words = log_words_for(layout);
    uint64_t room = (size - object_bytes(0, log_words)) / 4;

    if (room > STATE_BYTES_MAX) {
        room = STATE_BYTES_MAX;
    }
    s->kind = layout->kind;
    place(s, (uint32_t)(room & ~(uint64_t)(STATE_ALIGN - 1)), log_words);
}

static uint64_t header_sum(const struct state_header *header)
{
    return sum_words(header, offsetof(struct state_header, check) / 8, STATE_SUM_SEED);
}

void state_write_header(struct state *s)
{
    struct state_header header = {.magic = STATE_MAGIC,
                                  .format = STATE_FORMAT,
                                  .kind = s->kind,
                                  .capacity = s->capacity,
                                  .log_words = s->log_words};
    header.check = header_sum(&header);
    copy_words(s->object, &header, sizeof(header) / 8);
}

// Finds the parts of an object. A header with a bad sum is damage; the parts are then where a format for this
// layout would have put them, and their own sums tell whether they are there.
static enum state_status read_header(struct state *s, size_t size, const struct state_layout *layout)
{
    struct state_header header;

    memcpy(&header, s->object, sizeof(header));
    if (header.check != header_sum(&header)) {
        if (!layout) {
            return STATE_FOREIGN;
        }
        if (size < state_size(layout)) {
            return STATE_TOO_SMALL;
        }
        note(s, DAMAGE_HEADER);
        place_for(s, size, layout);
        return STATE_OK;
    }
    if (header.magic != STATE_MAGIC || header.format != STATE_FORMAT ||
        (layout && header.kind != layout->kind) || header.capacity % STATE_ALIGN) {
        return STATE_FOREIGN;
    }
    if (object_bytes(header.capacity, header.log_words) > size) {
        return STATE_TOO_SMALL;
    }
    s->kind = header.kind;
    place(s, header.capacity, header.log_words);
    return STATE_OK;
}

static bool same_layout(const struct state *s, const struct state_layout *layout)
{
    return s->version == layout->version && s->count == layout->count &&
           memcmp(s->sections, layout->sections, s->count * sizeof(s->sections[0])) == 0;
}

static void lay_out(struct state *s, const struct state_layout *layout)
{
    s->version = layout->version;
    s->count = layout->count;
    memcpy(s->sections, layout->sections, s->count * sizeof(s->sections[0]));
    s->bytes = table_bytes(s->sections, s->count);
    s->limit = 0;
    clear_words(s->work, s->bytes / 8);
}

enum state_status state_lay_out(struct state *s, const struct state_layout *layout)
{
    uint32_t bytes = table_bytes(layout->sections, layout->count);

    if (bytes == 0) {
        return STATE_BAD_LAYOUT;
    }
    if (bytes > s->capacity) {
        return STATE_TOO_SMALL;
    }
    lay_out(s, layout);
    s->status = s->damage ? STATE_DAMAGED : STATE_EMPTY;
    return STATE_OK;
}

// Takes over what a slot says of itself; false if it is no good checkpoint.
static bool read_slot(struct state *s, uint32_t index)
{
    const state_word *words = slot_at(s, index);
    struct state_slot slot;

    memcpy(&slot, words, sizeof(slot));
    uint32_t bytes = table_bytes(slot.sections, slot.count);
    if (bytes == 0 || bytes > s->capacity || slot.check != slot_sum(words, bytes)) {
        return false;
    }
    s->slot = index;
    s->seq = slot.seq;
    s->version = slot.version;
    s->count = slot.count;
    memcpy(s->sections, slot.sections, sizeof(slot.sections));
    s->bytes = bytes;
    return true;
}

static bool load_slot(struct state *s, uint32_t index)
{
    if (!read_slot(s, index)) {
        return false;
    }
    copy_words(s->work, slot_data(s, index), s->bytes / 8);
    return true;
}

// Takes one record into the working copy: its words, or 0 if it is bad; the working copy is spoiled then.
static uint32_t take_record(struct state *s, uint32_t at, uint32_t room)
{
    const state_word *record = s->log + at;
    const uint32_t words = (uint32_t)record[0];

    if (words <= STATE_RECORD_HEAD || words > room || (uint32_t)(record[0] >> 32) != (uint32_t)(s->seq + 1)) {
        return 0;
    }
    uint64_t sum = state_sum(s->seq + 1, record[0]);
    if (sum_words(record + STATE_RECORD_HEAD, words - STATE_RECORD_HEAD, sum) != record[1]) {
        return 0;
    }
    for (uint32_t i = STATE_RECORD_HEAD; i < words;) {
        uint32_t offset = (uint32_t)record[i];
        uint32_t bytes = (uint32_t)(record[i] >> 32);
        if (bytes == 0 || bytes > s->bytes || offset > s->bytes - bytes ||
            STATE_RANGE_WORDS(bytes) > words - i) {
            return 0;
        }
        STATE_COPY(s->work + offset, record + i + 1, bytes);
        i += STATE_RANGE_WORDS(bytes);
    }
    return words;
}

static enum state_status format(struct state *s, size_t size, const struct state_layout *layout)
{
    if (size < state_size(layout)) {
        return STATE_TOO_SMALL;
    }
    place_for(s, size, layout);
    STATE_CLOSE(s->truth, state_truth_word(0, TRUTH_EMPTY));
    spoil_slot(s, 0); // a former life's checkpoints must not come back
    spoil_slot(s, 1);
    state_write_header(s);
    lay_out(s, layout);
    s->slot = 1;
    return s->status = STATE_EMPTY;
}

// Brings the working copy to slot and log, as far as the log is good; false if the slot isn't.
static bool load_all(struct state *s, uint32_t slot, uint32_t tail)
{
    if (!load_slot(s, slot)) {
        return false;
    }
    for (s->tail = 0; s->tail < tail; s->seq++) {
        uint32_t words = take_record(s, s->tail, tail - s->tail);
        if (words == 0) {
            note(s, DAMAGE_RECORD);
            return load_all(s, slot, s->tail);
        }
        s->tail += words;
    }
    return true;
}

// Brings the working copy to what was committed last, or to what is left of it; false if nothing is.
static bool recover(struct state *s, uint32_t selector, uint32_t tail)
{
    if (selector == TRUTH_LOST) {
        uint32_t newest = slot_at(s, 1)[SLOT_SEQ] > slot_at(s, 0)[SLOT_SEQ];
        return load_slot(s, newest) || load_slot(s, newest ^ 1);
    }
    if (load_all(s, selector, tail)) {
        return true;
    }
    note(s, DAMAGE_CHECKPOINT);
    return load_slot(s, selector ^ 1);
}

static uint32_t read_truth(struct state *s, uint32_t *tail)
{
    uint64_t truth = *s->truth;
    uint32_t selector = (uint32_t)truth & 3;

    *tail = (uint32_t)truth >> 2;
    if (truth != state_truth_word(*tail, selector) || selector == TRUTH_LOST || *tail > s->log_words) {
        note(s, DAMAGE_TRUTH);
        return TRUTH_LOST;
    }
    return selector;
}

// Nothing is there or usable: an empty working copy; false if the layout doesn't fit.
static bool start_over(struct state *s, const struct state_layout *layout)
{
    s->slot = 1;
    s->seq = 0;
    s->tail = 0;
    s->count = 0;
    s->bytes = 0;
    if (layout) {
        if (table_bytes(layout->sections, layout->count) > s->capacity) {
            return false;
        }
        lay_out(s, layout);
    }
    return true;
}

static enum state_status open_recovered(struct state *s, const struct state_layout *layout)
{
    uint32_t tail;
    uint32_t selector = read_truth(s, &tail);
    bool found = selector != TRUTH_EMPTY && recover(s, selector, tail);

    s->recovered = found && (!s->damage || !layout || same_layout(s, layout));
    if (!s->recovered && !start_over(s, layout)) {
        return STATE_TOO_SMALL;
    }
    if (s->damage) {
        return STATE_DAMAGED;
    }
    if (!found) {
        return STATE_EMPTY;
    }
    if (layout && !same_layout(s, layout)) {
        return STATE_VERSION;
    }
    state_take_image(s);
    return STATE_OK;
}

enum state_status state_open(struct state *s, void *object, size_t size, const struct state_layout *layout,
                             enum start_kind kind)
{
    *s = (struct state){.object = object};
    if (layout ? state_size(layout) == 0 : kind == START_FRESH) {
        return STATE_BAD_LAYOUT;
    }
    if ((uintptr_t)object % STATE_ALIGN || size < object_bytes(0, 0)) {
        return STATE_TOO_SMALL;
    }
    if (kind == START_FRESH) {
        return format(s, size, layout);
    }
    s->status = read_header(s, size, layout);
    if (s->status == STATE_OK) {
        s->status = open_recovered(s, layout);
    }
    return s->status;
}

static uint8_t *find_section(const struct state *s, uint32_t id, uint32_t *size)
{
    uint8_t *at = s->work;

    for (uint32_t i = 0; i < s->count; i++) {
        if (s->sections[i].id == id) {
            *size = s->sections[i].size;
            return at;
        }
        at += align_up(s->sections[i].size);
    }
    *size = 0;
    return NULL;
}

void *state_section(const struct state *s, uint32_t id)
{
    uint32_t size;
    return find_section(s, id, &size);
}

uint32_t state_section_size(const struct state *s, uint32_t id)
{
    uint32_t size;
    (void)find_section(s, id, &size);
    return size;
}
