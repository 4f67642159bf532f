// One counter of an Intel 8254: the six modes by arithmetic
// SPDX-License-Identifier: MIT
//
// [8254] Intel 8254 programmable interval timer, 231164, "Mode definitions" and "Operation common to all
// modes". N is the count, e the clocks since it was loaded:
//   mode 0, 1   OUT low while e < N
//   mode 2      OUT low at the last clock of each N
//   mode 3      OUT high for the first (N+1)/2 clocks of each N, low for the rest
//   mode 4, 5   OUT low at e = N, for one clock
// Modes 1 and 5 load at a rising gate; 2 and 3 do so too, and a low gate stops them with OUT high; in 0 and 4
// a low gate only pauses.
// Not modelled: a gate that falls during the strobe of mode 4 stretches it until the gate rises; the chip
// ends it with the clock.
#include "servers/vmm/dev/pit_counter.h"

#include "servers/vmm/dev/clock.h"

enum access { ACCESS_LOW = 1, ACCESS_HIGH = 2, ACCESS_BOTH = 3 };

static unsigned access_of(const struct pit_counter *c)
{
    return c->control >> 4 & 3;
}

// Modes 6 and 7 are 2 and 3: the top bit is "don't care" there.
static unsigned mode_of(const struct pit_counter *c)
{
    unsigned mode = c->control >> 1 & 7;
    return mode > 5 ? mode - 4 : mode;
}

static bool periodic(const struct pit_counter *c)
{
    return mode_of(c) == 2 || mode_of(c) == 3;
}

static bool triggered(const struct pit_counter *c)
{
    return mode_of(c) == 1 || mode_of(c) == 5;
}

static bool bcd(const struct pit_counter *c)
{
    return c->control & 1;
}

static uint32_t from_bcd(uint16_t value)
{
    return (value >> 12) * 1000U + (value >> 8 & 15) * 100U + (value >> 4 & 15) * 10U + (value & 15);
}

static uint16_t to_bcd(uint32_t value)
{
    return (uint16_t)(value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10);
}

// A count of zero is the largest one: 2^16, or 10^4 in BCD.
static uint32_t initial_count(const struct pit_counter *c)
{
    if (bcd(c))
        return c->reload ? from_bcd(c->reload) : 10000;
    return c->reload ? c->reload : 65536;
}

static uint64_t elapsed(const struct pit_counter *c, uint64_t clock)
{
    return c->paused ? c->origin : clock - c->origin;
}

static uint32_t high_half(uint32_t count)
{
    return (count + 1) / 2;
}

static uint16_t value_at(const struct pit_counter *c, uint64_t clock)
{
    if (!c->loaded)
        return c->residue;
    uint32_t n = c->count;
    uint64_t e = elapsed(c, clock);
    uint32_t phase = (uint32_t)(e % n);
    uint32_t modulus = bcd(c) ? 10000 : 65536;
    uint32_t value;
    if (mode_of(c) == 3) // an odd count starts one lower; both halves step by two
        value = (n & ~1U) - 2 * (phase < high_half(n) ? phase : phase - high_half(n));
    else if (mode_of(c) == 2)
        value = n - phase;
    else
        value = n + modulus - (uint32_t)(e % modulus);
    return bcd(c) ? to_bcd(value) : (uint16_t)value;
}

static bool out_at(const struct pit_counter *c, uint64_t clock)
{
    unsigned mode = mode_of(c);
    if (!c->loaded || (c->paused && periodic(c)))
        return mode != 0;
    uint32_t n = c->count;
    uint64_t e = elapsed(c, clock);
    switch (mode) {
    case 0:
    case 1: return e >= n;
    case 2: return n == 1 || e % n != n - 1; // a count of one is illegal here
    case 3: return e % n < high_half(n);
    default: return e != n;
    }
}

// Clocks from the load to the first rising edge; periodic modes repeat it. Zero: there is none.
static uint64_t rise_after(const struct pit_counter *c)
{
    if (!c->loaded || c->paused || (periodic(c) && c->count == 1))
        return 0;
    return mode_of(c) >= 4 ? c->count + UINT64_C(1) : c->count;
}

// Rising edges at clocks in (from, to], both within the running sequence.
static uint64_t rises(const struct pit_counter *c, uint64_t from, uint64_t to)
{
    uint64_t rise = rise_after(c);
    if (!rise)
        return 0;
    uint64_t a = from - c->origin, b = to - c->origin;
    return periodic(c) ? b / rise - a / rise : a < rise && rise <= b;
}

static uint64_t next_rise(const struct pit_counter *c)
{
    uint64_t rise = rise_after(c);
    uint64_t e = c->seen - c->origin;
    if (!rise || (!periodic(c) && e >= rise))
        return CLOCK_NEVER;
    return c->origin + (e / rise + 1) * rise;
}

// End of the current cycle (mode 2) or half-cycle (mode 3): where a new count takes over.
static uint64_t next_boundary(const struct pit_counter *c, uint64_t clock)
{
    uint32_t phase = (uint32_t)(elapsed(c, clock) % c->count);
    uint32_t high = mode_of(c) == 3 ? high_half(c->count) : c->count;
    return clock - phase + (phase < high ? high : c->count);
}

static void load(struct pit_counter *c)
{
    uint64_t clock = c->load_at;
    bool into_low = mode_of(c) == 3 && c->loaded && !c->paused && !out_at(c, clock);
    c->count = initial_count(c);
    c->origin = into_low ? clock - high_half(c->count) : clock;
    c->loaded = true;
    c->paused = !c->gate && !triggered(c);
    if (c->paused)
        c->origin = 0;
    c->null_count = false;
    c->load_at = CLOCK_NEVER;
}

static void unload(struct pit_counter *c, uint64_t clock)
{
    c->residue = value_at(c, clock);
    c->loaded = false;
    c->paused = false;
    c->load_at = CLOCK_NEVER;
}

void pit_counter_advance(struct pit_counter *c, uint64_t clock)
{
    if (c->load_at <= clock) {
        uint64_t at = c->load_at;
        c->edges += rises(c, c->seen, at - 1);
        bool before = out_at(c, at - 1);
        load(c);
        c->edges += !before && out_at(c, at);
        c->seen = at;
    }
    c->edges += rises(c, c->seen, clock);
    c->seen = clock;
}

void pit_counter_reset(struct pit_counter *c, bool gate, uint64_t clock)
{
    *c = (struct pit_counter){
        .load_at = CLOCK_NEVER, .seen = clock, .gate = gate, .null_count = true, .control = ACCESS_BOTH << 4};
}

void pit_counter_program(struct pit_counter *c, uint8_t control, uint64_t clock)
{
    pit_counter_advance(c, clock);
    bool before = out_at(c, clock);
    unload(c, clock);
    c->control = control;
    c->reload = 0; // programming clears both bytes, so that single-byte counts have zero in the other
    c->armed = false;
    c->null_count = true;
    c->write_high = c->read_high = false;
    c->count_latched = c->status_latched = false;
    c->edges += !before && out_at(c, clock);
}

void pit_counter_latch(struct pit_counter *c, bool count, bool status, uint64_t clock)
{
    pit_counter_advance(c, clock);
    if (count && !c->count_latched) {
        c->latch = value_at(c, clock);
        c->count_latched = true;
    }
    if (status && !c->status_latched) {
        c->status = (uint8_t)(out_at(c, clock) << 7 | c->null_count << 6 | c->control);
        c->status_latched = true;
    }
}

static void set_count(struct pit_counter *c, uint16_t value, uint64_t clock)
{
    bool running = c->loaded && !c->paused;
    c->reload = value;
    c->armed = true;
    c->null_count = true;
    if (mode_of(c) == 0)
        unload(c, clock);
    if (mode_of(c) == 0 || mode_of(c) == 4 || (periodic(c) && !c->loaded))
        c->load_at = clock + 1;
    else if (periodic(c) && running && c->load_at == CLOCK_NEVER)
        c->load_at = next_boundary(c, clock);
}

void pit_counter_write(struct pit_counter *c, uint8_t value, uint64_t clock)
{
    pit_counter_advance(c, clock);
    bool both = access_of(c) == ACCESS_BOTH;
    if (both && !c->write_high) {
        c->low_byte = value;
        c->write_high = true;
        if (mode_of(c) == 0) // the first byte already stops the count and lowers OUT
            unload(c, clock);
        return;
    }
    c->write_high = false;
    uint32_t count = access_of(c) == ACCESS_LOW ? value : (uint32_t)value << 8;
    set_count(c, (uint16_t)(both ? count | c->low_byte : count), clock);
}

uint8_t pit_counter_read(struct pit_counter *c, uint64_t clock)
{
    pit_counter_advance(c, clock);
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    uint16_t value = c->count_latched ? c->latch : value_at(c, clock);
    bool both = access_of(c) == ACCESS_BOTH;
    bool high = both ? c->read_high : access_of(c) == ACCESS_HIGH;
    if (both)
        c->read_high = !high;
    if (!both || high)
        c->count_latched = false;
    return (uint8_t)(high ? value >> 8 : value);
}

static void gate_rises(struct pit_counter *c, uint64_t clock)
{
    if (triggered(c) || periodic(c)) {
        if (c->armed)
            c->load_at = clock + 1;
    } else if (c->paused) {
        c->origin = clock - c->origin;
        c->paused = false;
    }
}

static void gate_falls(struct pit_counter *c, uint64_t clock)
{
    if (triggered(c) || !c->loaded || c->paused)
        return;
    c->origin = clock - c->origin;
    c->paused = true;
    if (periodic(c)) // a count that waited for the end of the cycle now waits for the trigger
        c->load_at = CLOCK_NEVER;
}

void pit_counter_gate(struct pit_counter *c, bool level, uint64_t clock)
{
    pit_counter_advance(c, clock);
    if (level == c->gate)
        return;
    bool before = out_at(c, clock);
    c->gate = level;
    if (level)
        gate_rises(c, clock);
    else
        gate_falls(c, clock);
    c->edges += !before && out_at(c, clock);
}

bool pit_counter_out(struct pit_counter *c, uint64_t clock)
{
    pit_counter_advance(c, clock);
    return out_at(c, clock);
}

uint64_t pit_counter_next_edge(const struct pit_counter *c)
{
    if (c->edges)
        return c->seen;
    uint64_t rise = next_rise(c);
    if (rise < c->load_at || c->load_at == CLOCK_NEVER)
        return rise;
    struct pit_counter later = *c;
    pit_counter_advance(&later, c->load_at);
    return later.edges ? c->load_at : next_rise(&later);
}
