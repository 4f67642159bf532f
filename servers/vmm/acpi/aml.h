// ACPI machine language, written front to back
// SPDX-License-Identifier: MIT
//
// Objects that have a length are opened and closed like brackets; closing one inserts the length, in as few
// bytes as it takes. A buffer that is too small is noticed once, at the end: writes beyond it are counted and
// dropped.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AML_DEPTH = 8 };

struct aml {
    uint8_t *bytes;
    size_t size, used; // used > size: it did not fit
    size_t open[AML_DEPTH];
    unsigned depth;
};

// Names are of four characters; shorter ones are filled up with '_'.
void aml_byte(struct aml *aml, unsigned value);
void aml_word(struct aml *aml, unsigned value);
void aml_segment(struct aml *aml, const char *name);

void aml_integer(struct aml *aml, uint64_t value);
void aml_string(struct aml *aml, const char *text);
void aml_eisa_id(struct aml *aml, const char *id); // "PNP0A03"

// Name (`name`, ...): the object that follows is its value.
void aml_name(struct aml *aml, const char *name);
void aml_name_integer(struct aml *aml, const char *name, uint64_t value);

void aml_open_scope(struct aml *aml, const char *name);
void aml_open_device(struct aml *aml, const char *name);
void aml_open_method(struct aml *aml, const char *name, unsigned arguments);
void aml_open_package(struct aml *aml, unsigned elements);
void aml_open_if(struct aml *aml, const char *predicate);     // the value of a name
void aml_store_argument(struct aml *aml, const char *target); // Arg0
void aml_return(struct aml *aml, const char *name);
void aml_close(struct aml *aml);

// A resource template: a buffer of descriptors.
void aml_open_resources(struct aml *aml, const char *name);
void aml_close_resources(struct aml *aml);
void aml_io(struct aml *aml, unsigned port, unsigned ports);
void aml_irq(struct aml *aml, unsigned irq); // edge, active high, exclusive

// What a bridge passes on: `kind` is 0 memory, 1 I/O, 2 bus numbers; `last` is inclusive.
enum aml_window { AML_MEMORY, AML_IO, AML_BUS };
void aml_window16(struct aml *aml, enum aml_window kind, unsigned first, unsigned last);
void aml_window32(struct aml *aml, enum aml_window kind, uint32_t first, uint32_t last);
void aml_window64(struct aml *aml, enum aml_window kind, uint64_t first, uint64_t last);
