// Lies in the requests of a disk: [VIRTIO] 5.2.6.
// SPDX-License-Identifier: MIT
//
// Each disk has 64 KiB; dword i of it is i, up to where good requests write. What is a lie is answered with
// an error, and changes nothing.
#include "servers/disk/format.h"
#include "tests/kernels/hostile.h"

enum {
    SECTORS = 128,
    KEPT = 104 /* sectors that keep their content */,
    SCRATCH = 127,
    UNWRITTEN = 0xee,
    SERIAL = 20
};
enum { BLOCK = 8 /* sectors */, ONE = 13 * BLOCK, OTHER = 14 * BLOCK, PLAYS = 100, RANGES = 2 };
enum { WRITE = VIRTQ_FLAG_WRITE, NEXT = VIRTQ_FLAG_NEXT };

static struct blk_header header;
static uint32_t data[SECTORS * BLK_SECTOR / 4];
static volatile uint8_t status;
static unsigned links; // descriptors of the request that is being made

// ---- requests ----

static void begin(uint32_t type, uint64_t sector)
{
    header = (struct blk_header){.type = type, .sector = sector};
    status = UNWRITTEN;
    links = 0;
}

static void add(const volatile void *at, uint32_t bytes, uint16_t flags)
{
    describe(0, links, at, bytes, flags, 0);
    if (links) {
        volatile struct virtq_descriptor *before = &ring[0].descriptor[links - 1];
        before->flags = before->flags | NEXT;
        before->next = (uint16_t)links;
    }
    links++;
}

static bool transfer(uint32_t type, uint64_t sector, uint32_t sectors)
{
    begin(type, sector);
    add(&header, sizeof header, 0);
    add(data, sectors * BLK_SECTOR, type == BLK_T_IN ? WRITE : 0);
    add(&status, 1, WRITE);
    return request(0) && used_bytes(0) == (type == BLK_T_IN ? sectors * BLK_SECTOR : 0) + 1;
}

static bool transferred(uint32_t type, uint64_t sector, uint32_t sectors)
{
    return transfer(type, sector, sectors) && status == BLK_S_OK;
}

static bool is_kept(void)
{
    for (unsigned i = 0; i < KEPT * BLK_SECTOR / 4; i++)
        data[i] = UINT32_MAX;
    bool good = transferred(BLK_T_IN, 0, KEPT);
    for (unsigned i = 0; i < KEPT * BLK_SECTOR / 4; i++)
        good = good && data[i] == i;
    return good;
}

static void fill(uint32_t first, unsigned sectors)
{
    for (unsigned i = 0; i < sectors * BLK_SECTOR / 4; i++)
        data[i] = first + i;
}

static bool is_read_only(void)
{
    common->device_feature_select = 0;
    return common->device_feature & BLK_F_RO;
}

static bool honest(void)
{
    static uint32_t round;
    if (!is_read_only()) {
        fill(++round, 1);
        if (!transferred(BLK_T_OUT, SCRATCH, 1))
            return false;
        fill(0, 1);
        if (!transferred(BLK_T_IN, SCRATCH, 1) || data[0] != round || data[127] != round + 127)
            return false;
    }
    return transferred(BLK_T_IN, 5, 1) && data[0] == 5 * 128 && data[127] == 6 * 128 - 1;
}

static const char *find_name(void)
{
    static char name[SERIAL + 6] = "disk.";
    begin(BLK_T_GET_ID, 0);
    add(&header, sizeof header, 0);
    add(name + 5, SERIAL, WRITE);
    add(&status, 1, WRITE);
    (void)request(0);
    return name;
}

// ---- lies ----

enum end { END_GOOD, END_READABLE, END_NONE }; // of a request: its status

struct row {
    const char *counter, *text;
    uint32_t type;
    uint64_t sector;
    uint32_t bytes; // of data
    uint16_t flags; // of data
    uint8_t header; // its bytes
    uint8_t result;
    uint32_t written;
    enum end end;
    struct blk_range range[RANGES]; // the data begin with them, if there are any
};

static const struct row *row;

static void put_ranges(void)
{
    for (unsigned i = 0; i < RANGES; i++)
        ((struct blk_range *)(void *)data)[i] = row->range[i];
}

static bool ask(uint64_t unused)
{
    (void)unused;
    fill(0x5a5a5a5a, KEPT);
    if (row->type == BLK_T_DISCARD || row->type == BLK_T_WRITE_ZEROES)
        put_ranges();
    begin(row->type, row->sector);
    if (row->header)
        add(&header, row->header, 0);
    if (row->bytes)
        add(data, row->bytes, row->flags);
    if (row->end != END_NONE)
        add(&status, 1, row->end == END_GOOD ? WRITE : 0);
    return request(0) && used_bytes(0) == row->written &&
           status == (row->end == END_GOOD ? row->result : UNWRITTEN) && is_well();
}

static void ask_all(const struct row *rows, unsigned count)
{
    for (row = rows; row < rows + count; row++) {
        const struct lie lie = {row->counter, row->text, ask, 0};
        tell_all(&lie, 1);
    }
}
#define ASK_ALL(rows) ask_all(rows, sizeof(rows) / sizeof *(rows))

#define IN(counter, text, sector, bytes)                                                                     \
    {                                                                                                        \
        counter, text, BLK_T_IN, sector, bytes, WRITE, sizeof header, BLK_S_IOERR, 0, END_GOOD,              \
        {                                                                                                    \
            {                                                                                                \
                0                                                                                            \
            }                                                                                                \
        }                                                                                                    \
    }
#define OUT(counter, text, sector, bytes)                                                                    \
    {                                                                                                        \
        counter, text, BLK_T_OUT, sector, bytes, 0, sizeof header, BLK_S_IOERR, 1, END_GOOD,                 \
        {                                                                                                    \
            {                                                                                                \
                0                                                                                            \
            }                                                                                                \
        }                                                                                                    \
    }

static const struct row transfers[] = {
    IN("out-of-range", "a read of the first sector beyond", SECTORS, 512),
    IN("out-of-range", "a read across the end", SECTORS - 1, 1024),
    IN("out-of-range", "a read of the last sector of all", UINT64_MAX, 512),
    IN("out-of-range", "a read at a sector whose byte wraps around", UINT64_C(1) << 55, 512),
    IN("out-of-range", "a read across the end of all", UINT64_MAX - 3, 4096),
    OUT("out-of-range", "a write to the first sector beyond", SECTORS, 512),
    OUT("out-of-range", "a write across the end", SECTORS - 1, 1024),
    OUT("out-of-range", "a write to the last sector of all", UINT64_MAX, 512),
    OUT("out-of-range", "a write at a sector whose byte wraps around", UINT64_C(1) << 55, 512),
    IN("malformed", "a read of less than a sector", 0, 511),
    IN("malformed", "a read of more than a sector", 0, 513),
    OUT("malformed", "a write of less than a sector", 0, 1),
    OUT("malformed", "a write of more than a sector", 0, 513),
    OUT("malformed", "a write of nothing", 0, 0),
    {"malformed", "a read of nothing", BLK_T_IN, 0, 0, WRITE, 16, BLK_S_IOERR, 1, END_GOOD, {{0}}},
    {"malformed",
     "a read into what is only readable",
     BLK_T_IN,
     0,
     512,
     0,
     16,
     BLK_S_IOERR,
     1,
     END_GOOD,
     {{0}}},
    {"malformed",
     "a write out of what is writable",
     BLK_T_OUT,
     0,
     512,
     WRITE,
     16,
     BLK_S_IOERR,
     0,
     END_GOOD,
     {{0}}},
    {"malformed", "a header of 15 bytes", BLK_T_IN, 0, 512, WRITE, 15, BLK_S_IOERR, 0, END_GOOD, {{0}}},
    {"malformed", "no header", BLK_T_IN, 0, 512, WRITE, 0, BLK_S_IOERR, 0, END_GOOD, {{0}}},
    {"malformed", "nothing but a status", BLK_T_IN, 0, 0, 0, 0, BLK_S_IOERR, 1, END_GOOD, {{0}}},
    {"malformed", "a write without a status", BLK_T_OUT, 0, 512, 0, 16, 0, 0, END_NONE, {{0}}},
    {"malformed",
     "a write whose status is only readable",
     BLK_T_OUT,
     0,
     512,
     0,
     16,
     0,
     0,
     END_READABLE,
     {{0}}},
    {"malformed", "a flush without a status", BLK_T_FLUSH, 0, 0, 0, 16, 0, 0, END_NONE, {{0}}},
    {"malformed", "nothing but a byte of a header", BLK_T_OUT, 0, 0, 0, 1, 0, 0, END_NONE, {{0}}},
};

#define UNKNOWN(type)                                                                                        \
    {                                                                                                        \
        "unsupported", "an unknown type", type, 0, 512, WRITE, sizeof header, BLK_S_UNSUPP, 0, END_GOOD,     \
        {                                                                                                    \
            {                                                                                                \
                0                                                                                            \
            }                                                                                                \
        }                                                                                                    \
    }

static const struct row types[] = {UNKNOWN(2),  UNKNOWN(3),           UNKNOWN(5),
                                   UNKNOWN(7),  UNKNOWN(10),          UNKNOWN(12),
                                   UNKNOWN(14), UNKNOWN(0x80000001u), UNKNOWN(0xffffffffu)};

#define CLEAR(counter, text, type, bytes, result, ...)                                                       \
    {                                                                                                        \
        counter, text, type, 0, bytes, 0, sizeof header, result, 1, END_GOOD,                                \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define RANGE sizeof(struct blk_range)

static const struct row clears[] = {
    CLEAR("malformed", "a discard of nothing", BLK_T_DISCARD, 0, BLK_S_IOERR, {0}),
    CLEAR("malformed", "a discard of part of a range", BLK_T_DISCARD, 15, BLK_S_IOERR, {0}),
    CLEAR("malformed", "a discard of a range and a byte", BLK_T_DISCARD, 17, BLK_S_IOERR, {0}),
    CLEAR("malformed", "a discard of too many ranges", BLK_T_DISCARD, 17 * RANGE, BLK_S_IOERR, {0}),
    CLEAR("malformed", "write-zeroes of part of a range", BLK_T_WRITE_ZEROES, 8, BLK_S_IOERR, {0}),
    CLEAR("unsupported", "a discard that unmaps", BLK_T_DISCARD, RANGE, BLK_S_UNSUPP, {0, 8, 1}),
    CLEAR("unsupported", "a discard with unknown flags", BLK_T_DISCARD, RANGE, BLK_S_UNSUPP,
          {0, 8, 0xfffffffe}),
    CLEAR("unsupported", "write-zeroes with unknown flags", BLK_T_WRITE_ZEROES, RANGE, BLK_S_UNSUPP,
          {0, 8, 2}),
    CLEAR("out-of-range", "a discard beyond the end", BLK_T_DISCARD, RANGE, BLK_S_IOERR, {SECTORS, 1, 0}),
    CLEAR("out-of-range", "a discard across the end", BLK_T_DISCARD, RANGE, BLK_S_IOERR, {SECTORS - 1, 2, 0}),
    CLEAR("out-of-range", "a discard of more than may be", BLK_T_DISCARD, RANGE, BLK_S_IOERR,
          {0, UINT32_MAX, 0}),
    CLEAR("out-of-range", "a discard that wraps around", BLK_T_DISCARD, RANGE, BLK_S_IOERR,
          {UINT64_MAX, 2, 0}),
    CLEAR("out-of-range", "write-zeroes beyond the end", BLK_T_WRITE_ZEROES, RANGE, BLK_S_IOERR,
          {SECTORS, 1, 0}),
    CLEAR("out-of-range", "write-zeroes, of a good range and one beyond", BLK_T_WRITE_ZEROES, 2 * RANGE,
          BLK_S_IOERR, {0, 8, 0}, {SECTORS, 8, 0}),
    CLEAR("out-of-range", "a discard of a good range and one beyond", BLK_T_DISCARD, 2 * RANGE, BLK_S_IOERR,
          {0, 8, 0}, {SECTORS, 8, 0}),
};

static const struct row changes[] = {
    OUT("read-only", "a write to what is read-only", 0, 512),
    CLEAR("read-only", "a discard of what is read-only", BLK_T_DISCARD, RANGE, BLK_S_IOERR, {0, 8, 0}),
    CLEAR("read-only", "write-zeroes to what is read-only", BLK_T_WRITE_ZEROES, RANGE, BLK_S_IOERR,
          {0, 8, 0}),
};

// ---- what is unusual and right ----

static bool name_into(uint64_t bytes)
{
    uint32_t told = bytes < SERIAL ? (uint32_t)bytes : SERIAL;
    begin(BLK_T_GET_ID, 0);
    add(&header, sizeof header, 0);
    add(data, (uint32_t)bytes, WRITE);
    add(&status, 1, WRITE);
    return request(0) && status == BLK_S_OK && used_bytes(0) == told + (told == bytes) && is_well();
}

static bool pieces_of_nothing(uint64_t unused)
{
    (void)unused;
    begin(BLK_T_IN, 5);
    add(data, 0, 0);
    add(&header, sizeof header, 0);
    add(data, 0, 0);
    add(data, 512, WRITE);
    add(data, 0, WRITE);
    add(&status, 1, WRITE);
    return request(0) && status == BLK_S_OK && used_bytes(0) == 513 && data[0] == 5 * 128 && is_well();
}

// 2.7.5.3.2: the flag means nothing there.
static bool writable_table(uint64_t unused)
{
    (void)unused;
    static volatile struct virtq_descriptor table[3];
    begin(BLK_T_IN, 5);
    add(&header, sizeof header, 0);
    add(data, 512, WRITE);
    add(&status, 1, WRITE);
    for (unsigned i = 0; i < links; i++)
        table[i] = ring[0].descriptor[i];
    describe(0, 0, table, sizeof table, VIRTQ_FLAG_INDIRECT | WRITE, 0);
    return request(0) && status == BLK_S_OK && used_bytes(0) == 513 && is_well();
}

static bool cache_mode(uint64_t value)
{
    ((volatile struct blk_config *)(volatile void *)config)->writeback = (uint8_t)value;
    ((volatile struct blk_config *)(volatile void *)config)->capacity = value;
    return ((volatile struct blk_config *)(volatile void *)config)->capacity == SECTORS && is_well();
}

static bool intact(uint64_t unused)
{
    (void)unused;
    return is_kept();
}

static const struct lie others[] = {
    {"", "a name into bytes", name_into, 1},
    {"", "a name into bytes", name_into, SERIAL},
    {"", "a name into bytes", name_into, 100},
    {"", "descriptors of nothing", pieces_of_nothing, 0},
    {"", "an indirect table that is writable", writable_table, 0},
    {"writes-ignored", "configuration that cannot be written", cache_mode, 0},
};

static const struct lie last = {"", "everything is what it was", intact, 0};

// ---- a disk with room for two blocks: one is that of good requests ----

static bool write_block(uint64_t sector)
{
    fill((uint32_t)sector * 128, BLOCK);
    return transfer(BLK_T_OUT, sector, BLOCK);
}

static bool discard_block(uint64_t sector)
{
    *(struct blk_range *)(void *)data = (struct blk_range){.sector = sector, .sectors = BLOCK};
    begin(BLK_T_DISCARD, 0);
    add(&header, sizeof header, 0);
    add(data, RANGE, 0);
    add(&status, 1, WRITE);
    return request(0) && status == BLK_S_OK;
}

static bool two_into_one(uint64_t times)
{
    bool good = true;
    for (uint64_t i = 0; i < times && good; i++) {
        good = write_block(ONE) && status == BLK_S_OK && write_block(OTHER) && status == BLK_S_IOERR;
        good = discard_block(ONE) && good;
    }
    return good && is_well();
}

static const struct lie full = {"errors", "more than there is room for, times", two_into_one, PLAYS};

// ---- the kind ----

static bool begins_with(const char *text, const char *with)
{
    while (*with && *text == *with)
        text++, with++;
    return !*with;
}

static const char *begin_disk(void)
{
    const char *name = find_name();
    if (!is_read_only() && !is_kept()) {
        fill(0, KEPT);
        (void)transfer(BLK_T_OUT, 0, KEPT);
    }
    return name;
}

static void lies(void)
{
    ASK_ALL(transfers);
    ASK_ALL(types);
    ASK_ALL(clears);
    TELL_ALL(others);
    if (is_read_only())
        ASK_ALL(changes);
    if (begins_with(find_name(), "disk.over"))
        tell_all(&full, 1);
    tell_all(&last, 1);
}

const struct kind disk_kind = {.features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_RING_RESET,
                               .queues = 1,
                               .begin = begin_disk,
                               .honest = honest,
                               .lies = lies};
