// Lies to ports and to the source of random numbers: [VIRTIO] 5.3, 5.4.
// SPDX-License-Identifier: MIT
#include "servers/ports/format.h"
#include "tests/kernels/hostile.h"
#include "tests/kernels/machine.h"

enum { WRITE = VIRTQ_FLAG_WRITE, NEXT = VIRTQ_FLAG_NEXT, TEXT = 32, OUTPUT_MOST = 1 << 20, PORTS = 2 };
enum queue {
    INPUT,
    OUTPUT,
    CONTROL_RECEIVE = PORTS_CONTROL_RECEIVE,
    CONTROL_TRANSMIT = PORTS_CONTROL_TRANSMIT
};
enum { CONTROL_ROOM = sizeof(struct ports_message) + 16 /* of the longest name */, TRIES = 256 };

static uint8_t buffer[64];

static bool ask(unsigned q, const volatile void *at, uint32_t bytes, uint16_t flags)
{
    describe(q, 0, at, bytes, flags, 0);
    offer(q, 0);
    ring_bell(q);
    return true;
}

// ---- ports: what is printed ----

static uint32_t lines;

// Each has its number, so whoever reads them sees whether one is missing.
static bool print(void)
{
    static char text[] = "line 00000000\n";
    uint32_t n = ++lines;
    for (unsigned i = 12; i > 4; i--, n >>= 4)
        text[i] = "0123456789abcdef"[n & 15];
    describe(OUTPUT, 0, text, sizeof text - 1, 0, 0);
    return request(OUTPUT) && used_bytes(OUTPUT) == 0;
}

static bool output_writable(uint64_t unused)
{
    (void)unused;
    return ask(OUTPUT, buffer, sizeof buffer, WRITE);
}

static bool output_long(uint64_t bytes)
{
    return ask(OUTPUT, 0, (uint32_t)bytes, 0);
}

static bool output_empty(uint64_t unused)
{
    (void)unused;
    describe(OUTPUT, 0, buffer, 0, 0, 0);
    return request(OUTPUT) && is_well();
}

// ---- ports: control messages ----

static struct ports_message message;

static void say_message(uint32_t port, uint16_t event, uint16_t value)
{
    message = (struct ports_message){port, event, value};
    (void)ask(CONTROL_TRANSMIT, &message, sizeof message, 0);
}

static bool control_bytes(uint64_t bytes)
{
    return ask(CONTROL_TRANSMIT, buffer, (uint32_t)bytes, 0);
}

static bool control_writable(uint64_t unused)
{
    (void)unused;
    return ask(CONTROL_TRANSMIT, &message, sizeof message, WRITE);
}

static bool control_of_port(uint64_t port)
{
    for (uint16_t event = 0; event < 2 * PORTS_EVENTS; event++)
        for (uint16_t value = 0; value < 3; value++) {
            message =
                (struct ports_message){(uint32_t)port, event == PORTS_EVENTS ? UINT16_MAX : event, value};
            describe(CONTROL_TRANSMIT, 0, &message, sizeof message, 0, 0);
            if (!request(CONTROL_TRANSMIT))
                return false;
        }
    return is_well();
}

static bool control_buffer(uint64_t bytes)
{
    (void)ask(CONTROL_RECEIVE, buffer, (uint32_t)bytes, WRITE);
    say_message(0, PORTS_READY, 1);
    return true;
}

static bool control_buffer_readable(uint64_t unused)
{
    (void)unused;
    (void)ask(CONTROL_RECEIVE, buffer, sizeof buffer, 0);
    say_message(UINT32_MAX, PORTS_DEVICE_READY, 1);
    return true;
}

static const struct lie port_lies[] = {
    {"fault-output-request", "output that is writable", output_writable, 0},
    {"fault-output-request", "output of bytes", output_long, OUTPUT_MOST + 1},
    {"fault-output-request", "output of bytes", output_long, MEMORY - 1},
    {"", "output of nothing", output_empty, 0},
    {"fault-control-message", "a control message of nothing", control_bytes, 0},
    {"fault-control-message", "a control message of bytes", control_bytes, 4},
    {"fault-control-message", "a control message of bytes", control_bytes, 7},
    {"fault-control-message", "a control message that is writable", control_writable, 0},
    {"", "control messages of any kind", control_of_port, 0},
    {"", "control messages of any kind for port", control_of_port, PORTS},
    {"", "control messages of any kind for port", control_of_port, UINT32_MAX},
    {"fault-control-buffer", "room for control messages: bytes", control_buffer, 1},
    {"fault-control-buffer", "room for control messages: bytes", control_buffer, CONTROL_ROOM - 1},
    {"fault-control-buffer", "room for control messages that is only readable", control_buffer_readable, 0},
};

// ---- ports: what is typed ----

// Nobody looks at room for input before somebody types.
static bool input_readable(uint64_t unused)
{
    (void)unused;
    say_message(0, PORTS_OPEN, 1);
    (void)ask(INPUT, buffer, sizeof buffer, 0);
    say("type something\n");
    for (unsigned i = 0; i < TRIES && !(common->status & VIRTIO_NEEDS_RESET); i++)
        (void)interrupted(CAUSE_CONFIG, interrupts(CAUSE_CONFIG));
    return true;
}

static bool input_kept(uint64_t unused)
{
    (void)unused;
    say_message(0, PORTS_OPEN, 1);
    describe(INPUT, 0, buffer, sizeof buffer, WRITE, 0);
    return request(INPUT) && used_bytes(INPUT) >= 1 && buffer[0] == 't' && is_well();
}

static const struct lie typed[] = {
    {"fault-input-request", "room for input that is only readable", input_readable, 0},
    {"", "what was typed is not lost", input_kept, 0},
};

static void lie_to_ports(void)
{
    TELL_ALL(port_lies);
    TELL_ALL(typed);
    say_number("lines printed: ", lines);
}

static const char *begin_ports(void)
{
    return "ports";
}

const struct kind ports_kind = {.features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_RING_RESET |
                                            PORTS_F_MULTIPORT,
                                .queues = PORTS_QUEUES,
                                .queue = OUTPUT,
                                .streams = true,
                                .begin = begin_ports,
                                .honest = print,
                                .lies = lie_to_ports};

// ---- random numbers ----

static bool draw(void)
{
    uint32_t any = 0;
    for (unsigned i = 0; i < 16; i++)
        buffer[i] = 0;
    describe(0, 0, buffer, 16, WRITE, 0);
    if (!request(0) || used_bytes(0) != 16)
        return false;
    for (unsigned i = 0; i < 16; i++)
        any |= buffer[i];
    return any;
}

static bool readable(uint64_t unused)
{
    (void)unused;
    return ask(0, buffer, sizeof buffer, 0);
}

static bool nothing(uint64_t unused)
{
    (void)unused;
    return ask(0, buffer, 0, WRITE);
}

static bool readable_and_writable(uint64_t unused)
{
    (void)unused;
    describe(0, 0, buffer, sizeof buffer, NEXT, 1);
    describe(0, 1, buffer, sizeof buffer, WRITE, 0);
    offer(0, 0);
    ring_bell(0);
    return true;
}

static bool large(uint64_t bytes)
{
    describe(0, 0, at(MEMORY / 2), (uint32_t)bytes, WRITE, 0);
    return request(0) && used_bytes(0) >= 1 && used_bytes(0) <= bytes && is_well();
}

static const struct lie random_lies[] = {
    {"fault-no-buffer", "a buffer that is only readable", readable, 0},
    {"fault-no-buffer", "a buffer of nothing", nothing, 0},
    {"fault-no-buffer", "a readable buffer before the writable one", readable_and_writable, 0},
    {"", "a buffer of bytes", large, MEMORY / 2},
};

static void lie_to_random(void)
{
    TELL_ALL(random_lies);
}

static const char *begin_random(void)
{
    return "rng";
}

const struct kind random_kind = {.features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_RING_RESET,
                                 .queues = 1,
                                 .line = true,
                                 .begin = begin_random,
                                 .honest = draw,
                                 .lies = lie_to_random};
