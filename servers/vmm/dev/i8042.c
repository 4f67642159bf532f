// Intel 8042 keyboard controller
// SPDX-License-Identifier: MIT
//
// Commands and bits: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device
// controller". A byte sent to an empty port is answered as the controller answers when no device clocks it
// in: 0xfe with the time-out bit.
#include "servers/vmm/dev/i8042.h"

enum {
    STATUS_OUTPUT_FULL = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08,
    STATUS_UNLOCKED = 0x10,
    STATUS_AUXILIARY = 0x20,
    STATUS_TIMEOUT = 0x40
};
enum {
    MODE_KEYBOARD_IRQ = 0x01,
    MODE_AUXILIARY_IRQ = 0x02,
    MODE_SYSTEM = 0x04,
    MODE_KEYBOARD_OFF = 0x10,
    MODE_AUXILIARY_OFF = 0x20
};
enum { P2_NOT_RESET = 0x01, P2_A20 = 0x02, P2_KEYBOARD_IRQ = 0x10, P2_AUXILIARY_IRQ = 0x20 };
enum { P1_UNLOCKED = 0x80, SELF_TEST_PASSED = 0x55, INTERFACE_GOOD = 0x00, NO_ANSWER = 0xfe };

enum command {
    READ_RAM = 0x20,
    WRITE_RAM = 0x60,
    AUXILIARY_DISABLE = 0xa7,
    AUXILIARY_ENABLE = 0xa8,
    AUXILIARY_TEST = 0xa9,
    SELF_TEST = 0xaa,
    KEYBOARD_TEST = 0xab,
    KEYBOARD_DISABLE = 0xad,
    KEYBOARD_ENABLE = 0xae,
    READ_P1 = 0xc0,
    READ_P2 = 0xd0,
    WRITE_P2 = 0xd1,
    LOOP_KEYBOARD = 0xd2,
    LOOP_AUXILIARY = 0xd3,
    WRITE_AUXILIARY = 0xd4,
    PULSE = 0xf0,
};

void i8042_reset(struct i8042 *kbc)
{
    *kbc = (struct i8042){
        .ram = {MODE_SYSTEM | MODE_KEYBOARD_OFF | MODE_AUXILIARY_OFF},
        .status = STATUS_SYSTEM | STATUS_UNLOCKED,
        .output_port = P2_NOT_RESET | P2_A20,
    };
}

static bool full(const struct i8042 *kbc)
{
    return kbc->status & STATUS_OUTPUT_FULL;
}

bool i8042_keyboard_line(const struct i8042 *kbc)
{
    return full(kbc) && !(kbc->status & STATUS_AUXILIARY) && kbc->ram[0] & MODE_KEYBOARD_IRQ;
}

bool i8042_auxiliary_line(const struct i8042 *kbc)
{
    return full(kbc) && kbc->status & STATUS_AUXILIARY && kbc->ram[0] & MODE_AUXILIARY_IRQ;
}

bool i8042_a20(const struct i8042 *kbc)
{
    return kbc->output_port & P2_A20;
}

// `flags`: STATUS_AUXILIARY, STATUS_TIMEOUT.
static void answer(struct i8042 *kbc, uint8_t value, uint8_t flags)
{
    kbc->output = value;
    kbc->status &= (uint8_t) ~(STATUS_AUXILIARY | STATUS_TIMEOUT);
    kbc->status |= STATUS_OUTPUT_FULL | flags;
}

static uint8_t read_p2(const struct i8042 *kbc)
{
    return (uint8_t)(kbc->output_port | (i8042_keyboard_line(kbc) ? P2_KEYBOARD_IRQ : 0) |
                     (i8042_auxiliary_line(kbc) ? P2_AUXILIARY_IRQ : 0));
}

static void set_ram(struct i8042 *kbc, unsigned index, uint8_t value)
{
    kbc->ram[index] = value;
    if (index == 0) // the system flag in the status is the one of the command byte
        kbc->status = (uint8_t)((kbc->status & ~STATUS_SYSTEM) | (value & MODE_SYSTEM));
}

static uint32_t write_p2(struct i8042 *kbc, uint8_t value)
{
    uint8_t changed = kbc->output_port ^ value;
    kbc->output_port = value & ~(P2_KEYBOARD_IRQ | P2_AUXILIARY_IRQ) & 0xff;
    uint32_t effects = changed & P2_A20 ? PORT_A20 : 0;
    return value & P2_NOT_RESET ? effects : effects | PORT_RESET;
}

// Commands 0xf0 to 0xff pull those of P2's low four lines to zero whose bit is zero, for some microseconds.
// Only the reset line matters for so short a time.
static uint32_t command(struct i8042 *kbc, uint8_t value)
{
    kbc->command = 0;
    if (value >= PULSE)
        return value & P2_NOT_RESET ? 0 : PORT_RESET;
    if ((value & 0xe0) == READ_RAM) {
        answer(kbc, kbc->ram[value & 0x1f], 0);
        return 0;
    }
    if ((value & 0xe0) == WRITE_RAM || (value >= WRITE_P2 && value <= WRITE_AUXILIARY)) {
        kbc->command = value;
        return 0;
    }
    switch (value) {
    case AUXILIARY_DISABLE: kbc->ram[0] |= MODE_AUXILIARY_OFF; break;
    case AUXILIARY_ENABLE: kbc->ram[0] &= (uint8_t)~MODE_AUXILIARY_OFF; break;
    case AUXILIARY_TEST: answer(kbc, INTERFACE_GOOD, 0); break;
    case SELF_TEST:
        set_ram(kbc, 0, kbc->ram[0] | MODE_SYSTEM | MODE_KEYBOARD_OFF | MODE_AUXILIARY_OFF);
        answer(kbc, SELF_TEST_PASSED, 0);
        break;
    case KEYBOARD_TEST: answer(kbc, INTERFACE_GOOD, 0); break;
    case KEYBOARD_DISABLE: kbc->ram[0] |= MODE_KEYBOARD_OFF; break;
    case KEYBOARD_ENABLE: kbc->ram[0] &= (uint8_t)~MODE_KEYBOARD_OFF; break;
    case READ_P1: answer(kbc, P1_UNLOCKED, 0); break;
    case READ_P2: answer(kbc, read_p2(kbc), 0); break;
    default: break;
    }
    return 0;
}

static uint32_t data(struct i8042 *kbc, uint8_t value)
{
    uint8_t awaited = kbc->command;
    kbc->command = 0;
    if ((awaited & 0xe0) == WRITE_RAM) {
        set_ram(kbc, awaited & 0x1f, value);
        return 0;
    }
    switch (awaited) {
    case WRITE_P2: return write_p2(kbc, value);
    case LOOP_KEYBOARD: answer(kbc, value, 0); break;
    case LOOP_AUXILIARY: answer(kbc, value, STATUS_AUXILIARY); break;
    case WRITE_AUXILIARY: answer(kbc, NO_ANSWER, STATUS_AUXILIARY | STATUS_TIMEOUT); break;
    default: answer(kbc, NO_ANSWER, STATUS_TIMEOUT); break;
    }
    return 0;
}

static unsigned lines(const struct i8042 *kbc)
{
    return (unsigned)i8042_keyboard_line(kbc) | (unsigned)i8042_auxiliary_line(kbc) << 1;
}

struct io_result i8042_read(void *state, const struct io_access *io, uint64_t now)
{
    (void)now;
    struct i8042 *kbc = state;
    if (io->port & 4)
        return (struct io_result){.value = kbc->status};
    unsigned before = lines(kbc);
    kbc->status &= (uint8_t) ~(STATUS_OUTPUT_FULL | STATUS_AUXILIARY | STATUS_TIMEOUT);
    return (struct io_result){.value = kbc->output, .effects = lines(kbc) != before ? PORT_LINE : 0};
}

uint32_t i8042_write(void *state, const struct io_access *io, uint64_t now)
{
    (void)now;
    struct i8042 *kbc = state;
    unsigned before = lines(kbc);
    bool is_command = io->port & 4;
    kbc->status = (uint8_t)((kbc->status & ~STATUS_COMMAND) | (is_command ? STATUS_COMMAND : 0));
    uint32_t effects = is_command ? command(kbc, (uint8_t)io->value) : data(kbc, (uint8_t)io->value);
    return effects | (lines(kbc) != before ? PORT_LINE : 0U);
}
