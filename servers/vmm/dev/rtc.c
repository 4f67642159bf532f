// Motorola MC146818: registers, update cycle, alarm and periodic interrupt
// SPDX-License-Identifier: MIT
//
// [MC146818] Motorola MC146818A, ADI1005R1. A 32.768 kHz crystal feeds a divider chain; its ticks are
// numbered from `chain`. Every 32768th ends an update cycle: the new time is visible, UF is set, and AF when
// the alarm matches. The update-in-progress bit is up for the last 2228 us of each second (t_BUC 244 us and
// t_UC 1984 us). While SET holds the time bytes there are no update cycles; while the divider is held in
// reset nothing runs at all, and the first update comes half a second after its release.
#include "servers/vmm/dev/rtc.h"

#include "servers/vmm/dev/clock.h"
#include "servers/vmm/dev/rtc_calendar.h"

#define RTC_HZ        UINT64_C(32768)
#define UPDATE_NS     UINT64_C(2228000)
#define HALF_A_SECOND (CLOCK_GIGA / 2)
#define NO_ALARM      UINT32_MAX

enum { A_UIP = 0x80, A_DIVIDER = 0x70, A_RUN = 0x20, A_RATE = 0x0f };
enum { B_SET = 0x80, B_UIE = 0x10, B_SQWE = 0x08, B_BINARY = 0x04, B_24H = 0x02 };
enum {
    C_IRQF = 0x80,
    C_PF = 0x40,
    C_AF = 0x20,
    C_UF = 0x10,
    C_FLAGS = 0x70
}; // the enables in B have the same places
enum { D_VRT = 0x80, HOUR_PM = 0x80, WILDCARD = 0xc0 };

static bool running(const struct rtc *r)
{
    return (r->cmos[RTC_A] & A_DIVIDER) == A_RUN;
}

static bool updating(const struct rtc *r)
{
    return running(r) && !(r->cmos[RTC_B] & B_SET);
}

// Ticks between periodic interrupts; 0: none. Rates 1 and 2 repeat 8 and 9 with this crystal.
static uint32_t period(const struct rtc *r)
{
    unsigned rate = r->cmos[RTC_A] & A_RATE;
    if (!rate)
        return 0;
    return 1U << (rate <= 2 ? rate + 6 : rate - 1);
}

static uint8_t decode(const struct rtc *r, uint8_t value)
{
    if (r->cmos[RTC_B] & B_BINARY)
        return value;
    return (uint8_t)((value >> 4) * 10 + (value & 15));
}

static uint8_t encode(const struct rtc *r, uint32_t value)
{
    if (r->cmos[RTC_B] & B_BINARY)
        return (uint8_t)value;
    return (uint8_t)(value / 10 << 4 | value % 10);
}

static uint8_t decode_hour(const struct rtc *r, uint8_t value)
{
    if (r->cmos[RTC_B] & B_24H)
        return decode(r, value);
    return (uint8_t)(decode(r, value & ~HOUR_PM & 0xff) % 12 + (value & HOUR_PM ? 12 : 0));
}

static uint8_t encode_hour(const struct rtc *r, uint32_t hour)
{
    if (r->cmos[RTC_B] & B_24H)
        return encode(r, hour);
    return encode(r, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0);
}

static struct rtc_time get_time(const struct rtc *r)
{
    return (struct rtc_time){
        .year = (uint16_t)(decode(r, r->cmos[RTC_CENTURY]) * 100 + decode(r, r->cmos[RTC_YEAR])),
        .month = decode(r, r->cmos[RTC_MONTH]),
        .day = decode(r, r->cmos[RTC_DAY]),
        .weekday = decode(r, r->cmos[RTC_WEEKDAY]),
        .hour = decode_hour(r, r->cmos[RTC_HOUR]),
        .minute = decode(r, r->cmos[RTC_MINUTE]),
        .second = decode(r, r->cmos[RTC_SECOND]),
    };
}

static void set_time(struct rtc *r, const struct rtc_time *t)
{
    r->cmos[RTC_CENTURY] = encode(r, t->year / 100 % 100);
    r->cmos[RTC_YEAR] = encode(r, t->year % 100);
    r->cmos[RTC_MONTH] = encode(r, t->month);
    r->cmos[RTC_DAY] = encode(r, t->day);
    r->cmos[RTC_WEEKDAY] = encode(r, t->weekday);
    r->cmos[RTC_HOUR] = encode_hour(r, t->hour);
    r->cmos[RTC_MINUTE] = encode(r, t->minute);
    r->cmos[RTC_SECOND] = encode(r, t->second);
}

static bool alarm_byte_matches(uint8_t alarm, uint8_t value)
{
    return (alarm & WILDCARD) == WILDCARD || alarm == value;
}

static bool second_matches(const struct rtc *r, uint32_t second)
{
    return alarm_byte_matches(r->cmos[RTC_SECOND_ALARM], encode(r, second));
}

static bool minute_matches(const struct rtc *r, uint32_t minute)
{
    return alarm_byte_matches(r->cmos[RTC_MINUTE_ALARM], encode(r, minute));
}

static bool hour_matches(const struct rtc *r, uint32_t hour)
{
    return alarm_byte_matches(r->cmos[RTC_HOUR_ALARM], encode_hour(r, hour));
}

static bool ever_matches(const struct rtc *r, bool (*matches)(const struct rtc *, uint32_t), uint32_t values)
{
    while (values--)
        if (matches(r, values))
            return true;
    return false;
}

// Updates until the alarm matches, 1 to 86400: at most some 150 steps, since each of the three bytes can
// match.
static uint32_t alarm_distance(const struct rtc *r)
{
    if (!ever_matches(r, second_matches, 60) || !ever_matches(r, minute_matches, 60) ||
        !ever_matches(r, hour_matches, 24))
        return NO_ALARM;
    struct rtc_time time = get_time(r);
    uint32_t start = time.hour * 3600U + time.minute * 60U + time.second;
    uint32_t t = start + 1;
    for (;;) {
        if (!hour_matches(r, t / 3600 % 24))
            t = (t / 3600 + 1) * 3600;
        else if (!minute_matches(r, t / 60 % 60))
            t = (t / 60 + 1) * 60;
        else if (!second_matches(r, t % 60))
            t++;
        else
            return t - start;
    }
}

static void update(struct rtc *r, uint64_t seconds)
{
    if (alarm_distance(r) <= seconds)
        r->cmos[RTC_C] |= C_AF;
    struct rtc_time time = rtc_time_add(get_time(r), seconds);
    set_time(r, &time);
    r->cmos[RTC_C] |= C_UF;
}

static bool line(const struct rtc *r)
{
    return r->cmos[RTC_C] & r->cmos[RTC_B] & C_FLAGS;
}

// Accounts for all ticks up to `now`.
static void advance(struct rtc *r, uint64_t now)
{
    if (!running(r))
        return;
    uint64_t ticks = clock_ticks(now - r->chain, RTC_HZ);
    uint32_t p = period(r);
    if (p && ticks / p != r->seen / p)
        r->cmos[RTC_C] |= C_PF;
    uint64_t seconds = ticks / RTC_HZ - r->seen / RTC_HZ;
    r->seen = ticks;
    if (seconds && updating(r))
        update(r, seconds);
}

static uint8_t read_register(struct rtc *r, uint64_t now)
{
    uint8_t value = r->cmos[r->index];
    if (r->index == RTC_A && updating(r) && (now - r->chain) % CLOCK_GIGA >= CLOCK_GIGA - UPDATE_NS)
        value |= A_UIP;
    if (r->index == RTC_C) {
        value |= line(r) ? C_IRQF : 0;
        r->cmos[RTC_C] = 0;
    }
    return value;
}

static void write_a(struct rtc *r, uint8_t value, uint64_t now)
{
    bool ran = running(r);
    r->cmos[RTC_A] = value & ~A_UIP & 0xff;
    if (ran || !running(r))
        return;
    r->chain = now - HALF_A_SECOND;
    r->seen = RTC_HZ / 2;
}

static void write_register(struct rtc *r, uint8_t value, uint64_t now)
{
    switch (r->index) {
    case RTC_A: write_a(r, value, now); break;
    case RTC_B: r->cmos[RTC_B] = value & B_SET ? value & ~B_UIE & 0xff : value; break;
    case RTC_C:
    case RTC_D: break;
    case RTC_SECOND: r->cmos[RTC_SECOND] = value & 0x7f; break; // the top bit cannot be written
    default: r->cmos[r->index] = value; break;
    }
}

struct io_result rtc_read(void *state, const struct io_access *io, uint64_t now)
{
    struct rtc *r = state;
    if (!(io->port & 1))
        return (struct io_result){.value = 0xff}; // the index cannot be read
    bool before = line(r);
    advance(r, now);
    bool cleared = r->index == RTC_C;
    uint8_t value = read_register(r, now);
    return (struct io_result){
        .value = value,
        .effects = (line(r) != before ? PORT_LINE : 0U) | (cleared ? PORT_DEADLINE : 0U),
    };
}

uint32_t rtc_write(void *state, const struct io_access *io, uint64_t now)
{
    struct rtc *r = state;
    if (!(io->port & 1)) {
        r->index = io->value & 0x7f;
        r->nmi_masked = io->value >> 7 & 1;
        return 0;
    }
    bool before = line(r);
    advance(r, now);
    write_register(r, (uint8_t)io->value, now);
    bool plain = r->index > RTC_D && r->index != RTC_CENTURY;
    return (line(r) != before ? PORT_LINE : 0U) | (plain ? 0U : PORT_DEADLINE);
}

bool rtc_line(struct rtc *rtc, uint64_t now)
{
    advance(rtc, now);
    return line(rtc);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t rtc_deadline(const struct rtc *r)
{
    uint8_t enabled = r->cmos[RTC_B];
    uint64_t ticks = UINT64_MAX, second = r->seen / RTC_HZ;
    if (!running(r) || line(r))
        return CLOCK_NEVER;
    if (enabled & C_PF && period(r))
        ticks = (r->seen / period(r) + 1) * period(r);
    if (enabled & C_UF && updating(r))
        ticks = earlier(ticks, (second + 1) * RTC_HZ);
    if (enabled & C_AF && updating(r) && alarm_distance(r) != NO_ALARM)
        ticks = earlier(ticks, (second + alarm_distance(r)) * RTC_HZ);
    return ticks == UINT64_MAX ? CLOCK_NEVER : r->chain + clock_ns(ticks, RTC_HZ);
}

static void store16(struct rtc *r, unsigned index, uint64_t value)
{
    r->cmos[index] = (uint8_t)value;
    r->cmos[index + 1] = (uint8_t)(value >> 8);
}

static uint64_t units(uint64_t bytes, uint64_t from, uint64_t unit, uint64_t most)
{
    uint64_t n = bytes > from ? (bytes - from) / unit : 0;
    return n < most ? n : most;
}

// Where AT firmware has left memory sizes since the PC/AT (0x15 to 0x18, 0x30) and its successors (0x34,
// 0x5b).
static void store_memory(struct rtc *r, const struct rtc_memory *m)
{
    const uint64_t kib = 1 << 10, mib = 1 << 20;
    store16(r, 0x15, units(m->below_4g, 0, kib, 640));
    store16(r, 0x17, units(m->below_4g, mib, kib, 0xffff));
    store16(r, 0x30, units(m->below_4g, mib, kib, 0xffff));
    store16(r, 0x34, units(m->below_4g, 16 * mib, 64 * kib, 0xffff));
    uint64_t above = units(m->above_4g, 0, 64 * kib, 0xffffff);
    store16(r, 0x5b, above);
    r->cmos[0x5d] = (uint8_t)(above >> 16);
    uint16_t sum = 0;
    for (unsigned i = 0x10; i <= 0x2d; i++)
        sum = (uint16_t)(sum + r->cmos[i]);
    r->cmos[0x2e] = (uint8_t)(sum >> 8);
    r->cmos[0x2f] = (uint8_t)sum;
}

void rtc_power_up(struct rtc *rtc, uint64_t now, uint64_t unix_ns, const struct rtc_memory *memory)
{
    *rtc = (struct rtc){.chain = now - unix_ns % CLOCK_GIGA};
    rtc->seen = clock_ticks(unix_ns % CLOCK_GIGA, RTC_HZ);
    rtc->cmos[RTC_A] = A_RUN | 6; // 1024 Hz, as firmware leaves it
    rtc->cmos[RTC_B] = B_24H;
    rtc->cmos[RTC_D] = D_VRT;
    struct rtc_time time = rtc_time_from_unix(unix_ns / CLOCK_GIGA);
    set_time(rtc, &time);
    store_memory(rtc, memory);
}

void rtc_reset(struct rtc *rtc, uint64_t now)
{
    advance(rtc, now);
    rtc->cmos[RTC_B] &= (uint8_t) ~(C_FLAGS | B_SQWE);
    rtc->cmos[RTC_C] = 0;
}
