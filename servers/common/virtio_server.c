// A virtio device as a server.
// SPDX-License-Identifier: MIT
#include "servers/common/virtio_server.h"

#include <stdlib.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "libipc/words.h"

enum { DEVICE_SECTION = 1, REPLIES = 8, LOG_BYTES = 4 << 10, TOKENS_MAX = 64 };

// ---- at the start ----

void virtio_server_configure(struct virtio_server *s, const struct json_field *fields, size_t field_count,
                             void *config)
{
    static const struct json_field own[] = {{.key = "memory", .kind = JSON_NUMBER}};
    static uint64_t tokens[TOKENS_MAX * JSON_TOKEN_BYTES / 8];
    struct json j;
    struct json_node root;
    uint64_t memory = 0;
    log_use_ring(SLOT_LOG_SIGNAL);
    if (!json_open(&j, (const char *)MAP_CONFIG, tokens, sizeof tokens, &root) ||
        !json_read_some(&j, root, JSON_FIELDS(own), &memory) ||
        (field_count && !json_read_some(&j, root, fields, field_count, config)))
        die("%s", j.error);
    s->virtio.memory = guest_memory((uint8_t *)DEVICE_MAP_RAM, memory);
}

// What was committed last is lost: the guest's driver has to begin again.
static void mend(struct virtio_server *s)
{
    log_error("the state object is damaged (%u): the guest's device needs a reset", s->state.damage);
    if (!s->state.recovered)
        virtio_init_state(&s->virtio);
    s->virtio.state->status |= VIRTIO_NEEDS_RESET;
}

// For a device that has failed for good: its state is what it is.
static bool stands_in(void)
{
    return program_start.kind == START_FAILED;
}

static void open_state(struct virtio_server *s)
{
    struct virtio *v = &s->virtio;
    const struct state_section sections[] = {
        {VIRTIO_SECTION, sizeof(struct virtio_state)},
        {VIRTIO_QUEUES_SECTION, v->kind->queues * (uint32_t)sizeof(struct virtq_state)},
        {REPLIES_SECTION, REPLIES * sizeof(struct stored_reply)},
        {DEVICE_SECTION, s->device_bytes},
    };
    const struct state_layout layout = {s->state_kind, s->version, LOG_BYTES, 3 + (s->device_bytes != 0),
                                        sections};
    enum state_status status = state_open(&s->state, (void *)MAP_STATE, DEVICE_STATE_BYTES,
                                          stands_in() ? NULL : &layout, program_start.kind);
    if (status != STATE_OK && status != STATE_EMPTY && status != STATE_DAMAGED)
        die("the state object cannot be used (%u)", status);
    v->state = state_section(&s->state, VIRTIO_SECTION);
    v->queue_state = state_section(&s->state, VIRTIO_QUEUES_SECTION);
    s->device = state_section(&s->state, DEVICE_SECTION);
    if (!v->state || !v->queue_state)
        die("nothing is left of the state");
    s->fresh = status == STATE_EMPTY || (status == STATE_DAMAGED && !s->state.recovered);
    if (status == STATE_EMPTY)
        virtio_init_state(v);
    else if (status == STATE_DAMAGED)
        mend(s);
    if (status != STATE_OK)
        state_adopt(&s->state);
}

void virtio_server_open(struct virtio_server *s)
{
    struct virtio *v = &s->virtio;
    v->page = (struct device_page *)DEVICE_MAP_LINE;
    v->stats = (struct stats_page *)MAP_STATS;
    v->queue = calloc(v->kind->queues, sizeof *v->queue);
    if (!v->queue)
        die("no memory for %u queues", v->kind->queues);
    open_state(s);
}

// ---- while it runs ----

static void publish(struct server *server)
{
    struct virtio_server *s = (struct virtio_server *)server;
    if (s->publish)
        s->publish(s);
    if (virtio_publish(&s->virtio))
        (void)!sys_signal(DEVICE_SLOT_VMM); // notifications outlive their servers
}

static void note_changes(struct virtio_server *s)
{
    struct virtio *v = &s->virtio;
    if (v->changes & VIRTIO_CHANGED_STATE)
        server_changed(&s->server, v->state, sizeof *v->state);
    if (v->changes & VIRTIO_CHANGED_QUEUES)
        server_changed(&s->server, v->queue_state, v->kind->queues * (uint32_t)sizeof *v->queue_state);
    uint32_t often = s->device_often ? s->device_often : s->device_bytes;
    if (v->changes & VIRTIO_CHANGED_DEVICE)
        server_changed(&s->server, s->device, often);
    if (v->changes & VIRTIO_CHANGED_REST)
        server_changed(&s->server, (uint8_t *)s->device + often, s->device_bytes - often);
    v->changes = 0;
}

// Commits and publishes; publishes alone when there is nothing to commit.
static void settle(struct virtio_server *s)
{
    note_changes(s);
    if (s->server.range_count)
        server_commit(&s->server);
    else
        publish(&s->server);
}

static void commit_queue(struct virtqueue *q)
{
    struct virtio_server *s = q->owner;
    s->virtio.changes |= VIRTIO_CHANGED_QUEUES;
    settle(s);
}

static enum reply_how handle_access(struct server *server, const struct message_in *in,
                                    struct message *answer)
{
    struct virtio_server *s = (struct virtio_server *)server;
    const uint64_t *w = in->message.words;
    uint32_t bar = (uint32_t)in->badge - BUS_ROUTE(0), size = ACCESS_INFO_SIZE(w[ACCESS_INFO]);
    answer->tag = TAG(STATUS_OK, 1);
    if (ACCESS_INFO_WRITE(w[ACCESS_INFO]))
        virtio_write(&s->virtio, bar, w[ACCESS_OFFSET], size, w[ACCESS_VALUE]);
    else
        answer->words[0] = virtio_read(&s->virtio, bar, w[ACCESS_OFFSET], size);
    note_changes(s);
    return REPLY_NOW;
}

static void handle_bits(struct server *server, uint64_t bits)
{
    struct virtio_server *s = (struct virtio_server *)server;
    virtio_bits(&s->virtio, bits & (DEVICE_BIT_BUS - 1), bits & DEVICE_BIT_BUS);
    if (bits & DEVICE_BIT_PEER && s->peer)
        s->peer(s);
    settle(s);
}

static void handle_due(struct server *server)
{
    struct virtio_server *s = (struct virtio_server *)server;
    virtio_look(&s->virtio);
    s->due(s);
    settle(s);
}

static void register_function(const struct virtio_server *s)
{
    struct bus_function function = {0};
    if (!stands_in()) // else what is registered stays
        virtio_function(&s->virtio, &function);
    struct message m = {.tag = TAG(LABEL_BUS_REGISTER, BUS_FUNCTION_WORDS)};
    message_put(&m, 0, &function, sizeof function);
    enum status status = sys_call(DEVICE_SLOT_BUS, &m);
    if (status == STATUS_OK)
        status = (enum status)TAG_LABEL(m.tag);
    if (status != STATUS_OK)
        die("the bus does not take this device: %s", status_name(status));
}

_Noreturn void virtio_server_run(struct virtio_server *s)
{
    static const struct server_handler handlers[] = {{LABEL_ACCESS, LABEL_ACCESS, handle_access}};
    s->server = (struct server){.endpoint = SLOT_ENDPOINT,
                                .replies = SLOT_REPLY,
                                .reply_count = 1,
                                .handlers = handlers,
                                .handler_count = 1,
                                .bits = handle_bits,
                                .due = handle_due,
                                .publish = publish,
                                .tries = SERVER_TRIES,
                                .state = &s->state,
                                .stored = state_section(&s->state, REPLIES_SECTION),
                                .stored_count = REPLIES};
    for (uint32_t i = 0; i < s->virtio.kind->queues; i++) {
        s->virtio.queue[i].owner = s;
        s->virtio.queue[i].commit = commit_queue;
    }
    enum status status = server_init(&s->server);
    if (status == STATUS_OK)
        status = thread_bind(SLOT_THREAD, SLOT_NOTIFICATION);
    if (status != STATUS_OK)
        die("cannot start: %s", status_name(status));
    register_function(s);
    virtio_open(&s->virtio);
    if (s->peer)
        s->peer(s);
    settle(s);
    status = server_run(&s->server);
    die("the endpoint is gone: %s", status_name(status));
}
