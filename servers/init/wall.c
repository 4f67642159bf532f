// The date, from the registers of an MC146818.
// SPDX-License-Identifier: MIT
//
// While the clock updates its bytes (2.2 ms, told by UIP 244 us ahead) they are undefined. So they are read
// twice, and count if they are the same and no update was under way around either.
#include "servers/init/wall.h"

#include <string.h>

enum { TRIES = 16, SECONDS_A_DAY = 86400 };
enum { REG_A = 0x0a, REG_B = 0x0b, REG_D = 0x0d };
enum { A_UIP = 0x80, B_BINARY = 0x04, B_24H = 0x02, D_VRT = 0x80, HOUR_PM = 0x80 };

enum field { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY, FIELDS };
static const uint8_t registers[FIELDS] = {0x00, 0x02, 0x04, 0x07, 0x08, 0x09, 0x32};

static bool snapshot(const struct wall_source *s, uint8_t raw[FIELDS])
{
    if (s->read(REG_A) & A_UIP)
        return false;
    for (unsigned i = 0; i < FIELDS; i++)
        raw[i] = s->read(registers[i]);
    return !(s->read(REG_A) & A_UIP);
}

static bool read_at_rest(const struct wall_source *s, uint8_t raw[FIELDS])
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint8_t again[FIELDS];
        if (snapshot(s, raw) && snapshot(s, again) && memcmp(raw, again, FIELDS) == 0)
            return true;
        s->pause();
    }
    return false;
}

// 0xff, which is out of every range: no number.
static unsigned number(uint8_t raw, bool binary)
{
    if (binary)
        return raw;
    return (raw >> 4) > 9 || (raw & 15) > 9 ? 0xff : (raw >> 4) * 10u + (raw & 15);
}

static unsigned hour_of(uint8_t raw, uint8_t b)
{
    if (b & B_24H)
        return number(raw, b & B_BINARY);
    unsigned hour = number(raw & ~HOUR_PM & 0xff, b & B_BINARY);
    return hour < 1 || hour > 12 ? 0xff : hour % 12 + (raw & HOUR_PM ? 12 : 0);
}

static bool leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of(unsigned month, unsigned year)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap(year) ? 1u : 0u);
}

static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    uint64_t days = day - 1;
    for (unsigned y = 1970; y < year; y++)
        days += leap(y) ? 366 : 365;
    for (unsigned m = 1; m < month; m++)
        days += days_of(m, year);
    return days;
}

// Not every machine keeps a century, and not every one in that byte: what is none is taken for the 21st.
static unsigned year_of(const uint8_t raw[FIELDS], bool binary)
{
    unsigned century = number(raw[CENTURY], binary), year = number(raw[YEAR], binary);
    if (century < 19 || century > 21)
        century = 20;
    return year > 99 ? 0 : century * 100 + year;
}

bool wall_read(const struct wall_source *source, uint64_t *seconds)
{
    uint8_t raw[FIELDS], b = source->read(REG_B);
    bool binary = b & B_BINARY;
    if (!(source->read(REG_D) & D_VRT) || !read_at_rest(source, raw))
        return false;
    unsigned second = number(raw[SECOND], binary), minute = number(raw[MINUTE], binary),
             hour = hour_of(raw[HOUR], b), day = number(raw[DAY], binary), month = number(raw[MONTH], binary),
             year = year_of(raw, binary);
    if (second > 59 || minute > 59 || hour > 23 || !year || month < 1 || month > 12 || day < 1 ||
        day > days_of(month, year))
        return false;
    *seconds = days_since_1970(year, month, day) * SECONDS_A_DAY + hour * 3600u + minute * 60u + second;
    return *seconds >= WALL_DEFAULT;
}
