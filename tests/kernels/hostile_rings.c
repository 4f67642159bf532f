// Lies about queues: where they are, what is in their rings, descriptors and indirect tables.
// SPDX-License-Identifier: MIT
//
// All are told to one queue. What a request is to be does not matter: it is wrong before anybody looks at
// that.
#include "tests/kernels/hostile.h"
#include "tests/kernels/pci.h"

enum { NEXT = VIRTQ_FLAG_NEXT, WRITE = VIRTQ_FLAG_WRITE, INDIRECT = VIRTQ_FLAG_INDIRECT, LONGEST = 130 };

static volatile struct virtq_descriptor table[LONGEST + 2]; // an indirect one
static uint8_t buffer[64];
static const uint64_t nowhere[] = {NOWHERE};
static bool inside; // descriptors are those of the indirect table

// ---- where the rings are ----

static bool up_with(struct plan p)
{
    return virtio_up(&p);
}

static bool with_size(uint64_t size)
{
    struct plan p = honest_plan();
    p.size = (uint16_t)size;
    return up_with(p);
}

static bool with_descriptors(uint64_t address)
{
    struct plan p = honest_plan();
    p.descriptors = address;
    return up_with(p);
}

static bool with_driver(uint64_t address)
{
    struct plan p = honest_plan();
    p.driver = address;
    return up_with(p);
}

static bool with_device(uint64_t address)
{
    struct plan p = honest_plan();
    p.device = address;
    return up_with(p);
}

static const struct lie places[] = {
    {"fault-size", "a queue without places", with_size, 0},
    {"fault-size", "a size that is no power of two", with_size, 12},
    {"fault-size", "a size that is no power of two", with_size, 0xffff},
    {"fault-size", "a size beyond the device's", with_size, 256},
    {"fault-size", "a size beyond the device's", with_size, 0x8000},
    {"fault-ring-alignment", "descriptors at", with_descriptors, 0x200008},
    {"fault-ring-alignment", "descriptors at", with_descriptors, UINT64_MAX},
    {"fault-ring-alignment", "the driver's ring at", with_driver, 0x200001},
    {"fault-ring-alignment", "the device's ring at", with_device, 0x200002},
};

static void tell_of(const char *counter, const char *text, bool (*tell)(uint64_t), uint64_t align)
{
    for (unsigned i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        const struct lie lie = {counter, text, tell, nowhere[i] & ~(align - 1)};
        tell_all(&lie, 1);
    }
}

// ---- what is in them ----

static void put(unsigned i, uint64_t address, uint32_t bytes, uint16_t flags, uint16_t next)
{
    volatile struct virtq_descriptor *to = inside ? table : ring[kind->queue].descriptor;
    to[i].address = address;
    to[i].bytes = bytes;
    to[i].flags = flags;
    to[i].next = next;
}

static bool ask(uint16_t head)
{
    offer(kind->queue, head);
    ring_bell(kind->queue);
    return true;
}

static bool ask_table(uint32_t bytes, uint16_t flags)
{
    describe(kind->queue, 0, table, bytes, INDIRECT | flags, 0);
    return ask(0);
}

static bool go(void)
{
    return inside ? ask_table(RING * sizeof *table, 0) : ask(0);
}

static bool next_out(uint64_t next)
{
    put(0, address_of(buffer), 8, NEXT, (uint16_t)next);
    return go();
}

static bool loop(uint64_t steps)
{
    for (uint16_t i = 0; i < steps; i++)
        put(i, address_of(buffer), 8, NEXT | WRITE, i + 1 == (uint16_t)steps ? 0 : i + 1);
    return go();
}

static bool flags(uint64_t unknown)
{
    put(0, address_of(buffer), 8, (uint16_t)unknown, 0);
    return go();
}

static bool order(uint64_t bytes)
{
    put(0, address_of(buffer), 8, NEXT | WRITE, 1);
    put(1, address_of(buffer), (uint32_t)bytes, 0, 0);
    return go();
}

static bool buffer_at(uint64_t address)
{
    put(0, address_of(buffer), 8, NEXT, 1);
    put(1, address, 5, WRITE, 0);
    return go();
}

static bool buffer_of(uint64_t bytes)
{
    put(0, address_of(buffer), (uint32_t)bytes, WRITE, 0);
    return go();
}

static const struct lie chains[] = {
    {"fault-next", "a link beyond the table", next_out, RING},
    {"fault-next", "a link beyond the table", next_out, 0xffff},
    {"fault-loop", "a descriptor that links to itself", loop, 1},
    {"fault-loop", "descriptors that link around", loop, 2},
    {"fault-loop", "descriptors that link around", loop, RING},
    {"fault-flags", "unknown flags", flags, 8},
    {"fault-flags", "unknown flags", flags, 0xfff8},
    {"fault-order", "a readable buffer behind a writable one", order, 8},
    {"fault-order", "a readable buffer of nothing behind a writable one", order, 0},
    {"fault-buffer-memory", "a buffer that is longer than memory", buffer_of, MEMORY},
    {"fault-buffer-memory", "a buffer of 4 GiB", buffer_of, UINT32_MAX},
};

static bool head(uint64_t number)
{
    return ask((uint16_t)number);
}

static bool index_moves(uint64_t by)
{
    ring[kind->queue].driver_index = (uint16_t)(ring[kind->queue].driver_index + by);
    ring_bell(kind->queue);
    return true;
}

// Nothing was taken that is not finished, and still an index must not go back.
static bool index_goes_back(uint64_t by)
{
    return kind->honest() && index_moves(-by);
}

static const struct lie rings[] = {
    {"fault-head", "a request beyond the table", head, RING},
    {"fault-head", "a request beyond the table", head, 0xffff},
    {"fault-available-index", "more requests than places", index_moves, RING + 1},
    {"fault-available-index", "more requests than places", index_moves, 0x8000},
    {"fault-available-index", "an index that goes back", index_goes_back, 1},
    {"fault-available-index", "an index that goes back", index_goes_back, RING},
};

// ---- indirect tables ----

static bool without_feature(uint64_t unused)
{
    (void)unused;
    struct plan p = honest_plan();
    p.features &= ~VIRTIO_F_INDIRECT;
    put(0, address_of(buffer), 8, 0, 0);
    return up_with(p) && ask_table(sizeof *table, 0);
}

static bool table_in_table(uint64_t unused)
{
    (void)unused;
    inside = true;
    put(0, address_of(table), sizeof *table, INDIRECT, 0);
    inside = false;
    return ask_table(sizeof *table, 0);
}

static bool table_of(uint64_t bytes)
{
    return ask_table((uint32_t)bytes, 0);
}

static bool table_with(uint64_t more)
{
    return ask_table(sizeof *table, (uint16_t)more);
}

static bool table_at(uint64_t address)
{
    put(0, address, 2 * sizeof *table, INDIRECT, 0);
    return ask(0);
}

// A chain of so many descriptors of so many bytes, all but the first in an indirect table.
static bool long_chain(uint64_t count, uint32_t bytes)
{
    inside = true;
    for (uint16_t i = 0; i < count - 1; i++)
        put(i, 0, bytes, i + 2 < (uint16_t)count ? NEXT : 0, (uint16_t)(i + 1));
    inside = false;
    put(0, address_of(buffer), 1, NEXT, 1);
    put(1, address_of(table), (uint32_t)((count - 1) * sizeof *table), INDIRECT, 0);
    return ask(0);
}

static bool too_long(uint64_t count)
{
    return long_chain(count, 1);
}

static bool too_large(uint64_t count)
{
    return long_chain(count, MEMORY);
}

static const struct lie tables[] = {
    {"fault-indirect-refused", "an indirect table without the feature", without_feature, 0},
    {"fault-indirect-nested", "an indirect table in another", table_in_table, 0},
    {"fault-indirect-next", "an indirect table with a link", table_with, NEXT},
    {"fault-indirect-bytes", "an indirect table of no bytes", table_of, 0},
    {"fault-indirect-bytes", "an indirect table of bytes", table_of, 17},
    {"fault-indirect-bytes", "an indirect table of bytes", table_of, UINT32_MAX},
    {"fault-long", "an indirect table of bytes", table_of, (LONGEST + 1) * sizeof *table},
    {"fault-long", "an indirect table of bytes", table_of, UINT32_MAX - 15},
    {"fault-long", "a chain of descriptors", too_long, LONGEST + 1},
    {"fault-buffer-bytes", "a chain of 64 MiB each", too_large, 66},
};

// ---- what the device has written ----

// It reaches no memory while the bus does not let it; then it looks where it had been.
static bool used_index_moves(uint64_t by)
{
    volatile struct ring *r = &ring[kind->queue];
    pci_write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY);
    ring_bell(kind->queue);
    (void)common->status;
    r->device_index = (uint16_t)(r->device_index + by);
    pci_write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);
    ring_bell(kind->queue);
    return true;
}

static bool used_ring_is_garbage(uint64_t value)
{
    volatile struct ring *r = &ring[kind->queue];
    for (unsigned i = 0; i < RING; i++) {
        r->used[i].head = (uint32_t)value;
        r->used[i].written = (uint32_t)value;
    }
    r->device_flags = r->available_event = (uint16_t)value;
    return is_well();
}

static bool index_is_wrong_but_unused(uint64_t by)
{
    return used_index_moves(by) && is_well();
}

static const struct lie used[] = {
    {"fault-used-index", "a used index that moved", used_index_moves, 100},
    {"fault-used-index", "a used index that moved", used_index_moves, 0x8000},
};

static bool twice(uint64_t unused)
{
    (void)unused;
    offer(kind->queue, 0);
    return is_well();
}

static const struct lie harmless[] = {
    {"", "a used ring of", used_ring_is_garbage, 0xdeadbeef},
};

static const struct lie harmless_to_blocks[] = {
    {"", "the same request twice", twice, 0},
};

static const struct lie harmless_to_streams[] = {
    {"", "a used index that moved", index_is_wrong_but_unused, 100},
};

void lies_about_rings(void)
{
    TELL_ALL(places);
    tell_of("fault-ring-memory", "descriptors at", with_descriptors, 16);
    tell_of("fault-ring-memory", "the driver's ring at", with_driver, 2);
    tell_of("fault-ring-memory", "the device's ring at", with_device, 4);
    TELL_ALL(rings);
    for (int i = 0; i < 2; i++, inside = !inside) {
        TELL_ALL(chains);
        tell_of("fault-buffer-memory", inside ? "in a table: a buffer at" : "a buffer at", buffer_at, 1);
    }
    TELL_ALL(tables);
    tell_of("fault-indirect-memory", "an indirect table at", table_at, 1);
    TELL_ALL(harmless);
    if (kind->streams) {
        TELL_ALL(harmless_to_streams);
    } else {
        TELL_ALL(harmless_to_blocks);
        TELL_ALL(used);
    }
}
