// virtio-rng as the source of random channels.
// SPDX-License-Identifier: MIT
#include "servers/drivers/virtio-rng/source.h"

#include <string.h>

#include "libipc/log.h"

// The stores that a client sees; tests cut the driver off at them.
#ifndef RANDOM_STORE
#define RANDOM_STORE(at, value) __atomic_store_n((at), (value), __ATOMIC_RELEASE)
#endif

#define BIT(n) (UINT32_C(1) << (n))

_Static_assert(DRIVER_CHANNELS_MAX <= 32, "a bit each");

static uint8_t *buffer_of(const struct source *s, uint32_t n)
{
    return (uint8_t *)s->buffers[n / SOURCE_PER_PAGE].at + n % SOURCE_PER_PAGE * RANDOM_BYTES;
}

static uint64_t address_of(const struct source *s, uint32_t n)
{
    return s->buffers[n / SOURCE_PER_PAGE].address + n % SOURCE_PER_PAGE * RANDOM_BYTES;
}

static uint32_t all(const struct source *s)
{
    return (uint32_t)((UINT64_C(1) << s->count) - 1);
}

// ---- the device ----

static const char *start(struct source *s)
{
    struct host_function *f = &s->function;
    s->busy = 0;
    if (!host_function_reset(f))
        return "it cannot be reset";
    const char *wrong = host_function_agree(f, 0);
    if (!wrong)
        wrong = host_function_queue(f, &s->queue, 0, 1);
    if (!wrong)
        host_function_begin(f);
    return wrong;
}

// What is in the buffers is nobody's.
static void open_device(struct source *s)
{
    const char *wrong = start(s);
    for (uint32_t n = 0; n < s->count; n++)
        memset(buffer_of(s, n), 0, RANDOM_BYTES);
    s->dead = wrong;
    s->waiting = all(s);
    if (wrong)
        log_error("the device cannot be used: %s; who asks for random numbers waits", wrong);
}

static void recover(struct source *s, const char *why)
{
    log_warning("the device %s: it is reset", why);
    if (++s->resets < SOURCE_RESETS) {
        open_device(s);
        return;
    }
    log_error("the device gives nothing: who asks for random numbers waits");
    s->dead = true;
    (void)!host_function_reset(&s->function);
}

// ---- channels ----

// Does its client wait? As it may lie, it is asked once.
static bool is_asked(const struct random_channel *c, uint64_t *asked)
{
    *asked = __atomic_load_n(&c->asked, __ATOMIC_ACQUIRE);
    return *asked != __atomic_load_n(&c->answered, __ATOMIC_RELAXED);
}

static void answer(struct source *s, uint32_t n, uint32_t bytes)
{
    struct random_channel *c = s->channel[n];
    uint8_t *from = buffer_of(s, n);
    uint64_t asked;
    if (is_asked(c, &asked)) {
        memcpy(c->data, from, bytes);
        RANDOM_STORE(&c->bytes, bytes);
        RANDOM_STORE(&c->answered, asked);
        s->told |= BIT(n);
    }
    memset(from, 0, bytes);
    s->waiting |= BIT(n);
}

static void take_all(struct source *s)
{
    enum host_queue_result got;
    uint8_t n;
    uint32_t bytes;
    while ((got = host_queue_take(&s->queue, &n, &bytes)) == HOST_QUEUE_ENTRY && bytes) {
        s->resets = 0;
        s->busy &= ~BIT(n);
        answer(s, n, bytes);
    }
    if (got != HOST_QUEUE_EMPTY)
        recover(s, "reports requests that cannot be");
}

// False: the queue is full.
static bool ask(struct source *s, uint32_t n)
{
    const struct host_piece piece = {address_of(s, n), RANDOM_BYTES, true};
    uint64_t asked;
    if (!(s->busy & BIT(n)) && is_asked(s->channel[n], &asked)) {
        if (!host_queue_add(&s->queue, (uint8_t)n, &piece, 1))
            return false;
        s->busy |= BIT(n);
    }
    s->waiting &= ~BIT(n);
    s->turn = (n + 1) % DRIVER_CHANNELS_MAX;
    return true;
}

static void ask_all(struct source *s)
{
    uint32_t before = s->busy;
    while (s->waiting) {
        uint32_t behind = s->waiting & ~(BIT(s->turn) - 1);
        if (!ask(s, (uint32_t)__builtin_ctz(behind ? behind : s->waiting)))
            break;
    }
    if (s->busy != before)
        host_function_ring(&s->queue);
}

void source_open(struct source *s)
{
    s->resets = s->turn = 0;
    s->told = all(s); // the dead driver may have owed a signal
    open_device(s);
}

// The interrupt first, then the queue: what came in between is seen, what comes behind interrupts again.
uint64_t source_serve(struct source *s, uint64_t clients)
{
    s->waiting |= (uint32_t)clients & all(s);
    if (!s->dead && host_function_gave_up(&s->function, host_function_interrupt(&s->function)))
        recover(s, "gave up");
    if (!s->dead)
        take_all(s);
    if (!s->dead)
        ask_all(s);
    uint64_t told = s->told;
    s->told = 0;
    return told;
}
