// ACPI machine language, written front to back
// SPDX-License-Identifier: MIT
//
// [ACPI] 6.3, 20.2 "AML grammar definition", 6.4 "Resource data types for ACPI".
#include "servers/vmm/acpi/aml.h"

#include <string.h>

enum opcode {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_EXTENDED = 0x5b,
    OP_EXTENDED_DEVICE = 0x82,
    OP_ARG0 = 0x68,
    OP_STORE = 0x70,
    OP_IF = 0xa0,
    OP_RETURN = 0xa4,
};

enum descriptor {
    RESOURCE_IRQ = 0x22,
    RESOURCE_IO = 0x47,
    RESOURCE_END = 0x79,
    RESOURCE_WINDOW32 = 0x87,
    RESOURCE_WINDOW16 = 0x88,
    RESOURCE_WINDOW64 = 0x8a,
};

enum { IO_DECODES_16_BITS = 1, WINDOW_FIXED = 0x0c, MEMORY_WRITABLE = 1, IO_ENTIRE_RANGE = 3 };

static void integer_bytes(struct aml *aml, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++, value >>= 8) {
        if (aml->used < aml->size)
            aml->bytes[aml->used] = (uint8_t)value;
        aml->used++;
    }
}

void aml_byte(struct aml *aml, unsigned value)
{
    integer_bytes(aml, value, 1);
}

void aml_word(struct aml *aml, unsigned value)
{
    integer_bytes(aml, value, 2);
}

void aml_segment(struct aml *aml, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < 4; i++)
        aml_byte(aml, i < length ? (uint8_t)name[i] : '_');
}

void aml_integer(struct aml *aml, uint64_t value)
{
    static const struct {
        uint64_t below;
        uint8_t opcode, bytes;
    } forms[] = {{1, OP_ZERO, 0},
                 {2, OP_ONE, 0},
                 {1 << 8, OP_BYTE, 1},
                 {1 << 16, OP_WORD, 2},
                 {UINT64_C(1) << 32, OP_DWORD, 4},
                 {UINT64_MAX, OP_QWORD, 8}};
    unsigned i = 0;
    while (value >= forms[i].below && forms[i].opcode != OP_QWORD)
        i++;
    aml_byte(aml, forms[i].opcode);
    integer_bytes(aml, value, forms[i].bytes);
}

void aml_string(struct aml *aml, const char *text)
{
    aml_byte(aml, OP_STRING);
    for (size_t i = 0; i <= strlen(text); i++)
        aml_byte(aml, (uint8_t)text[i]);
}

static uint32_t hex_digit(char c)
{
    return (uint32_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

// Three letters of five bits, four hexadecimal digits, most significant byte first.
void aml_eisa_id(struct aml *aml, const char *id)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 3; i++)
        value = value << 5 | (uint32_t)(id[i] - '@');
    for (unsigned i = 3; i < 7; i++)
        value = value << 4 | hex_digit(id[i]);
    aml_integer(aml, __builtin_bswap32(value));
}

void aml_name(struct aml *aml, const char *name)
{
    aml_byte(aml, OP_NAME);
    aml_segment(aml, name);
}

void aml_name_integer(struct aml *aml, const char *name, uint64_t value)
{
    aml_name(aml, name);
    aml_integer(aml, value);
}

static void open(struct aml *aml)
{
    aml->open[aml->depth++] = aml->used;
}

// PkgLength counts itself: one byte up to 63, else a nibble and one to three bytes.
static unsigned length_bytes(size_t body)
{
    unsigned bytes = 1;
    while (bytes + body >= (bytes == 1 ? 64U : 16U << 8 * (bytes - 1)))
        bytes++;
    return bytes;
}

static void insert(struct aml *aml, size_t at, unsigned bytes)
{
    if (aml->used + bytes <= aml->size)
        memmove(aml->bytes + at + bytes, aml->bytes + at, aml->used - at);
    aml->used += bytes;
}

static void overwrite(struct aml *aml, size_t at, uint64_t value, unsigned bytes)
{
    size_t end = aml->used;
    aml->used = at;
    integer_bytes(aml, value, bytes);
    aml->used = end;
}

void aml_close(struct aml *aml)
{
    size_t start = aml->open[--aml->depth];
    unsigned bytes = length_bytes(aml->used - start);
    insert(aml, start, bytes);
    size_t length = aml->used - start;
    if (bytes == 1)
        overwrite(aml, start, length, 1);
    else
        overwrite(aml, start, (bytes - 1) << 6 | (length & 15) | length >> 4 << 8, bytes);
}

void aml_open_scope(struct aml *aml, const char *name)
{
    aml_byte(aml, OP_SCOPE);
    open(aml);
    aml_segment(aml, name);
}

void aml_open_device(struct aml *aml, const char *name)
{
    aml_byte(aml, OP_EXTENDED);
    aml_byte(aml, OP_EXTENDED_DEVICE);
    open(aml);
    aml_segment(aml, name);
}

void aml_open_method(struct aml *aml, const char *name, unsigned arguments)
{
    aml_byte(aml, OP_METHOD);
    open(aml);
    aml_segment(aml, name);
    aml_byte(aml, arguments);
}

void aml_open_package(struct aml *aml, unsigned elements)
{
    aml_byte(aml, OP_PACKAGE);
    open(aml);
    aml_byte(aml, elements);
}

void aml_open_if(struct aml *aml, const char *predicate)
{
    aml_byte(aml, OP_IF);
    open(aml);
    aml_segment(aml, predicate);
}

void aml_store_argument(struct aml *aml, const char *target)
{
    aml_byte(aml, OP_STORE);
    aml_byte(aml, OP_ARG0);
    aml_segment(aml, target);
}

void aml_return(struct aml *aml, const char *name)
{
    aml_byte(aml, OP_RETURN);
    aml_segment(aml, name);
}

void aml_open_resources(struct aml *aml, const char *name)
{
    aml_name(aml, name);
    aml_byte(aml, OP_BUFFER);
    open(aml);
}

// A buffer states its size twice: in its package length, and as an integer in front of the bytes.
void aml_close_resources(struct aml *aml)
{
    aml_byte(aml, RESOURCE_END);
    aml_byte(aml, 0); // no checksum
    size_t start = aml->open[aml->depth - 1], size = aml->used - start;
    unsigned width = size < 256 ? 1 : 2;
    insert(aml, start, 1 + width);
    overwrite(aml, start, (width == 1 ? OP_BYTE : OP_WORD) | size << 8, 1 + width);
    aml_close(aml);
}

void aml_io(struct aml *aml, unsigned port, unsigned ports)
{
    aml_byte(aml, RESOURCE_IO);
    aml_byte(aml, IO_DECODES_16_BITS);
    aml_word(aml, port);
    aml_word(aml, port);
    aml_byte(aml, 1);
    aml_byte(aml, ports);
}

void aml_irq(struct aml *aml, unsigned irq)
{
    aml_byte(aml, RESOURCE_IRQ);
    aml_word(aml, 1U << irq);
}

// The three forms differ in the width of their five numbers only: granularity, first, last, translation,
// length.
static void window(struct aml *aml, unsigned descriptor, unsigned width, enum aml_window kind, uint64_t first,
                   uint64_t last)
{
    static const uint8_t flags[] = {
        [AML_MEMORY] = MEMORY_WRITABLE, [AML_IO] = IO_ENTIRE_RANGE, [AML_BUS] = 0};
    aml_byte(aml, descriptor);
    aml_word(aml, 3 + 5 * width);
    aml_byte(aml, kind);
    aml_byte(aml, WINDOW_FIXED);
    aml_byte(aml, flags[kind]);
    integer_bytes(aml, 0, width);
    integer_bytes(aml, first, width);
    integer_bytes(aml, last, width);
    integer_bytes(aml, 0, width);
    integer_bytes(aml, last - first + 1, width);
}

void aml_window16(struct aml *aml, enum aml_window kind, unsigned first, unsigned last)
{
    window(aml, RESOURCE_WINDOW16, 2, kind, first, last);
}

void aml_window32(struct aml *aml, enum aml_window kind, uint32_t first, uint32_t last)
{
    window(aml, RESOURCE_WINDOW32, 4, kind, first, last);
}

void aml_window64(struct aml *aml, enum aml_window kind, uint64_t first, uint64_t last)
{
    window(aml, RESOURCE_WINDOW64, 8, kind, first, last);
}
