// What a PC's firmware leaves to a kernel that goes back to real mode: vectors, the 8259s, the timer.
// SPDX-License-Identifier: MIT
//
// A Multiboot kernel is started on a PC: it may take for granted that an interrupt has a handler, and that
// the timer ticks 18.2 times a second. There are no other services. The handlers lie where those of the IBM
// PC's BIOS did: a lone IRET at F000:FF53, the timer's at F000:FEA5.
#include <string.h>

#include "servers/vmm/boot.h"
#include "servers/vmm/vm.h"

enum { VECTORS = 256, VECTOR_BYTES = 4, CODE = 0xf0000, SEGMENT = 0xf000 };
enum { MASTER_FIRST = 0x08, SLAVE_FIRST = 0x70, LINES = 8 };

struct handler {
    uint16_t offset;
    uint8_t first, count; // vectors; 0: all
    uint8_t bytes;
    uint8_t code[9];
};

// PUSH AX; MOV AL, 20h; OUT 20h, AL; POP AX; IRET: the end of the interrupt, to the slave first.
static const struct handler handlers[] = {
    {0xff53, 0, 0, 1, {0xcf}},
    {0xfea5, MASTER_FIRST, LINES, 7, {0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf}},
    {0xfeb0, SLAVE_FIRST, LINES, 9, {0x50, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf}},
};

// Initialization words [8259A] and masks: of all lines the timer and the cascade are open. The timer: counter
// 0, mode 2, 65536.
static const struct {
    uint16_t port;
    uint8_t value;
} writes[] = {
    {0x20, 0x11}, {0x21, MASTER_FIRST}, {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xfa},
    {0xa0, 0x11}, {0xa1, SLAVE_FIRST},  {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0xff},
    {0x43, 0x34}, {0x40, 0x00},         {0x40, 0x00},
};

static void set_vectors(const struct handler *h)
{
    uint8_t *table = memory_at(0, VECTORS * VECTOR_BYTES), *code = memory_at(CODE + h->offset, h->bytes);
    const uint16_t entry[] = {h->offset, SEGMENT};
    memcpy(code, h->code, h->bytes);
    for (unsigned i = 0; i < (h->count ? h->count : VECTORS); i++)
        memcpy(table + (h->first + i) * VECTOR_BYTES, entry, sizeof entry);
}

void boot_firmware(void)
{
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        set_vectors(&handlers[i]);
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
        io_firmware_write(writes[i].port, writes[i].value);
}
