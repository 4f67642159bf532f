// Date and time of day as counters of an MC146818
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

struct rtc_time {
    uint16_t year;   // all digits
    uint8_t month;   // 1 to 12
    uint8_t day;     // 1 to 31
    uint8_t weekday; // 1 to 7, a counter of its own: the guest may call any day Sunday
    uint8_t hour, minute, second;
};

// Moves the counters forward. Fields out of range are carried into the next higher one first.
struct rtc_time rtc_time_add(struct rtc_time time, uint64_t seconds);

// UTC; 1970-01-01 was a Thursday.
struct rtc_time rtc_time_from_unix(uint64_t seconds);
