// The switch's ports: they come and go, and what was done for them is made visible.
// SPDX-License-Identifier: MIT
#include "libipc/log.h"
#include "servers/switch/switch_internal.h"

enum { LINK_UP = 1 };

static uint64_t bit(uint32_t port)
{
    return UINT64_C(1) << port;
}

static uint32_t lowest(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits);
}

// Two ports reach each other if they have a group in common.
static void find_peers(struct switch_server *s)
{
    for (uint32_t i = 0; i < NET_PORTS_MAX; i++) {
        struct switch_port *p = &s->port[i];
        p->peers = 0;
        for (uint32_t k = 0; p->open && k < NET_PORTS_MAX; k++)
            if (k != i && s->port[k].open && s->port[k].rules.groups & p->rules.groups)
                p->peers |= bit(k);
    }
}

static void begin(struct switch_server *s, uint32_t port, const uint8_t *memory, uint64_t now)
{
    const struct rules *r = &s->port[port].rules;
    s->state[port] = (struct switch_state){.use = name_use(&s->names[port]),
                                           .taken = ring_resume_consuming(memory + NET_AT_TO, NET_CELLS),
                                           .given = ring_resume_producing(memory + NET_AT_FROM, NET_CELLS),
                                           .frames = bucket_begin(&r->frames, s->hz, now),
                                           .bytes = bucket_begin(&r->bytes, s->hz, now)};
    s->port[port].shared->forgets++;
    s->changed |= bit(port);
}

static void publish(struct switch_server *s, uint32_t port)
{
    struct switch_port *p = &s->port[port];
    const struct switch_state *t = &s->state[port];
    bool wakes = p->from.position != t->taken && ring_publish_consumed(&p->from, t->taken);
    if (p->to.position != t->given && ring_publish_produced(&p->to, t->given))
        wakes = true;
    if (wakes)
        s->signals |= bit(port);
}

static void open(struct switch_server *s, uint32_t port, uint64_t now)
{
    struct switch_port *p = &s->port[port];
    char error[JSON_ERROR_MAX];
    uint8_t *memory = s->memory(port);
    if (!rules_read(&p->rules, s->rules(port), error)) {
        log_error("port %s: %s", s->names[port].text, error);
        return;
    }
    p->shared = (struct net_port *)(void *)memory;
    p->count = s->counts->port[port];
    if (s->state[port].use != name_use(&s->names[port]))
        begin(s, port, memory, now);
    const struct switch_state *t = &s->state[port];
    (void)!ring_open(&p->from, memory + NET_AT_TO, NET_RING_BYTES, NET_CELLS, NET_CELL, t->taken);
    (void)!ring_open(&p->to, memory + NET_AT_FROM, NET_RING_BYTES, NET_CELLS, NET_CELL, t->given);
    (void)!ring_publish_consumed(&p->from, t->taken);
    (void)!ring_publish_produced(&p->to, t->given);
    __atomic_store_n(&p->shared->link, LINK_UP, __ATOMIC_RELEASE);
    if (p->rules.address)
        addresses_own(&s->addresses, p->rules.address, (uint8_t)port);
    p->open = true;
    s->signals |= bit(port); // the dead one may have owed it
}

static void close(struct switch_server *s, uint32_t port)
{
    addresses_forget(&s->addresses, (uint8_t)port);
    s->port[port].open = false;
    s->changed &= ~bit(port);
}

bool switch_has(const struct switch_server *s, uint32_t port)
{
    return s->port[port].open && name_use(&s->names[port]) == s->state[port].use;
}

// True: the port is there, perhaps since now.
bool switch_look(struct switch_server *s, uint32_t port, uint64_t now)
{
    if (switch_has(s, port))
        return true;
    if (s->port[port].open)
        close(s, port);
    if (name_use(&s->names[port]))
        open(s, port, now);
    find_peers(s);
    return s->port[port].open;
}

void switch_open(struct switch_server *s, uint64_t now)
{
    for (uint32_t i = 0; i < NET_PORTS_MAX; i++)
        if (name_use(&s->names[i]))
            open(s, i, now);
    find_peers(s);
}

const struct switch_state *switch_changed(const struct switch_server *s, uint32_t *bytes)
{
    *bytes = 0;
    if (!s->changed)
        return s->state;
    uint32_t first = lowest(s->changed), last = 63 - (uint32_t)__builtin_clzll(s->changed);
    *bytes = (last - first + 1) * (uint32_t)sizeof *s->state;
    return &s->state[first];
}

void switch_publish(struct switch_server *s)
{
    for (; s->changed; s->changed &= s->changed - 1)
        if (switch_has(s, lowest(s->changed)))
            publish(s, lowest(s->changed));
}

// A port whose index cannot be has to say something else first.
bool switch_sleeps(struct switch_server *s, uint32_t port)
{
    struct switch_port *p = &s->port[port];
    uint32_t filled;
    return !switch_has(s, port) || ring_sleep_empty(&p->from) || !ring_filled(&p->from, &filled);
}
