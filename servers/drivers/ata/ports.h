// Ports and time of the ATA driver; tests put a model there.
// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

uint8_t ata_in(uint16_t port);
void ata_out(uint16_t port, uint8_t value);
void ata_in_words(uint16_t port, void *to, size_t words);
void ata_out_words(uint16_t port, const void *from, size_t words);

// Ticks.
uint64_t ata_now(void);
uint64_t ata_after(uint64_t ns); // the time that is so far from now
void ata_sleep(uint64_t until);  // while interrupts and clients may come
