// ACPI fixed hardware
// SPDX-License-Identifier: MIT
//
// [ACPI] 6.3, 4.8.3 "Fixed hardware registers", 4.8.4.1 "General-purpose event registers".
#include "servers/vmm/dev/pm.h"

#include "servers/vmm/dev/clock.h"

// The status of GBL and RTC never rises: there is no firmware to release a lock and no sleep to wake from.
// Their enable bits exist, because guests set them and complain when they read back as zero.
enum { TMR = 1 << 0, GBL = 1 << 5, PWRBTN = 1 << 8, RTC = 1 << 10, EVENTS = TMR | GBL | PWRBTN | RTC };
enum { SCI_EN = 1 << 0, BM_RLD = 1 << 1, SLP_TYP = 7 << 10, SLP_EN = 1 << 13 };

// Dwords of the block.
enum { EVENT = 0, CONTROL = 1, TIMER = 2, GPE0 = 3 };

static uint64_t half_turns(uint64_t now)
{
    return clock_ticks(now, PM_TIMER_HZ) >> 31;
}

// The carry status is set whenever the top bit of the timer changes, either way.
static void advance(struct pm *pm, uint64_t now)
{
    if (half_turns(now) != pm->half_turns)
        pm->status |= TMR;
    pm->half_turns = half_turns(now);
}

static bool line(const struct pm *pm)
{
    return (pm->status & pm->enable) || (pm->gpe_status & pm->gpe_enable);
}

static uint32_t dword(const struct pm *pm, unsigned index, uint64_t now)
{
    switch (index) {
    case EVENT: return pm->status | (uint32_t)pm->enable << 16;
    case CONTROL: return pm->control | SCI_EN;
    case TIMER: return (uint32_t)clock_ticks(now, PM_TIMER_HZ);
    default: return pm->gpe_status | (uint32_t)pm->gpe_enable << 16;
    }
}

struct io_result pm_read(void *state, const struct io_access *io, uint64_t now)
{
    struct pm *pm = state;
    bool before = line(pm);
    advance(pm, now);
    uint32_t value = dword(pm, io->port / 4 % 4, now) & port_lanes(io);
    return (struct io_result){
        .value = value >> (io->port % 4 * 8),
        .effects = line(pm) != before ? PORT_LINE : 0,
    };
}

// Status bits are cleared by writing ones to them, enable bits are replaced.
static void write_pair(uint16_t *status, uint16_t *enable, uint16_t allowed, uint32_t value, uint32_t lanes)
{
    uint32_t clear = value & lanes, keep = ~lanes >> 16;
    *status = (uint16_t)(*status & ~clear);
    *enable = (uint16_t)((*enable & keep) | (clear >> 16 & allowed));
}

static uint32_t write_control(struct pm *pm, uint32_t value, uint32_t lanes)
{
    uint32_t merged = (pm->control & ~lanes) | (value & lanes);
    pm->control = merged & (BM_RLD | SLP_TYP); // SLP_EN and GBL_RLS read as zero
    bool sleep = merged & SLP_EN && (pm->control & SLP_TYP) == PM_SLEEP_TYPE_S5 << 10;
    return sleep ? PORT_POWER_OFF : 0;
}

uint32_t pm_write(void *state, const struct io_access *io, uint64_t now)
{
    struct pm *pm = state;
    bool before = line(pm);
    uint64_t deadline = pm_deadline(pm);
    uint32_t lanes = port_lanes(io), value = io->value << (io->port % 4 * 8), effects = 0;
    advance(pm, now);
    switch (io->port / 4 % 4) {
    case EVENT: write_pair(&pm->status, &pm->enable, EVENTS, value, lanes); break;
    case CONTROL: effects = write_control(pm, value, lanes); break;
    case GPE0: write_pair(&pm->gpe_status, &pm->gpe_enable, 0xffff, value, lanes); break;
    default: break; // the timer is read-only
    }
    if (line(pm) != before)
        effects |= PORT_LINE;
    if (pm_deadline(pm) != deadline)
        effects |= PORT_DEADLINE;
    return effects;
}

void pm_press_power_button(struct pm *pm)
{
    pm->status |= PWRBTN;
}

void pm_raise_gpe(struct pm *pm, unsigned event)
{
    pm->gpe_status = (uint16_t)(pm->gpe_status | 1U << event % 16);
}

bool pm_line(struct pm *pm, uint64_t now)
{
    advance(pm, now);
    return line(pm);
}

uint64_t pm_deadline(const struct pm *pm)
{
    if (!(pm->enable & TMR) || pm->status & TMR)
        return CLOCK_NEVER;
    return clock_ns((pm->half_turns + 1) << 31, PM_TIMER_HZ);
}

void pm_reset(struct pm *pm, uint64_t now)
{
    *pm = (struct pm){.half_turns = half_turns(now)};
}
