// Stands in for a server that has failed for good.
// SPDX-License-Identifier: MIT
//
// A guest's device answers as a bus does where nothing is: reads give all ones, writes are lost, its
// interrupt lines are low. Only what the dead server had committed and not answered yet is answered as it
// would have been. The state object stays as it is. Other servers go on: the terminal's stand-in hands their
// logs to the host's line, that of the host's line gives everything to the kernel's debug output, that of a
// disk's driver answers with errors, that of a virtio device keeps its registers and fails its requests, that
// of the switch says to all ports that their links are down.
//
// Life: read the configuration, lower the lines, then answer and hand on for ever.
#include <string.h>

#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/proto/bus.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/line.h"
#include "libipc/proto/manifest.h"
#include "libipc/proto/names.h"
#include "libipc/proto/net.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "libipc/words.h"
#include "servers/common/virtio.h"
#include "servers/failed/channels.h"
#include "servers/failed/forward.h"
#include "servers/failed/virtio.h"

const char program_name[] = "failed";

enum { TOKENS_MAX = 16, WINDOW = 0x200000, PAGE = 4096 };
enum { PRINT_BYTES = 64 }; // at once: the kernel waits for the line meanwhile

static struct {
    uint64_t state; // bytes
    uint64_t channels;
    uint64_t virtio, queues, sectors; // its number, 0: it is none
    bool line, bus, prints, logs, links;
    uint32_t level;
} config;

static struct forward forward;
static struct ring output; // of which it is the consumer
static struct state state;

static void read_config(void)
{
    static const struct json_field fields[] = {
        {.key = "state", .offset = offsetof(typeof(config), state), .kind = JSON_NUMBER},
        {.key = "channels",
         .offset = offsetof(typeof(config), channels),
         .kind = JSON_NUMBER,
         .most = DRIVER_CHANNELS_MAX},
        {.key = "virtio", .offset = offsetof(typeof(config), virtio), .kind = JSON_NUMBER},
        {.key = "queues",
         .offset = offsetof(typeof(config), queues),
         .kind = JSON_NUMBER,
         .most = VIRTIO_QUEUES_MAX},
        {.key = "sectors", .offset = offsetof(typeof(config), sectors), .kind = JSON_NUMBER},
        {.key = "line", .offset = offsetof(typeof(config), line), .kind = JSON_BOOL},
        {.key = "bus", .offset = offsetof(typeof(config), bus), .kind = JSON_BOOL},
        {.key = "prints", .offset = offsetof(typeof(config), prints), .kind = JSON_BOOL},
        {.key = "level",
         .offset = offsetof(typeof(config), level),
         .kind = JSON_CHOICE,
         .names = log_level_names},
        {.key = "links", .offset = offsetof(typeof(config), links), .kind = JSON_BOOL},
        {.key = "logs", .offset = offsetof(typeof(config), logs), .kind = JSON_BOOL},
    };
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    struct json j;
    struct json_node root;
    if (!json_open(&j, (const char *)MAP_CONFIG, tokens, sizeof tokens, &root) ||
        !json_read_some(&j, root, JSON_FIELDS(fields), &config))
        die("%s", j.error);
}

static enum reply_how handle_access(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)s, (void)in;
    *answer = MESSAGE(STATUS_OK, UINT64_MAX);
    return REPLY_NOW;
}

static void print(void)
{
    char part[PRINT_BYTES];
    uint32_t filled;
    bool tell = false;
    do {
        bool good = ring_filled(&output, &filled);
        uint32_t bytes = filled < sizeof part ? filled : sizeof part;
        ring_get(&output, output.position, part, bytes);
        log_raw(part, bytes);
        uint64_t behind = good ? output.position + bytes : ring_last_produced(output.shared);
        tell = ring_publish_consumed(&output, behind) || tell;
    } while (filled || !ring_sleep_empty(&output));
    if (tell)
        (void)!sys_signal(FAILED_SLOT_PEER); // notifications outlive their servers
}

static void fail_channels(uint64_t bits)
{
    for (uint32_t n = 0; n < config.channels; n++) {
        if (!(bits & DRIVER_BIT_CHANNEL(n)))
            continue;
        channel_fail((struct block_channel *)(DRIVER_MAP_CHANNEL + n * WINDOW));
        (void)!sys_signal(DRIVER_SLOT_CLIENT + n);
    }
}

static void drop_links(uint64_t bits)
{
    const struct name_entry *names = (const struct name_entry *)SWITCH_MAP_NAMES;
    for (uint32_t n = 0; n < NET_PORTS_MAX; n++) {
        struct net_port *port = (struct net_port *)(SWITCH_MAP_PORT + n * WINDOW);
        if (!(bits & SWITCH_BIT_PORT(n)) || !name_use(&names[n]) || !port->link)
            continue;
        __atomic_store_n(&port->link, 0, __ATOMIC_RELEASE);
        (void)!sys_signal(SWITCH_SLOT_PORT + n);
    }
}

static void handle_bits(struct server *s, uint64_t bits)
{
    (void)s;
    fail_channels(bits);
    if (config.links)
        drop_links(bits);
    if (config.prints)
        print();
    if (config.logs && forward_lines(&forward))
        (void)!sys_signal(FAILED_SLOT_PEER);
}

// A device with fewer lines left the rest of the page zero; a PCI function has one, and more on its page.
static void lower_lines(void)
{
    struct line_page *lines = (struct line_page *)FAILED_MAP_LINE;
    for (unsigned i = 0; i < (config.bus ? 1 : PAGE / sizeof *lines); i++) {
        if (!lines[i].level)
            continue;
        __atomic_store_n(&lines[i].level, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&lines[i].changes, lines[i].changes + 1, __ATOMIC_RELEASE);
    }
    (void)!sys_signal(FAILED_SLOT_VMM);
}

// The guest waits for all its devices before it begins: this one may never have come up.
static void tell_bus(void)
{
    struct message m = {.tag = TAG(LABEL_BUS_REGISTER, BUS_FUNCTION_WORDS)};
    message_put(&m, 0, &(struct bus_function){0}, sizeof(struct bus_function));
    if (sys_call(FAILED_SLOT_BUS, &m) != STATUS_OK)
        log_error("the bus does not hear that its device has failed");
}

// A state that cannot be read has no replies: perhaps that is what its server died of.
static void take_replies(struct server *s)
{
    if (state_open(&state, (void *)MAP_STATE, config.state, NULL, program_start.kind) != STATE_OK)
        return;
    s->stored = state_section(&state, REPLIES_SECTION);
    s->stored_count = state_section_size(&state, REPLIES_SECTION) / sizeof *s->stored;
}

static void open_rings(void)
{
    void *at = (void *)FAILED_MAP_OUTPUT;
    if (config.prints && !ring_open(&output, at, RING_PAGES(OUTPUT_RING_BYTES) * PAGE, OUTPUT_RING_BYTES, 1,
                                    ring_last_consumed(at)))
        die("the output does not fit");
    forward.names = (const struct terminal_names *)TERMINAL_MAP_NAMES;
    forward.level = config.level;
    forward.logs = (uint8_t *)TERMINAL_MAP_LOGS;
    forward.log_stride = WINDOW;
    if (config.logs && !forward_open(&forward, at))
        die("the rings do not fit");
}

int main(void)
{
    static const struct server_handler handlers[] = {{LABEL_ACCESS, LABEL_ACCESS, handle_access}};
    static struct server server = {.endpoint = SLOT_ENDPOINT,
                                   .replies = SLOT_REPLY,
                                   .reply_count = 1,
                                   .handlers = handlers,
                                   .handler_count = 1,
                                   .bits = handle_bits};
    log_use_ring(SLOT_LOG_SIGNAL);
    read_config();
    if (config.virtio)
        virtio_stand_in((uint16_t)config.virtio, (uint16_t)config.queues, config.sectors);
    if (config.line)
        lower_lines();
    if (config.bus)
        tell_bus();
    if (config.state)
        take_replies(&server);
    open_rings();
    enum status status = server_init(&server);
    if (status == STATUS_OK)
        status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status != STATUS_OK)
        die("cannot start: %s", status_name(status));
    handle_bits(&server, UINT64_MAX); // what peers signalled to the dead server
    status = server_run(&server);
    die("the endpoint is gone: %s", status_name(status));
}
