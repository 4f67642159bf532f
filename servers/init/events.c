// What control is told without asking: events, in a ring.
// SPDX-License-Identifier: MIT
//
// The supervisor waits for nobody: an event that finds no room is counted, and the next one that finds some
// is preceded by the count.
#include <string.h>

#include "libipc/ring.h"
#include "libipc/syscall.h"
#include "libipc/time.h"
#include "servers/init/init.h"

static struct ring ring;
static uint64_t lost, position;

uint64_t unix_now(void)
{
    return init.clock.unix_ns + ns_from_ticks(now() - init.clock.tsc);
}

void events_open(void)
{
    const struct manifest_control *c = &init.m.control;
    if (c->server == MANIFEST_NONE)
        return;
    if (sys_map(ROOT_SLOT_PROCESS, INIT_MAP_EVENTS, object_slot(c->events), RIGHT_READ | RIGHT_WRITE) !=
            STATUS_OK ||
        sys_grant(ROOT_SLOT_PROCESS, SLOT_OWN_CONTROL_SIGNAL, object_slot(c->signal), RIGHT_SEND, c->badge) !=
            STATUS_OK ||
        !ring_open(&ring, (void *)INIT_MAP_EVENTS, init.m.object[c->events].memory.pages * 4096,
                   INIT_EVENT_CAPACITY, sizeof(struct init_event), 0))
        fatal("control: its events cannot be sent");
}

static void put(const struct init_event *e)
{
    ring_put(&ring, position++, e, 1);
    if (ring_publish_produced(&ring, position))
        (void)!sys_signal(SLOT_OWN_CONTROL_SIGNAL);
}

static void copy(char *to, size_t size, const char *from, size_t length)
{
    memcpy(to, from, length < size ? length : size - 1);
}

void event_send(enum init_event_kind kind, struct json_text name, uint64_t value, const char *text)
{
    uint32_t room;
    struct init_event e = {.kind = kind, .unix_ns = unix_now(), .value = value};
    if (!ring.capacity)
        return;
    if (!ring_room(&ring, &room) || room < 1 + (lost != 0)) {
        lost++;
        return;
    }
    copy(e.name, sizeof e.name, name.at, name.length);
    copy(e.text, sizeof e.text, text, strlen(text));
    if (lost)
        put(&(struct init_event){.kind = EVENT_LOST, .unix_ns = e.unix_ns, .value = lost});
    lost = 0;
    put(&e);
}
