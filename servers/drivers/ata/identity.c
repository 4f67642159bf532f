// What an ATA device says of itself: [ATA] 1, IDENTIFY DEVICE.
// SPDX-License-Identifier: MIT
#include "servers/drivers/ata/identity.h"

#include <stddef.h>

enum {
    GENERAL = 0,
    MODEL = 27,
    MULTIPLE = 47,
    CAPABILITIES = 49,
    SECTORS_28 = 60,
    COMMANDS_SUPPORTED = 83,
    COMMANDS_ENABLED = 85,
    SECTORS_48 = 100,
    SECTOR_SIZE = 106,
    SECTOR_WORDS = 117
};
enum { GENERAL_ATAPI = 1 << 15 };
enum { CAPABILITY_LBA = 1 << 9 };
enum { SUPPORTS_LBA48 = 1 << 10, SUPPORTS_FLUSH = 1 << 12, SUPPORTS_FLUSH_EXT = 1 << 13 };
enum { ENABLED_WRITE_CACHE = 1 << 5 };
enum { LARGE_SECTORS = 1 << 12, SECTOR_WORDS_EXPECTED = 256 };

// Some words count only with these two bits.
static bool is_valid(uint16_t word)
{
    return (word & 0xc000) == 0x4000;
}

// Two characters a word, the first in its high byte, filled up with spaces.
static void copy_model(const uint16_t *words, char *to)
{
    unsigned end = 0;
    for (unsigned i = 0; i < ATA_MODEL_MAX; i++) {
        char c = (char)(words[MODEL + i / 2] >> (i & 1 ? 0 : 8));
        to[i] = c >= ' ' && c <= '~' ? c : '?';
        end = to[i] == ' ' ? end : i + 1;
    }
    to[end] = '\0';
}

const char *ata_identify(const uint16_t *words, struct ata_identity *to)
{
    uint16_t commands = is_valid(words[COMMANDS_SUPPORTED]) ? words[COMMANDS_SUPPORTED] : 0;
    *to = (struct ata_identity){.lba48 = commands & SUPPORTS_LBA48,
                                .flush = commands & SUPPORTS_FLUSH,
                                .flush_ext = commands & SUPPORTS_FLUSH_EXT,
                                .multiple = words[MULTIPLE] & 0xff};
    copy_model(words, to->model);
    to->cached = (to->flush || to->flush_ext) && (!commands || words[COMMANDS_ENABLED] & ENABLED_WRITE_CACHE);
    if (words[GENERAL] & GENERAL_ATAPI)
        return "no disk";
    if (!(words[CAPABILITIES] & CAPABILITY_LBA))
        return "a disk without logical block addresses";
    if (is_valid(words[SECTOR_SIZE]) && words[SECTOR_SIZE] & LARGE_SECTORS &&
        (words[SECTOR_WORDS] | (uint32_t)words[SECTOR_WORDS + 1] << 16) != SECTOR_WORDS_EXPECTED)
        return "a disk whose sectors have not 512 bytes";
    to->sectors = words[SECTORS_28] | (uint32_t)words[SECTORS_28 + 1] << 16;
    if (to->lba48) {
        to->sectors = 0;
        for (unsigned i = 4; i-- > 0;)
            to->sectors = to->sectors << 16 | words[SECTORS_48 + i];
        to->sectors &= (UINT64_C(1) << 48) - 1;
    }
    return to->sectors ? NULL : "a disk without sectors";
}
