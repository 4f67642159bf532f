// The PCI test device's server: as much of a device as the bus can be tested with.
// SPDX-License-Identifier: MIT
//
// It is the shortest device server that does all that one has to: it registers, looks for a reset before
// anything else, reaches memory only as a bus master, commits before it publishes, and after a start does
// what the guest may have asked of its predecessor and interrupts whatever the guest may know already.
#include "servers/testpci/testpci.h"

#include <stdbool.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/bus.h"
#include "libipc/proto/layout.h"
#include "libipc/server.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "libipc/words.h"

const char program_name[] = "testpci";

enum { KIND = 0x74706369, VERSION = 1, LOG_BYTES = 4 << 10, VCPUS_MAX = 8, REPLIES = 1, WINDOW_AT = 16 };
enum section { SECTION_DEVICE = 1 };

struct device {
    uint32_t resets; // of the page, when all below was last reset
    uint32_t scratch;
    uint32_t queue;
    uint32_t line;
    uint32_t done[TESTPCI_DOORBELLS];
    uint32_t interrupts; // ever: one is told behind the commit of it
    uint32_t reserved;
};

static struct device_page *const page = (struct device_page *)DEVICE_MAP_LINE;
static struct state state;
static struct device *device;
static uint64_t raised; // vectors that go out with the next commit

static uint32_t control(void)
{
    return __atomic_load_n(&page->control, __ATOMIC_ACQUIRE);
}

// NULL: the guest has named none, or keeps the device off its memory.
static struct testpci_queue *queue(unsigned i)
{
    bool reachable = device->queue && control() & BUS_CONTROL_MASTER;
    return reachable ? (struct testpci_queue *)(DEVICE_MAP_RAM + device->queue) + i : NULL;
}

static void publish(struct server *s)
{
    (void)s;
    for (unsigned i = 0; i < TESTPCI_DOORBELLS; i++)
        if (queue(i))
            __atomic_store_n(&queue(i)->done, device->done[i], __ATOMIC_RELEASE);
    bool changed = page->line.level != device->line || raised;
    if (page->line.level != device->line) {
        __atomic_store_n(&page->line.level, device->line, __ATOMIC_RELEASE);
        __atomic_store_n(&page->line.changes, page->line.changes + 1, __ATOMIC_RELEASE);
    }
    __atomic_fetch_or(&page->line.pending, raised, __ATOMIC_ACQ_REL);
    raised = 0;
    if (changed)
        (void)!sys_signal(DEVICE_SLOT_VMM); // notifications outlive their servers
}

static void set_line(struct server *s, uint32_t level)
{
    device->line = level;
    server_changed(s, &device->line, sizeof device->line);
}

static void interrupt(struct server *s, uint64_t vectors)
{
    device->interrupts++;
    server_changed(s, &device->interrupts, sizeof device->interrupts);
    if (control() & BUS_CONTROL_MSIX)
        raised |= vectors;
    else
        set_line(s, 1);
}

// Vectors that were committed may not have come to the page. The line's level is state, and is published as
// such.
static void raise_all(struct server *s)
{
    if (control() & BUS_CONTROL_MSIX)
        interrupt(s, (UINT64_C(1) << TESTPCI_VECTORS) - 1);
}

static void look_for_reset(struct server *s)
{
    uint32_t resets = __atomic_load_n(&page->resets, __ATOMIC_ACQUIRE);
    if (resets == device->resets)
        return;
    *device = (struct device){.resets = resets};
    server_changed(s, device, sizeof *device);
}

static void serve(struct server *s, unsigned i)
{
    const struct testpci_queue *q = queue(i);
    if (!q)
        return;
    uint32_t requests = __atomic_load_n(&q->requests, __ATOMIC_ACQUIRE);
    if (requests == device->done[i])
        return;
    device->done[i] = requests;
    server_changed(s, &device->done[i], sizeof device->done[i]);
    interrupt(s, UINT64_C(1) << i);
}

static void handle_bits(struct server *s, uint64_t bits)
{
    look_for_reset(s);
    for (unsigned i = 0; i < TESTPCI_DOORBELLS; i++)
        if (bits & DEVICE_BIT_QUEUE(i))
            serve(s, i);
}

static uint32_t read_register(struct server *s, uint64_t offset)
{
    uint32_t line = device->line;
    switch (offset) {
    case TESTPCI_ID: return TESTPCI_MAGIC;
    case TESTPCI_SCRATCH: return device->scratch;
    case TESTPCI_QUEUE: return device->queue;
    case TESTPCI_ISR: set_line(s, 0); return line;
    case TESTPCI_RESETS: return device->resets;
    case TESTPCI_CONTROL: return control();
    default: return 0;
    }
}

static void write_register(struct server *s, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case TESTPCI_SCRATCH:
        device->scratch = value;
        server_changed(s, &device->scratch, sizeof device->scratch);
        break;
    case TESTPCI_QUEUE:
        device->queue = value & 0xffffff8; // tests have more RAM than that
        server_changed(s, &device->queue, sizeof device->queue);
        break;
    case TESTPCI_RAISE: interrupt(s, value); break;
    default: break;
    }
}

// A doorbell that comes as an access came through the indirect window.
static uint64_t io_access(struct server *s, uint64_t offset, bool write, uint32_t value)
{
    if (offset == TESTPCI_IO_SCRATCH && write)
        write_register(s, TESTPCI_SCRATCH, value);
    else if (write && offset < TESTPCI_DOORBELLS * 2U)
        serve(s, (unsigned)offset / 2);
    return offset == TESTPCI_IO_SCRATCH ? device->scratch : 0;
}

static enum reply_how handle_access(struct server *s, const struct message_in *in, struct message *answer)
{
    const uint64_t *w = in->message.words;
    bool write = ACCESS_INFO_WRITE(w[ACCESS_INFO]);
    look_for_reset(s);
    *answer = MESSAGE(STATUS_OK, 0);
    if (in->badge == BUS_ROUTE(TESTPCI_IO))
        answer->words[0] = io_access(s, w[ACCESS_OFFSET], write, (uint32_t)w[ACCESS_VALUE]);
    else if (write)
        write_register(s, w[ACCESS_OFFSET], (uint32_t)w[ACCESS_VALUE]);
    else
        answer->words[0] = read_register(s, w[ACCESS_OFFSET]);
    return REPLY_NOW;
}

static void open_state(struct server *s)
{
    static const struct state_section sections[] = {
        {SECTION_DEVICE, sizeof(struct device)},
        {REPLIES_SECTION, VCPUS_MAX * sizeof(struct stored_reply)},
    };
    static const struct state_layout layout = {KIND, VERSION, LOG_BYTES, 2, sections};
    enum state_status status =
        state_open(&state, (void *)MAP_STATE, DEVICE_STATE_BYTES, &layout, program_start.kind);
    if (status == STATE_EMPTY)
        state_adopt(&state);
    else if (status != STATE_OK)
        die("the state object cannot be used (%u, damage %u)", status, state.damage);
    device = state_section(&state, SECTION_DEVICE);
    s->stored = state_section(&state, REPLIES_SECTION);
}

static void register_function(void)
{
    static const struct bus_function function = {
        .vendor = TESTPCI_VENDOR,
        .device = TESTPCI_DEVICE,
        .subsystem_vendor = TESTPCI_VENDOR,
        .class_code = 0xff0000,
        .revision = 1,
        .pin = 1,
        .vectors = TESTPCI_VECTORS,
        .msix_bar = TESTPCI_MSIX,
        .doorbell_bar = TESTPCI_IO,
        .doorbells = TESTPCI_DOORBELLS,
        .window = WINDOW_AT + 1,
        .capability_bytes = WINDOW_AT + 20,
        .bar = {[TESTPCI_IO] = {TESTPCI_IO_BYTES, BUS_BAR_IO},
                [TESTPCI_MEMORY] = {TESTPCI_MEMORY_BYTES, BUS_BAR_MEMORY64}},
        .capability = {[0] = 9, [2] = WINDOW_AT, [3] = 0x7e, [WINDOW_AT] = 9, [WINDOW_AT + 2] = 20},
    };
    struct message m = {.tag = TAG(LABEL_BUS_REGISTER, BUS_FUNCTION_WORDS)};
    message_put(&m, 0, &function, sizeof function);
    enum status s = sys_call(DEVICE_SLOT_BUS, &m);
    if (s != STATUS_OK || TAG_LABEL(m.tag) != STATUS_OK)
        die("the bus refuses the function: %s", status_name(s != STATUS_OK ? s : TAG_LABEL(m.tag)));
}

int main(void)
{
    static const struct server_handler handlers[] = {{LABEL_ACCESS, LABEL_ACCESS, handle_access}};
    static struct server server = {.endpoint = SLOT_ENDPOINT,
                                   .replies = SLOT_REPLY,
                                   .reply_count = REPLIES,
                                   .handlers = handlers,
                                   .handler_count = 1,
                                   .bits = handle_bits,
                                   .publish = publish,
                                   .state = &state,
                                   .stored_count = VCPUS_MAX};
    log_use_ring(SLOT_LOG_SIGNAL);
    open_state(&server);
    enum status s = server_init(&server);
    if (s == STATUS_OK)
        s = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (s != STATUS_OK)
        die("cannot start: %s", status_name(s));
    register_function();
    look_for_reset(&server);
    for (unsigned i = 0; i < TESTPCI_DOORBELLS; i++)
        serve(&server, i);
    if (program_start.kind != START_FRESH)
        raise_all(&server);
    server_commit(&server);
    (void)!sys_signal(DEVICE_SLOT_VMM); // that the dead server owed, when it wrote the page and no more
    s = server_run(&server);
    die("the endpoint is gone: %s", status_name(s));
}
