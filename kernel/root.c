// The root task: boot archive, program image, what it is born with.
// SPDX-License-Identifier: MIT
//
// The kernel knows just enough of cpio (newc) and ELF64 to find and load one static program of two segments:
// text at 0x400000, data at 0x800000, each within 2 MiB. The image's pages come from the kernel's pool,
// because no other memory is mapped for writing; all other programs are loaded by the root task.
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

#define FIRMWARE_END (4ul << 30)

enum {
    CPIO_HEADER = 110,
    HEAP_PAGES = 320,
    STACK_PAGES = 16,
    ROOT_SLOTS = 4096,
    ROOT_PRIORITY = 40,
    PF_X = 1,
    PT_LOAD = 1
};

struct info_system root_info;

struct __attribute__((packed)) elf_header {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_size, program_header_size, program_header_count;
};

struct __attribute__((packed)) elf_segment {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, align;
};

struct file {
    const char *bytes;
    uint64_t size;
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

// The program `init` of the archive [cpio(5), "New ASCII Format"].
static struct file find_init(struct range archive)
{
    const char *bytes = boot_pointer(archive.base, archive.size);
    for (uint64_t at = 0, data, size; at + CPIO_HEADER <= archive.size; at = (data + size + 3) & ~3ul) {
        const char *h = bytes + at, *name = h + CPIO_HEADER;
        if (memcmp(h, "070701", 6) != 0)
            panic("boot archive: no cpio archive in newc format (byte %lu)", at);
        uint64_t name_size = hex8(h + 94);
        data = (at + CPIO_HEADER + name_size + 3) & ~3ul;
        size = hex8(h + 54);
        if (data + size > archive.size)
            break;
        if (name_size == sizeof "init" && memcmp(name, "init", sizeof "init") == 0)
            return (struct file){bytes + data, size};
        if (name_size == sizeof "TRAILER!!!" && memcmp(name, "TRAILER!!!", sizeof "TRAILER!!!") == 0)
            panic("boot archive: it holds no program named init");
    }
    panic("boot archive: truncated at byte %lu", archive.size);
}

static void must(enum status s)
{
    if (s != STATUS_OK)
        panic("too little memory for the root task");
}

static void *make(enum object_type type, struct process *p, const struct request *r)
{
    struct object *o;
    must(object_make(type, p, r, &o));
    return o;
}

static struct memory *new_memory(struct process *p, uint64_t pages)
{
    return make(OBJECT_MEMORY, p, &(struct request){.a = {[2] = pages}});
}

static void adopt(struct memory *m, uint64_t page, struct range frames)
{
    must(memory_adopt(m, page, frames.base, frames.size / PAGE_SIZE));
}

static struct range new_pages(struct process *p, uint64_t pages)
{
    return (struct range){phys_of(kmem_need(p, pages * PAGE_SIZE)), pages * PAGE_SIZE};
}

// A segment at the start of its window, and `more` pages behind it; returns where these end.
static uint64_t load_segment(struct process *p, struct memory *m, uint64_t base, struct file file,
                             const struct elf_segment *s, uint64_t more)
{
    uint64_t skip = s->address - base;
    if (skip >= PAGE_2M || s->memory_size > PAGE_2M - skip || s->file_size > s->memory_size ||
        s->offset > file.size || s->file_size > file.size - s->offset)
        panic("boot archive: init's segment at %lx does not fit", s->address);
    struct range frames = new_pages(p, (skip + s->memory_size + PAGE_SIZE - 1) / PAGE_SIZE + more);
    memcpy((char *)pool_pointer(frames.base) + skip, file.bytes + s->offset, s->file_size);
    adopt(m, 0, frames);
    return base + frames.size;
}

static struct thread *load_image(struct process *p, struct file file)
{
    const struct elf_header *h = (const void *)file.bytes;
    if (file.size < sizeof *h || memcmp(h->ident, "\177ELF\2\1", 6) != 0 || h->machine != 62 ||
        h->type != 2 || h->program_header_size != sizeof(struct elf_segment) ||
        h->program_headers > file.size ||
        h->program_header_count * sizeof(struct elf_segment) > file.size - h->program_headers)
        panic("boot archive: init is no static ELF64 program for x86-64");
    struct memory *text = new_memory(p, SMALL_PAGES), *data = new_memory(p, SMALL_PAGES);
    uint64_t heap_end = 0;
    for (unsigned i = 0; i < h->program_header_count; i++) {
        const struct elf_segment *s = (const struct elf_segment *)(file.bytes + h->program_headers) + i;
        if (s->type != PT_LOAD || !s->memory_size)
            continue;
        if (s->flags & PF_X)
            load_segment(p, text, TEXT_BASE, file, s, 0);
        else
            heap_end = load_segment(p, data, DATA_BASE, file, s, HEAP_PAGES);
    }
    adopt(data, SMALL_PAGES - STACK_PAGES, new_pages(p, STACK_PAGES));
    must(memory_map(&p->aspace, TEXT_BASE, text, RIGHT_READ | RIGHT_EXECUTE));
    must(memory_map(&p->aspace, DATA_BASE, data, RIGHT_READ | RIGHT_WRITE));
    cap_put(p, ROOT_SLOT_IMAGE_TEXT, &text->object, RIGHT_ALL, 0);
    cap_put(p, ROOT_SLOT_IMAGE_DATA, &data->object, RIGHT_ALL, 0);
    struct thread *t =
        make(OBJECT_THREAD, p,
             &(struct request){
                 .object = {[2] = p},
                 .a = {[3] = CREATE_EXEC(0, ROOT_PRIORITY, 0), [4] = h->entry, [5] = DATA_BASE + PAGE_2M}});
    t->frame.rsi = heap_end;
    return t;
}

// Memory as an object, with `lead` empty slots before it.
static void give(struct process *p, uint32_t slot, struct range r, uint64_t lead)
{
    uint64_t pages = lead + r.size / PAGE_SIZE;
    struct memory *m = new_memory(p, pages > SMALL_PAGES ? pages : SMALL_PAGES + 1);
    adopt(m, lead, r);
    cap_put(p, slot, &m->object, RIGHT_ALL, 0);
}

// What is not RAM: firmware's tables, devices.
static void give_firmware(struct process *p)
{
    struct memory *m = new_memory(p, FIRMWARE_END / PAGE_SIZE);
    for (struct range r = map_hole(0); r.base < FIRMWARE_END; r = map_hole(r.base + r.size)) {
        uint64_t room = FIRMWARE_END - r.base;
        adopt(m, r.base / PAGE_SIZE, (struct range){r.base, r.size < room ? r.size : room});
    }
    cap_put(p, ROOT_SLOT_FIRMWARE, &m->object, RIGHT_ALL, 0);
    root_info.acpi_root = acpi_root;
}

// Slots and frames have the same offset within 2 MiB, so that large pages stay large.
static void give_ram(struct process *p)
{
    struct info_system *i = &root_info;
    for (struct range r = map_next(0); r.size && i->ram_regions < ROOT_RAM_REGIONS_MAX;
         r = map_next(r.base + r.size)) {
        i->ram_first[i->ram_regions] = r.base % PAGE_2M / PAGE_SIZE;
        i->ram_pages[i->ram_regions] = r.size / PAGE_SIZE;
        give(p, ROOT_SLOT_RAM + i->ram_regions, r, i->ram_first[i->ram_regions]);
        i->ram_regions++;
    }
}

static void give_archive(struct process *p, struct range archive)
{
    root_info.archive_bytes = archive.size;
    root_info.archive_offset = archive.base % PAGE_SIZE;
    uint64_t bytes = root_info.archive_offset + archive.size + PAGE_SIZE - 1;
    give(p, ROOT_SLOT_ARCHIVE, (struct range){archive.base - root_info.archive_offset, bytes}, 0);
}

void root_start(const struct boot_info *boot, uint64_t boot_tsc)
{
    root_info.boot_tsc = boot_tsc;
    struct object *system = object_new(OBJECT_SYSTEM, sizeof *system, NULL);
    must(system ? STATUS_OK : STATUS_NO_QUOTA);
    root_account = make(OBJECT_ACCOUNT, NULL, &(struct request){.a = {[2] = WEIGHT_USUAL}});
    struct process *p = make(OBJECT_PROCESS, NULL,
                             &(struct request){.a = {[2] = kmem_free_pages * PAGE_SIZE, [3] = ROOT_SLOTS}});
    struct thread *t = load_image(p, find_init(boot->archive));
    cap_put(p, ROOT_SLOT_SYSTEM, system, RIGHT_ALL, 0);
    cap_put(p, ROOT_SLOT_PROCESS, &p->object, RIGHT_ALL, 0);
    cap_put(p, ROOT_SLOT_THREAD, &t->exec.object, RIGHT_ALL, 0);
    cap_put(p, ROOT_SLOT_ACCOUNT, &root_account->object, RIGHT_ALL, 0);
    give_archive(p, boot->archive);
    give_firmware(p);
    give_ram(p);
    t->exec.suspended = false;
    sched_ready(&t->exec, false);
}
