// Kernel files of all formats: nothing is read outside of them, nothing written outside of guest memory
// SPDX-License-Identifier: MIT
//
// What a format accepts must have its entry in RAM; and what it refuses must leave RAM alone, but for the
// tables of the first MiB.
//
// LINK: servers/vmm/boot_elf.c servers/vmm/boot_linux.c servers/vmm/boot_place.c servers/vmm/boot_state.c
// LINK: servers/vmm/boot_pvh.c servers/vmm/boot_multiboot.c servers/vmm/boot_firmware.c
#include <stdlib.h>
#include <string.h>

#include "libipc/log.h"
#include "servers/vmm/boot.h"
#include "servers/vmm/vm.h"

enum { RAM_BYTES = 17 << 16, INITRD_BYTES = 8192 };

struct vm vm;
static uint8_t ram[RAM_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void *memory_at(uint64_t gpa, uint64_t bytes)
{
    return gpa < RAM_BYTES && bytes <= RAM_BYTES - gpa ? ram + gpa : NULL;
}

// Refused, so that all that is loaded is written here.
bool memory_share(uint64_t image, uint64_t first, uint64_t page, uint64_t pages)
{
    (void)image, (void)first;
    if (!pages || !memory_at(page * 4096, pages * 4096))
        abort();
    return false;
}

void memory_e820(void (*add)(void *ctx, uint64_t base, uint64_t bytes, uint32_t type), void *ctx)
{
    add(ctx, 0, 0x9f000, 1);
    add(ctx, BOOT_KERNEL, RAM_BYTES - BOOT_KERNEL, 1);
}

void io_firmware_write(uint16_t port, uint8_t value)
{
    (void)port, (void)value;
}

static void check(const char *wrong, const struct vcpu_state *state)
{
    if (!wrong && !memory_at(state->rip, 1))
        abort();
    for (size_t i = BOOT_KERNEL; wrong && i < RAM_BYTES - INITRD_BYTES - 4096; i++)
        if (ram[i] != 0 && !strstr(wrong, "initrd"))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct boot_format *const formats[] = {&boot_linux, &boot_pvh, &boot_multiboot};
    static const uint8_t disk[INITRD_BYTES];
    struct boot_image kernel = {data, size, 0, 0}, initrd = {disk, size & 1 ? sizeof disk : 0, 1, 0};
    memset(ram + BOOT_KERNEL, 0, RAM_BYTES - BOOT_KERNEL);
    for (unsigned i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct vcpu_state state;
        boot_reset_state(&state);
        if (!formats[i]->recognise(&kernel))
            continue;
        check(formats[i]->load(&kernel, &initrd, &state), &state);
        break;
    }
    return 0;
}
