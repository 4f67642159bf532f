// Memory objects and address spaces: random edits against a book of slots and a TLB that forgets nothing
// SPDX-License-Identifier: MIT
// LINK: kernel/memory.c kernel/aspace.c kernel/kmem.c kernel/object.c
//
// Several objects, small, large and with bases, are mapped into processes and guest spaces of both formats.
// Each edit's status is foretold by the book; after it the slots, the counters, what was paid, the wake-ups
// and all that a TLB may still hold are compared.
#include "tests/unit/memory_book.h"

enum { ROUNDS = 12000 };

static bool tight; // quotas are nearly used up: an edit may fail for that alone

// Makes a payer's quota small for a while.
static void set_quotas(void)
{
    tight = rand() % 8 == 0;
    for (int o = 0; o < OBJECTS; o++)
        object[o].payer.quota =
            object[o].payer.used + (tight ? (uint64_t)(rand() % 3) * PAGE_SIZE : 1u << 30);
    for (int a = 0; a < SPACES; a++)
        space_payer[a].quota = space_payer[a].used + (tight ? (uint64_t)(rand() % 3) * PAGE_SIZE : 1u << 30);
}

// True when the edit happened.
static bool as_foretold(enum status got, enum status expected)
{
    if (tight && got == STATUS_NO_QUOTA)
        return false;
    assert_int_equal(got, expected);
    return got == STATUS_OK;
}

// Edits

static unsigned random_view(const struct object_under_test *o, unsigned *n)
{
    unsigned i = (unsigned)rand() % view_of(o);
    unsigned lengths[] = {1, 1 + (unsigned)rand() % 4, 1 + (unsigned)rand() % 16, CHUNK};
    *n = lengths[rand() % 4];
    if (*n == CHUNK && rand() % 4)
        i -= i % CHUNK;
    return i;
}

static bool in_view(const struct object_under_test *o, unsigned i, unsigned n)
{
    return view_page(i) + n <= o->pages && (i >= LOW_PAGES || i + n <= LOW_PAGES || o->pages == LOW_PAGES);
}

static bool can_join(const struct object_under_test *o, unsigned i)
{
    uint64_t frame = o->slot[i].frame;
    if (!frame || frame % PAGE_2M)
        return false;
    for (unsigned k = 0; k < CHUNK; k++)
        if (o->slot[i + k].frame != frame + k * (uint64_t)PAGE_SIZE || o->slot[i + k].rights != RWX ||
            o->slot[i + k].borrowed)
            return false;
    return true;
}

static enum status foretell_large(const struct object_under_test *to, unsigned i,
                                  const struct object_under_test *from, unsigned k, unsigned n)
{
    if (view_page(i) % CHUNK || view_page(k) % CHUNK || n % CHUNK || !is_large(to) || !is_large(from))
        return STATUS_BAD_ARG;
    if (!can_join(from, k))
        return STATUS_NOT_FOUND;
    for (unsigned p = 0; p < CHUNK; p++)
        if (to->slot[i + p].frame)
            return STATUS_EXISTS;
    return STATUS_OK;
}

static enum status foretell_supply(const struct object_under_test *to, unsigned i,
                                   const struct object_under_test *from, unsigned k, unsigned n, uint32_t how)
{
    bool borrow = how == SUPPLY_BORROW;
    if (to == from || !in_view(to, i, n) || !in_view(from, k, n))
        return STATUS_BAD_ARG;
    if (borrow && (to->base != from - object || !to->base_alive))
        return STATUS_BAD_ARG;
    if (!borrow && lent_by((int)(from - object)))
        return STATUS_BUSY;
    if (how == SUPPLY_LARGE)
        return foretell_large(to, i, from, k, n);
    for (unsigned p = 0; p < n; p++) {
        if (!from->slot[k + p].frame || from->slot[k + p].borrowed)
            return STATUS_NOT_FOUND;
        if (to->slot[i + p].frame)
            return STATUS_EXISTS;
    }
    return STATUS_OK;
}

static bool whole(const struct object_under_test *o, unsigned i, unsigned n)
{
    return i + n <= view_of(o) && view_page(i + n - 1) == view_page(i) + n - 1;
}

static void supply(struct object_under_test *to, unsigned i, struct object_under_test *from, unsigned k,
                   unsigned n, uint32_t how)
{
    enum status expected = foretell_supply(to, i, from, k, n, how);
    enum status got = memory_supply(to->memory, view_page(i), from->memory, view_page(k), n, how);
    bool borrow = how == SUPPLY_BORROW;
    for (unsigned p = 0; as_foretold(got, expected) && p < n; p++) {
        assert_true(to->woken[i + p]);
        to->slot[i + p] = (struct slot){from->slot[k + p].frame, borrow ? RX : RWX, borrow};
        if (!borrow)
            from->slot[k + p] = (struct slot){0};
    }
    check_machine(to, i, n);
    check_machine(from, k, n);
}

static void random_supply(struct object_under_test *to, struct object_under_test *from)
{
    unsigned n, m, i = random_view(to, &n), k = random_view(from, &m);
    uint32_t how = (uint32_t)rand() % 3;
    if (how == SUPPLY_LARGE && rand() % 8) {
        n = CHUNK;
        i -= i % CHUNK;
        k -= k % CHUNK;
    }
    if (whole(to, i, n) && whole(from, k, n))
        supply(to, i, from, k, n, how);
}

static enum status foretell_withdraw(const struct object_under_test *from, unsigned i,
                                     const struct object_under_test *to, unsigned k, unsigned n)
{
    if (to == from || !in_view(to, k, n) || !in_view(from, i, n))
        return STATUS_BAD_ARG;
    if (lent_by((int)(from - object)))
        return STATUS_BUSY;
    for (unsigned p = 0; p < n; p++)
        if (from->slot[i + p].frame && !from->slot[i + p].borrowed && to->slot[k + p].frame)
            return STATUS_EXISTS;
    return STATUS_OK;
}

static void withdraw(struct object_under_test *from, unsigned i, struct object_under_test *to, unsigned k,
                     unsigned n)
{
    enum status expected = foretell_withdraw(from, i, to, k, n);
    enum status got =
        memory_supply(to->memory, view_page(k), from->memory, view_page(i), n, SUPPLY_WITHDRAWN);
    for (unsigned p = 0; as_foretold(got, expected) && p < n; p++) {
        struct slot s = from->slot[i + p];
        if (s.frame && !s.borrowed) {
            assert_true(to->woken[k + p]);
            to->slot[k + p] = (struct slot){s.frame, RWX, false};
        }
        from->slot[i + p] = (struct slot){0};
    }
    check_machine(from, i, n);
    check_machine(to, k, n);
}

static void random_withdraw(struct object_under_test *from, struct object_under_test *to)
{
    unsigned n, m, i = random_view(from, &n), k = random_view(to, &m);
    if (whole(from, i, n) && whole(to, k, n))
        withdraw(from, i, to, k, n);
}

static enum status foretell_protect(const struct object_under_test *o, unsigned i, unsigned n,
                                    uint32_t rights)
{
    if (!(rights & RIGHT_READ))
        return STATUS_BAD_ARG;
    for (unsigned p = 0; p < n; p++) {
        if (!o->slot[i + p].frame)
            return STATUS_NOT_FOUND;
        if (o->slot[i + p].borrowed && (rights & RIGHT_WRITE))
            return STATUS_NO_RIGHT;
    }
    return STATUS_OK;
}

static void protect(struct object_under_test *o, unsigned i, unsigned n, uint32_t rights)
{
    enum status expected = foretell_protect(o, i, n, rights);
    enum status got = memory_protect(o->memory, view_page(i), n, rights);
    for (unsigned p = 0; as_foretold(got, expected) && p < n; p++) {
        assert_true(o->woken[i + p] || !(rights & ~o->slot[i + p].rights));
        o->slot[i + p].rights = rights;
    }
    check_machine(o, i, n);
}

static void random_protect(struct object_under_test *o)
{
    unsigned n, i = random_view(o, &n);
    if (whole(o, i, n))
        protect(o, i, n, (uint32_t)rand() % 8);
}

// Where a frame was in the beginning.
static struct object_under_test *home_of(uint64_t frame, unsigned *i)
{
    unsigned n = (unsigned)((frame - FIRST_FRAME) / PAGE_SIZE);
    *i = n < LOW_PAGES ? n : n - LOW_PAGES;
    return &object[n < LOW_PAGES ? 0 : 1];
}

static void send_home(struct object_under_test *o, unsigned i)
{
    unsigned k = 0;
    struct object_under_test *home = &object[o->base == NONE ? 0 : o->base];
    if (o->slot[i].frame && !o->slot[i].borrowed)
        home = home_of(o->slot[i].frame, &k);
    if (o->slot[i].frame && home != o)
        withdraw(o, i, home, k, 1);
}

static unsigned random_chunk(const struct object_under_test *o)
{
    return (unsigned)rand() % view_of(o) / CHUNK * CHUNK;
}

static void clear_out(struct object_under_test *o)
{
    unsigned first = random_chunk(o);
    for (unsigned i = first; i < first + CHUNK && i < view_of(o); i++)
        send_home(o, i);
}

// A chunk of a stock becomes what it was, but for its page tables.
static void restock(struct object_under_test *stock)
{
    unsigned first = random_chunk(stock), k;
    for (int d = 0; d < OBJECTS; d++)
        for (unsigned i = 0; i < view_of(&object[d]); i++)
            if (object[d].slot[i].frame && home_of(object[d].slot[i].frame, &k) == stock && k - first < CHUNK)
                send_home(&object[d], i);
    protect(stock, first, CHUNK, RWX);
}

static void check_seat(struct seat *s)
{
    for (unsigned i = 0; i < seat_pages(s); i++)
        seat_check(s, i);
    check_translations(s);
}

static enum status foretell_map(const struct seat *s, uint32_t rights)
{
    if (!(rights & RIGHT_READ))
        return STATUS_BAD_ARG;
    if (s->aspace->kind == OBJECT_PROCESS && rights == RWX)
        return STATUS_NO_RIGHT;
    return s->memory ? STATUS_EXISTS : STATUS_OK;
}

static void map(struct seat *s, struct object_under_test *o)
{
    uint32_t rights = (uint32_t)rand() % 8;
    if (s->large != is_large(o))
        return;
    if (as_foretold(memory_map(s->aspace, s->address, o->memory, rights), foretell_map(s, rights))) {
        s->memory = o->memory;
        s->rights = rights;
    }
    check_seat(s);
}

static void unmap(struct seat *s)
{
    if (as_foretold(memory_unmap(s->aspace, s->address), s->memory ? STATUS_OK : STATUS_NOT_FOUND))
        s->memory = NULL;
    check_seat(s);
}

// A fault's verdict is what the book says.
static void fault(const struct seat *s, unsigned i)
{
    uint64_t address = s->address + view_page(i) * PAGE_SIZE + (uint64_t)rand() % PAGE_SIZE, page;
    uint32_t rights = RIGHT_READ | ((uint32_t)rand() & (RIGHT_WRITE | RIGHT_EXECUTE));
    const struct mapping *m = aspace_find(s->aspace, address);
    const struct object_under_test *o = s->memory ? under_test(s->memory) : NULL;
    bool inside =
        o && view_page(i) <
                 (is_large(o) ? (o->pages + DIRECTORY_SPAN - 1) / DIRECTORY_SPAN * DIRECTORY_SPAN : CHUNK);
    assert_int_equal(m != NULL, inside);
    if (!m)
        return;
    bool allowed = i < view_of(o) && !(rights & ~s->rights);
    bool there = allowed && o->slot[i].frame && !(rights & ~o->slot[i].rights);
    assert_int_equal(memory_fault(m, address, rights, &page), there ? FAULT_RETRY : FAULT_VIOLATION);
    assert_int_equal(page, view_page(i));
}

// Beginning and end

static void make(int index)
{
    struct object_under_test *o = &object[index];
    struct ref base = o->base == NONE ? (struct ref){0} : ref_to(&object[o->base].memory->object);
    payer_init(&o->payer, 1u << 30);
    assert_int_equal(make_memory(&o->payer, o->pages, (struct ref){0}, base, &o->memory), STATUS_OK);
    o->base_alive = o->base != NONE;
}

static uint64_t stock(struct object_under_test *o, uint64_t frame)
{
    for (unsigned i = 0; i < view_of(o); i++, frame += PAGE_SIZE)
        o->slot[i] = (struct slot){frame, RWX, false};
    for (unsigned i = 0; i < view_of(o); i += CHUNK)
        assert_int_equal(memory_adopt(o->memory, view_page(i), o->slot[i].frame, CHUNK), STATUS_OK);
    return frame;
}

// Out of the address spaces, off the books of its base, all paid back.
static void destroy(int index)
{
    struct object_under_test *o = &object[index];
    if (!memory_is_empty(o->memory))
        return;
    for (int a = 0; a < SPACES; a++)
        for (int s = 0; s < SEATS; s++)
            if (seat[a][s].memory == o->memory)
                seat[a][s].memory = NULL;
    while (!memory_release(o->memory))
        ;
    object_free(&o->memory->object);
    assert_int_equal(o->payer.used, 0);
    memset(o->slot, 0, sizeof o->slot);
    for (int d = 0; d < OBJECTS; d++)
        if (object[d].base == index)
            object[d].base_alive = false;
    make(index);
}

static void make_spaces(void)
{
    static const uint64_t address[SEATS] = {0x40000000, 0x40200000, 0x7f00000000, 0x200000000, 0x7fc0000000};
    static const bool large[SEATS] = {false, false, true, true,
                                      true}; // the last lies across two tables of pointers
    for (int a = 0; a < SPACES; a++) {
        enum object_type kind = a < 2 ? OBJECT_PROCESS : OBJECT_SPACE;
        payer_init(&space_payer[a], 1u << 30);
        assert_int_equal(aspace_init(&space[a], kind, a == 3 ? PAGING_EPT : PAGING_X86, &space_payer[a]),
                         STATUS_OK);
        for (int s = 0; s < SEATS; s++)
            seat[a][s] = (struct seat){.aspace = &space[a], .address = address[s], .large = large[s]};
    }
}

static void edit(void)
{
    struct object_under_test *o = &object[rand() % OBJECTS], *p = &object[rand() % OBJECTS];
    struct seat *s = &seat[rand() % SPACES][rand() % SEATS];
    switch (rand() % 20) {
    case 0:
    case 1: map(s, o); break;
    case 2: unmap(s); break;
    case 3:
    case 4: random_protect(o); break;
    case 5:
    case 6:
    case 7: random_withdraw(o, p); break;
    case 8: destroy((int)(o - object)); break;
    case 9:
        for (unsigned i = 0; i < seat_pages(s); i++)
            fault(s, i);
        break;
    case 10: clear_out(o); break;
    case 11: restock(&object[rand() % 2]); break;
    default: random_supply(o, p); break;
    }
}

static void random_edits_leave_no_stale_translation(void **state)
{
    (void)state;
    pool_init(POOL_PAGES - 1);
    objects_init();
    srand(1);
    make_spaces();
    uint64_t frame = FIRST_FRAME, frames = 0;
    for (int o = 0; o < OBJECTS; o++) {
        make(o);
        if (object[o].stocked) {
            frame = stock(&object[o], frame);
            frames += view_of(&object[o]);
        }
    }
    check_all();
    for (int round = 0; round < ROUNDS; round++) {
        for (int o = 0; o < OBJECTS; o++)
            memset(object[o].woken, 0, sizeof object[o].woken);
        set_quotas();
        edit();
        if (round % 64 == 0) {
            check_all();
            check_frames(frames);
        }
    }
    check_all();
    check_frames(frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_edits_leave_no_stale_translation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
