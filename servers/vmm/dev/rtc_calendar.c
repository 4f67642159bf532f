// Gregorian calendar arithmetic for the real-time clock
// SPDX-License-Identifier: MIT
//
// Years are counted from March, so that the leap day is the last day of a year; 400 years have 146097 days.
#include "servers/vmm/dev/rtc_calendar.h"

enum { DAYS_4_CENTURIES = 146097, SECONDS_A_DAY = 86400 };

// Days of the months from March up to month `m` (0 is March): 31 30 31 30 31, twice and a bit.
static uint32_t days_before_month(uint32_t m)
{
    return (153 * m + 2) / 5;
}

static uint32_t days_before_year(uint32_t y)
{
    return 365 * y + y / 4 - y / 100 + y / 400;
}

// Days since 1 March of year 0; month and day may be out of range, as on a chip that was set to nonsense.
static uint32_t to_days(const struct rtc_time *t)
{
    uint32_t months = t->year * 12U + t->month + 9; // months since March of year -1
    uint32_t year = months / 12;
    if (!year)
        return t->day;
    return days_before_year(year - 1) + days_before_month(months % 12) + t->day - 1U;
}

static void from_days(uint32_t days, struct rtc_time *t)
{
    uint32_t year = (uint32_t)((uint64_t)days * 400 / DAYS_4_CENTURIES);
    while (days_before_year(year + 1) <= days)
        year++;
    while (days_before_year(year) > days)
        year--;
    uint32_t rest = days - days_before_year(year);
    uint32_t month = (5 * rest + 2) / 153;
    t->day = (uint8_t)(rest - days_before_month(month) + 1);
    t->month = (uint8_t)(month < 10 ? month + 3 : month - 9);
    t->year = (uint16_t)(year + (month >= 10));
}

struct rtc_time rtc_time_add(struct rtc_time time, uint64_t seconds)
{
    uint64_t total = time.hour * UINT64_C(3600) + time.minute * UINT64_C(60) + time.second + seconds;
    uint64_t days = total / SECONDS_A_DAY;
    uint32_t rest = (uint32_t)(total % SECONDS_A_DAY);
    from_days(to_days(&time) + (uint32_t)days, &time);
    time.weekday = (uint8_t)((time.weekday + 6 + days) % 7 + 1);
    time.hour = (uint8_t)(rest / 3600);
    time.minute = (uint8_t)(rest / 60 % 60);
    time.second = (uint8_t)(rest % 60);
    return time;
}

struct rtc_time rtc_time_from_unix(uint64_t seconds)
{
    return rtc_time_add((struct rtc_time){.year = 1970, .month = 1, .day = 1, .weekday = 5}, seconds);
}
