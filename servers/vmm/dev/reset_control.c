// Reset control register 0xcf9 and system control port A, 0x92
// SPDX-License-Identifier: MIT
//
// [PIIX] Intel 82371AB 290562, 2.6.4 "Reset control register": a change of bit 2 from 0 to 1 resets, bit 1
// chooses between the whole machine and INIT of the processor. Port 0x92 does INIT when its bit 0 changes
// from 0 to 1.
#include "servers/vmm/dev/reset_control.h"

enum {
    CF9_SYSTEM = 1 << 1,
    CF9_START = 1 << 2,
    CF9_FULL = 1 << 3,
    CF9_BITS = CF9_SYSTEM | CF9_START | CF9_FULL
};
enum { P92_INIT = 1 << 0, P92_A20 = 1 << 1, P92_BITS = P92_INIT | P92_A20 };

void reset_control_reset(struct reset_control *rc)
{
    *rc = (struct reset_control){0}; // the keyboard controller has the gate open
}

struct io_result reset_control_read(void *state, const struct io_access *io, uint64_t now)
{
    (void)now;
    const struct reset_control *rc = state;
    return (struct io_result){.value = io->port == RESET_PORT ? rc->cf9 : rc->port92};
}

static uint32_t write_cf9(struct reset_control *rc, uint32_t value)
{
    bool start = value & CF9_START && !(rc->cf9 & CF9_START);
    rc->cf9 = value & CF9_BITS;
    if (!start)
        return 0;
    return value & CF9_SYSTEM ? PORT_RESET : PORT_INIT;
}

static uint32_t write_port92(struct reset_control *rc, uint32_t value)
{
    uint32_t changed = value ^ rc->port92;
    rc->port92 = value & P92_BITS;
    return (changed & P92_A20 ? PORT_A20 : 0U) | (changed & value & P92_INIT ? PORT_INIT : 0U);
}

uint32_t reset_control_write(void *state, const struct io_access *io, uint64_t now)
{
    (void)now;
    struct reset_control *rc = state;
    return io->port == RESET_PORT ? write_cf9(rc, io->value) : write_port92(rc, io->value);
}

bool reset_control_a20(const struct reset_control *rc)
{
    return rc->port92 & P92_A20;
}
