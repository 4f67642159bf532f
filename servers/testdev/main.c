// The test device's server: what a guest of the public suite kvm-unit-tests talks to.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/init.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/line.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "servers/testdev/testdev.h"

const char program_name[] = "testdev";

enum { KIND = 0x74736574, VERSION = 1, LOG_BYTES = 16 << 10, VCPUS_MAX = 32, REPLIES = 8 };
enum section { SECTION_DEVICE = 1 };

static struct state state;
static struct testdev *device;

// The lines' pages, one behind the other.
static struct line_page *const lines = (struct line_page *)TESTDEV_MAP_LINES;

static bool publish_lines(void)
{
    bool changed = false;
    for (unsigned i = 0; i < TESTDEV_LINES; i++) {
        uint32_t level = device->lines >> i & 1;
        if (lines[i].level == level)
            continue;
        __atomic_store_n(&lines[i].level, level, __ATOMIC_RELEASE);
        __atomic_store_n(&lines[i].changes, lines[i].changes + 1, __ATOMIC_RELEASE);
        changed = true;
    }
    return changed;
}

static void publish(struct server *s)
{
    (void)s;
    if (publish_lines())
        (void)!sys_signal(TESTDEV_SLOT_VMM); // notifications outlive their servers
    if (!device->off)
        return;
    struct message m = MESSAGE(LABEL_INIT_VM_OFF, VM_END_POWER_OFF, device->status);
    if (sys_call(SLOT_INIT, &m) != STATUS_OK)
        log_error("the supervisor does not hear that the guest has ended");
}

// Who has ended its machine waits for ever.
static enum reply_how handle_access(struct server *s, const struct message_in *in, struct message *answer)
{
    const uint64_t *w = in->message.words;
    const struct testdev_access a = {.route = in->badge,
                                     .offset = w[ACCESS_OFFSET],
                                     .value = w[ACCESS_VALUE],
                                     .size = ACCESS_INFO_SIZE(w[ACCESS_INFO]),
                                     .write = ACCESS_INFO_WRITE(w[ACCESS_INFO])};
    void *from;
    uint32_t bytes;
    answer->tag = TAG(STATUS_OK, 1);
    answer->words[0] = testdev_access(device, &a, &from, &bytes);
    if (bytes)
        server_changed(s, from, bytes);
    return device->off ? REPLY_LATER : REPLY_NOW;
}

static void open_state(void)
{
    static const struct state_section sections[] = {
        {SECTION_DEVICE, sizeof(struct testdev)},
        {REPLIES_SECTION, VCPUS_MAX * sizeof(struct stored_reply)},
    };
    static const struct state_layout layout = {KIND, VERSION, LOG_BYTES, 2, sections};
    enum state_status s =
        state_open(&state, (void *)MAP_STATE, TESTDEV_STATE_BYTES, &layout, program_start.kind);
    if (s == STATE_EMPTY)
        state_adopt(&state);
    else if (s != STATE_OK)
        die("the state object cannot be used (%u, damage %u)", s, state.damage);
    device = state_section(&state, SECTION_DEVICE);
}

int main(void)
{
    static const struct server_handler handlers[] = {{LABEL_ACCESS, LABEL_ACCESS, handle_access}};
    static struct server server = {.endpoint = SLOT_ENDPOINT,
                                   .replies = SLOT_REPLY,
                                   .reply_count = REPLIES, // whoever ended its machine keeps one
                                   .handlers = handlers,
                                   .handler_count = 1,
                                   .publish = publish,
                                   .state = &state,
                                   .stored_count = VCPUS_MAX};
    log_use_ring(SLOT_LOG_SIGNAL);
    open_state();
    server.stored = state_section(&state, REPLIES_SECTION);
    enum status s = server_init(&server);
    if (s != STATUS_OK)
        die("cannot start: %s", status_name(s));
    publish(&server);
    (void)!sys_signal(TESTDEV_SLOT_VMM); // that the dead server owed, when it wrote the pages and no more
    s = server_run(&server);
    die("the endpoint is gone: %s", status_name(s));
}
