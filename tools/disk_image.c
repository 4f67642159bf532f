// The image of the host's disk, as a file.
// SPDX-License-Identifier: MIT
//
// The table at the end is complete before the one at the beginning changes, so that one of the two is good at
// any moment.
//
// LINK: libipc/gpt.c
#include "tools/disk_image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/file.h"

enum { CHUNK = 1 << 16 };

// Types are the systems' own ([UEFI] 5.3.3): this is the GUID of Linux' file system data, in its byte order.
static const uint8_t linux_data[16] = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
                                       0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4};

struct image {
    struct report *report;
    const char *path;
    int fd;
    bool created;
    uint64_t sectors;
    struct gpt table;
};

static bool fail(const struct image *image, const char *what)
{
    return report_error(image->report, 0, "%s: %s: %s", image->path, what, strerror(errno));
}

static bool read_at(int fd, void *to, size_t bytes, uint64_t at)
{
    for (uint8_t *byte = to; bytes;) {
        ssize_t n = pread(fd, byte, bytes, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        byte += n;
        at += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return true;
}

static bool write_at(const struct image *image, const void *from, size_t bytes, uint64_t at)
{
    for (const uint8_t *byte = from; bytes;) {
        ssize_t n = pwrite(image->fd, byte, bytes, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(image, "cannot be written");
        byte += n;
        at += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return true;
}

// ---- what is there ----

static bool read_sectors(void *context, uint64_t sector, uint32_t sectors, void *to)
{
    const struct image *image = context;
    return read_at(image->fd, to, (size_t)sectors * GPT_SECTOR, sector * GPT_SECTOR);
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    return !count || (!*bytes && memcmp(bytes, bytes + 1, count - 1) == 0);
}

// Holes are passed over.
static bool has_data(void *context, const struct gpt_partition *p)
{
    const struct image *image = context;
    static uint8_t buffer[CHUNK];
    uint64_t at = p->entry.first * GPT_SECTOR, end = (p->entry.last + 1) * GPT_SECTOR;
    while (at < end) {
        off_t data = lseek(image->fd, (off_t)at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return false;
        at = data < 0 ? at : (uint64_t)data;
        size_t bytes = at >= end ? 0 : end - at < CHUNK ? (size_t)(end - at) : CHUNK;
        if (bytes && (!read_at(image->fd, buffer, bytes, at) || !is_zero(buffer, bytes)))
            return true; // what cannot be read may be data
        at += bytes;
    }
    return false;
}

static bool open_image(struct image *image)
{
    struct stat s;
    // A machine that runs on it holds locks of its own.
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    image->fd = open(image->path, O_RDWR | O_CLOEXEC);
    if (image->fd < 0 && errno == ENOENT) {
        image->fd = open(image->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        image->created = image->fd >= 0;
    }
    if (image->fd < 0 || fstat(image->fd, &s) < 0)
        return fail(image, "cannot be opened");
    if (!S_ISREG(s.st_mode))
        return report_error(image->report, 0, "%s: expected a file or none", image->path);
    if (s.st_size && s.st_size < GPT_SECTOR)
        return report_error(image->report, 0, "%s: %lld bytes; expected an image made by this command",
                            image->path, (long long)s.st_size);
    if (fcntl(image->fd, F_OFD_SETLK, &lock) < 0)
        return errno == EAGAIN || errno == EACCES
                   ? report_error(image->report, 0, "%s: a machine is running on it", image->path)
                   : fail(image, "cannot be locked");
    image->sectors = (uint64_t)s.st_size / GPT_SECTOR;
    return true;
}

static bool read_table(struct image *image)
{
    struct gpt_disk disk = {image->path, image->sectors, read_sectors, image};
    if (image->sectors == 0)
        return true;
    if (!gpt_read(&image->table, &disk))
        return report_error(image->report, 0, "%s; expected an image made by this command",
                            image->table.error);
    if (*image->table.warning)
        report_warning(image->report, 0, "%s", image->table.warning);
    return true;
}

// ---- what is new ----

static bool write_zeros(const struct image *image, uint64_t at, uint64_t bytes)
{
    static const uint8_t zeros[CHUNK];
    if (fallocate(image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)bytes) == 0)
        return true;
    for (; bytes; bytes -= bytes < CHUNK ? bytes : CHUNK, at += CHUNK)
        if (!write_at(image, zeros, bytes < CHUNK ? (size_t)bytes : CHUNK, at))
            return false;
    return true;
}

static bool open_content(const struct image *image, const struct disk_part *part, struct file *content)
{
    *content = (struct file){0};
    if (!part->content)
        return true;
    if (!file_open(content, part->content))
        return report_error(image->report, part->line, "partition '%s': %s: %s", part->name, part->content,
                            strerror(errno));
    if (content->size <= part->bytes)
        return true;
    report_error(image->report, part->line, "partition '%s': %s has %zu bytes, expected no more than %llu",
                 part->name, part->content, content->size, (unsigned long long)part->bytes);
    file_close(content);
    return false;
}

// Before anything is written.
static bool check_contents(const struct image *image, const struct disk_layout *l)
{
    struct file content;
    for (size_t i = 0; i < l->count; i++) {
        if (!open_content(image, l->places[i].part, &content))
            return false;
        file_close(&content);
    }
    return true;
}

static bool write_content(const struct image *image, const struct disk_place *place)
{
    struct file content;
    if (!open_content(image, place->part, &content))
        return false;
    bool good = write_zeros(image, place->first * GPT_SECTOR, place->part->bytes) &&
                write_at(image, content.bytes, content.size, place->first * GPT_SECTOR);
    file_close(&content);
    return good;
}

// Version 4 of RFC 4122.
static bool make_unique(const struct image *image, uint8_t *guid)
{
    if (getrandom(guid, 16, 0) != 16)
        return fail(image, "no random numbers");
    guid[7] = (uint8_t)((guid[7] & 0x0f) | 0x40);
    guid[8] = (uint8_t)((guid[8] & 0x3f) | 0x80);
    return true;
}

static bool make_entry(const struct image *image, const struct disk_place *place, struct gpt_entry *e)
{
    if (place->kept) {
        *e = place->kept->entry;
        return true;
    }
    *e = (struct gpt_entry){.first = place->first, .last = place->first + place->sectors - 1};
    memcpy(e->type, linux_data, sizeof e->type);
    for (size_t i = 0; place->part->name[i]; i++)
        e->name[i] = (uint8_t)place->part->name[i];
    return make_unique(image, e->unique);
}

static bool write_copy(const struct image *image, const struct gpt_entry *entries, struct gpt_header h,
                       uint64_t own, uint64_t array)
{
    uint8_t sector[GPT_SECTOR] = {0};
    h.own = own;
    h.other = image->sectors - own;
    h.entries = array;
    h.crc = gpt_crc(0, &h, GPT_HEADER_BYTES);
    memcpy(sector, &h, GPT_HEADER_BYTES);
    return write_at(image, entries, DISK_ENTRIES * sizeof *entries, array * GPT_SECTOR) &&
           write_at(image, sector, sizeof sector, own * GPT_SECTOR) &&
           (fsync(image->fd) == 0 || fail(image, "cannot be written"));
}

// Addresses of the time before LBA stay at their largest ([UEFI] 5.2.3).
static bool write_mbr(const struct image *image)
{
    uint8_t sector[GPT_SECTOR] = {0};
    uint32_t first = 1, count = image->sectors > UINT32_MAX ? UINT32_MAX : (uint32_t)image->sectors - 1;
    uint8_t *entry = sector + GPT_MBR_ENTRY;
    memcpy(entry, (uint8_t[]){0, 0, 2, 0, GPT_MBR_PROTECTIVE, 0xff, 0xff, 0xff}, 8);
    memcpy(entry + 8, &first, 4);
    memcpy(entry + 12, &count, 4);
    sector[GPT_SECTOR - 2] = 0x55;
    sector[GPT_SECTOR - 1] = 0xaa;
    return write_at(image, sector, sizeof sector, 0);
}

static bool write_table(struct image *image, const struct disk_layout *l)
{
    static struct gpt_entry entries[DISK_ENTRIES];
    memset(entries, 0, sizeof entries);
    for (size_t i = 0; i < l->count; i++)
        if (!make_entry(image, &l->places[i], &entries[i]))
            return false;
    struct gpt_header h = {.revision = GPT_REVISION,
                           .bytes = GPT_HEADER_BYTES,
                           .first_usable = DISK_FIRST_USABLE,
                           .last_usable = l->sectors - DISK_TAIL - 1,
                           .entry_count = DISK_ENTRIES,
                           .entry_bytes = sizeof *entries,
                           .entries_crc = gpt_crc(0, entries, sizeof entries)};
    memcpy(h.signature, GPT_SIGNATURE, sizeof h.signature);
    memcpy(h.disk, image->table.header.disk, sizeof h.disk);
    if (is_zero(h.disk, sizeof h.disk) && !make_unique(image, h.disk))
        return false;
    return write_copy(image, entries, h, l->sectors - 1, l->sectors - DISK_TAIL) &&
           write_copy(image, entries, h, 1, 2) && write_mbr(image);
}

static bool write_image(struct image *image, const struct disk_layout *l)
{
    image->sectors = l->sectors;
    if (ftruncate(image->fd, (off_t)(l->sectors * GPT_SECTOR)) < 0)
        return fail(image, "cannot be made so large");
    for (size_t i = 0; i < l->count; i++)
        if (!l->places[i].kept && !write_content(image, &l->places[i]))
            return false;
    return write_table(image, l);
}

static bool make(struct image *image, const struct list *parts, bool replace)
{
    static struct disk_layout layout;
    struct disk_old old = {&image->table, image->sectors, image->path, has_data, image, replace};
    if (!open_image(image) || !read_table(image))
        return false;
    old.sectors = image->sectors;
    return disk_layout_make(image->report, &old, parts, &layout) && check_contents(image, &layout) &&
           write_image(image, &layout);
}

bool disk_image_make(struct report *r, const char *path, const struct list *parts, bool replace)
{
    static struct image image;
    image = (struct image){.report = r, .path = path, .fd = -1};
    bool good = make(&image, parts, replace);
    if (image.fd >= 0 && close(image.fd) < 0 && good)
        good = fail(&image, "cannot be written");
    if (!good && image.created)
        (void)unlink(path);
    return good;
}
