// Motorola MC146818 real-time clock with 128 bytes of CMOS RAM
// SPDX-License-Identifier: MIT
//
// The bytes of time, date and alarm are kept as the guest sees them, in whatever format register B asks for,
// and are brought forward when somebody looks. So a guest reads back what it wrote, and the wall clock
// survives as base plus guest time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/vmm/dev/port_device.h"

enum rtc_register {
    RTC_SECOND = 0x00,
    RTC_SECOND_ALARM = 0x01,
    RTC_MINUTE = 0x02,
    RTC_MINUTE_ALARM = 0x03,
    RTC_HOUR = 0x04,
    RTC_HOUR_ALARM = 0x05,
    RTC_WEEKDAY = 0x06, // 1 is Sunday
    RTC_DAY = 0x07,
    RTC_MONTH = 0x08,
    RTC_YEAR = 0x09,
    RTC_A = 0x0a,
    RTC_B = 0x0b,
    RTC_C = 0x0c,
    RTC_D = 0x0d,
    RTC_CENTURY = 0x32,
    RTC_BYTES = 128,
};

struct rtc {
    uint64_t chain; // guest time at which the divider chain was zero; it may lie before zero, modulo 2^64
    uint64_t seen;  // ticks of the chain that are accounted for
    uint8_t index;
    uint8_t nmi_masked; // bit 7 of port 0x70
    uint8_t reserved[6];
    uint8_t cmos[RTC_BYTES];
};
_Static_assert(sizeof(struct rtc) == 152, "the next incarnation reads this layout");

// Memory as firmware reports it in CMOS, in bytes.
struct rtc_memory {
    uint64_t below_4g; // from address zero, the hole below 1 MiB included
    uint64_t above_4g;
};

// `unix_ns`: wall clock, nanoseconds since 1970 in the time zone that the guest expects, at guest time `now`.
void rtc_power_up(struct rtc *rtc, uint64_t now, uint64_t unix_ns, const struct rtc_memory *memory);
// The machine's reset line: interrupts off, nothing else; time and memory are on battery.
void rtc_reset(struct rtc *rtc, uint64_t now);

struct io_result rtc_read(void *state, const struct io_access *io, uint64_t now); // 0x70 and 0x71, bytes
uint32_t rtc_write(void *state, const struct io_access *io, uint64_t now);

// Level of IRQ 8: high until the guest reads register C.
bool rtc_line(struct rtc *rtc, uint64_t now);
// Time at which the line may rise next, or CLOCK_NEVER.
uint64_t rtc_deadline(const struct rtc *rtc);
