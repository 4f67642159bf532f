// The root task: boot archive, program image, what it is born with.
// SPDX-License-Identifier: MIT
//
// The kernel knows just enough of cpio (newc) and ELF64 to find and load one static program of two segments:
// text at 0x400000, data at 0x800000, each within 2 MiB. The image's pages come from the kernel's pool,
// because the kernel maps no other memory that it could copy to; all other programs are loaded by the root
// task.
#include "kernel/root.h"

#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/platform.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"
#include "kernel/thread.h"

#define TEXT_BASE 0x400000ul
#define DATA_BASE 0x800000ul

enum {
    CPIO_HEADER = 110,
    HEAP_PAGES = 160,
    STACK_PAGES = 16,
    ROOT_SLOTS = 4096,
    ROOT_PRIORITY = 40,
    PF_X = 1,
    PT_LOAD = 1
};

struct info_system root_info;

struct elf_header {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_size, program_header_size, program_header_count;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, align;
};

static uint64_t hex8(const char *s)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        char c = s[i];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
        if (digit > 15)
            panic("boot archive: damaged header (no hexadecimal digit)");
        v = v << 4 | digit;
    }
    return v;
}

// Bytes of the archive, through the temporary window.
static const void *archive_at(struct range archive, uint64_t offset, size_t length)
{
    if (offset > archive.size || length > archive.size - offset)
        panic("boot archive: truncated at byte %lu", archive.size);
    const void *p = temp_map(archive.base + offset, length);
    kassert(p);
    return p;
}

// The content of a file of the archive [cpio(5), "New ASCII Format"].
static struct range archive_find(struct range archive, const char *name)
{
    uint64_t at = 0;
    for (;;) {
        const char *h = archive_at(archive, at, CPIO_HEADER);
        if (memcmp(h, "070701", 6) != 0)
            panic("boot archive: no cpio archive in newc format (byte %lu)", at);
        uint64_t size = hex8(h + 54), name_size = hex8(h + 94);
        uint64_t data = (at + CPIO_HEADER + name_size + 3) & ~3ul;
        if (name_size > 256)
            panic("boot archive: damaged header (byte %lu)", at);
        const char *found = archive_at(archive, at + CPIO_HEADER, name_size);
        if (strcmp(found, name) == 0) {
            archive_at(archive, data + size, 0);
            return (struct range){archive.base + data, size};
        }
        if (strcmp(found, "TRAILER!!!") == 0)
            panic("boot archive: it holds no program named %s", name);
        at = (data + size + 3) & ~3ul;
    }
}

static void *new_page(struct process *p)
{
    void *page = kmem_alloc(p, PAGE_SIZE);
    if (!page)
        panic("too little memory for the root task");
    return page;
}

static void *make(enum object_type type, struct process *p, const struct request *r)
{
    struct object *o;
    if (object_make(type, p, r, &o) != STATUS_OK)
        panic("too little memory for the root task");
    return o;
}

static struct memory *new_memory(struct process *p, uint64_t pages)
{
    return make(OBJECT_MEMORY, p, &(struct request){.a = {[2] = pages}});
}

static void adopt(struct memory *m, uint64_t page, uint64_t frame, uint64_t pages)
{
    if (memory_adopt(m, page, frame, pages) != STATUS_OK)
        panic("too little memory for the root task");
}

// A segment's pages into its window; returns the page behind the last.
static uint64_t load_segment(struct process *p, struct memory *m, uint64_t base, struct range file,
                             const struct elf_segment *s)
{
    if (s->address < base || s->memory_size > PAGE_2M || s->address - base > PAGE_2M - s->memory_size ||
        s->file_size > s->memory_size || s->offset > file.size || s->file_size > file.size - s->offset)
        panic("boot archive: init's segment at %lx does not fit", s->address);
    uint64_t skip = s->address - base, end = skip + s->memory_size;
    for (uint64_t page = skip / PAGE_SIZE; page < (end + PAGE_SIZE - 1) / PAGE_SIZE; page++) {
        char *to = new_page(p);
        uint64_t from = page * PAGE_SIZE > skip ? page * PAGE_SIZE - skip : 0;
        uint64_t in_page = page * PAGE_SIZE > skip ? 0 : skip - page * PAGE_SIZE;
        uint64_t n = s->file_size > from ? s->file_size - from : 0;
        if (n > PAGE_SIZE - in_page)
            n = PAGE_SIZE - in_page;
        if (n)
            memcpy(to + in_page, temp_map(file.base + s->offset + from, n), n);
        adopt(m, page, phys_of(to), 1);
    }
    return (end + PAGE_SIZE - 1) / PAGE_SIZE;
}

struct image {
    struct memory *text, *data;
    uint64_t entry, heap_end;
};

static void load_image(struct process *p, struct range file, struct image *image)
{
    struct elf_header h;
    if (file.size < sizeof h)
        panic("boot archive: init is no program");
    memcpy(&h, temp_map(file.base, sizeof h), sizeof h);
    if (memcmp(h.ident, "\177ELF\2\1", 6) != 0 || h.machine != 62 || h.type != 2 ||
        h.program_header_size != sizeof(struct elf_segment) || h.program_headers > file.size ||
        h.program_header_count * sizeof(struct elf_segment) > file.size - h.program_headers)
        panic("boot archive: init is no static ELF64 program for x86-64");
    image->entry = h.entry;
    image->text = new_memory(p, SMALL_PAGES);
    image->data = new_memory(p, SMALL_PAGES);
    uint64_t data_end = 0;
    for (unsigned i = 0; i < h.program_header_count; i++) {
        struct elf_segment s;
        memcpy(&s, temp_map(file.base + h.program_headers + i * sizeof s, sizeof s), sizeof s);
        if (s.type != PT_LOAD || !s.memory_size)
            continue;
        if (s.flags & PF_X)
            load_segment(p, image->text, TEXT_BASE, file, &s);
        else
            data_end = load_segment(p, image->data, DATA_BASE, file, &s);
    }
    for (uint64_t page = data_end; page < data_end + HEAP_PAGES; page++)
        adopt(image->data, page, phys_of(new_page(p)), 1);
    for (uint64_t page = SMALL_PAGES - STACK_PAGES; page < SMALL_PAGES; page++)
        adopt(image->data, page, phys_of(new_page(p)), 1);
    image->heap_end = DATA_BASE + (data_end + HEAP_PAGES) * PAGE_SIZE;
}

static void give_ram(struct process *p, const struct boot_info *boot)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < boot->free.count && n < ROOT_RAM_REGIONS_MAX; i++) {
        struct range r = boot->free.range[i];
        if (r.size < PAGE_SIZE)
            continue;
        // Slots and frames have the same offset within 2 MiB, so that large pages stay large.
        uint64_t lead = r.base % PAGE_2M / PAGE_SIZE, pages = r.size / PAGE_SIZE;
        struct memory *m = new_memory(p, lead + pages > SMALL_PAGES ? lead + pages : SMALL_PAGES + 1);
        adopt(m, lead, r.base, pages);
        cap_put(p, ROOT_SLOT_RAM + n, &m->object, RIGHT_ALL, 0);
        root_info.ram_first[n] = lead;
        root_info.ram_pages[n++] = pages;
    }
    root_info.ram_regions = n;
}

static void give_archive(struct process *p, struct range archive)
{
    uint64_t first = archive.base & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t pages = (archive.base + archive.size - first + PAGE_SIZE - 1) / PAGE_SIZE;
    struct memory *m = new_memory(p, pages > SMALL_PAGES ? pages : SMALL_PAGES + 1);
    adopt(m, 0, first, pages);
    cap_put(p, ROOT_SLOT_ARCHIVE, &m->object, RIGHT_ALL, 0);
    root_info.archive_bytes = archive.size;
    root_info.archive_offset = archive.base - first;
}

void root_start(const struct boot_info *boot, uint64_t boot_tsc)
{
    struct image image;
    root_info.boot_tsc = boot_tsc;
    const struct object *system = object_new(OBJECT_SYSTEM, sizeof *system, NULL);
    kassert(system);
    root_account = make(OBJECT_ACCOUNT, NULL, &(struct request){.a = {[2] = WEIGHT_USUAL}});
    struct process *p = make(OBJECT_PROCESS, NULL,
                             &(struct request){.a = {[2] = kmem_free_pages() * PAGE_SIZE, [3] = ROOT_SLOTS}});
    load_image(p, archive_find(boot->archive, "init"), &image);
    if (memory_map(&p->aspace, TEXT_BASE, image.text, RIGHT_READ | RIGHT_EXECUTE) != STATUS_OK ||
        memory_map(&p->aspace, DATA_BASE, image.data, RIGHT_READ | RIGHT_WRITE) != STATUS_OK)
        panic("too little memory for the root task");
    struct thread *t = make(
        OBJECT_THREAD, p,
        &(struct request){
            .object = {[2] = p},
            .a = {[3] = CREATE_EXEC(0, ROOT_PRIORITY, 0), [4] = image.entry, [5] = DATA_BASE + PAGE_2M}});
    cap_put(p, ROOT_SLOT_SYSTEM, system, RIGHT_ALL, 0);
    cap_put(p, ROOT_SLOT_PROCESS, &p->object, RIGHT_ALL, 0);
    cap_put(p, ROOT_SLOT_THREAD, &t->exec.object, RIGHT_ALL, 0);
    cap_put(p, ROOT_SLOT_ACCOUNT, &root_account->object, RIGHT_ALL, 0);
    cap_put(p, ROOT_SLOT_IMAGE_TEXT, &image.text->object, RIGHT_ALL, 0);
    cap_put(p, ROOT_SLOT_IMAGE_DATA, &image.data->object, RIGHT_ALL, 0);
    give_archive(p, boot->archive);
    give_ram(p, boot);
    t->frame.rsi = image.heap_end;
    t->exec.suspended = false;
    sched_ready(&t->exec, false, false);
}
