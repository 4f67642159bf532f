// The ATA driver on a modelled channel: drives of all kinds, both commands sets, errors, hangs, deaths
// SPDX-License-Identifier: MIT
// LINK: servers/drivers/ata/channel.c servers/drivers/ata/detect.c servers/drivers/ata/identity.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "libipc/log.h"
#include "libipc/time.h"
#include "servers/drivers/ata/channel.h"
#include "tests/unit/ata_model.h"

enum log_level log_level = LOG_DEBUG;
static char said[2048]; // all lines, a newline behind each

void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    size_t at = strlen(said);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said + at, sizeof said - at, format, arguments);
    va_end(arguments);
    strncat(said, "\n", sizeof said - strlen(said) - 1);
}

static struct ata_channel channel;
static _Alignas(4096) uint8_t data[BLOCK_PAGES * BLOCK_PAGE];

static void detect(void)
{
    channel = (struct ata_channel){.name = "ata0", .ports = MODEL_PORTS, .control = MODEL_CONTROL};
    *said = '\0';
    ata_detect(&channel, false);
}

static enum block_status run(uint32_t drive, struct block_job job)
{
    uint32_t tag;
    enum block_status status;
    job.data = data;
    assert_true(ata_submit(&channel, drive, 5, &job));
    assert_false(ata_submit(&channel, drive, 6, &job));
    while (!ata_poll(&channel, &tag, &status)) {
        assert_int_not_equal(ata_deadline(&channel), DEADLINE_NONE);
        ata_sleep(ata_deadline(&channel));
    }
    assert_int_equal(tag, 5);
    assert_int_equal(ata_deadline(&channel), DEADLINE_NONE);
    return status;
}

static void fill(uint8_t what)
{
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(what + i / 512 + i);
}

static void expect_filled(const uint8_t *at, uint8_t what, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(at[i], (uint8_t)(what + i / 512 + i));
}

static void kinds_of_drives(void **state)
{
    (void)state;
    model_init(MODEL_DISK, MODEL_ATAPI, 16);
    detect();
    assert_string_equal(said, "ata0 master: MODEL0, 4294967896 sectors (LBA48), 16 at once, write cache\n"
                              "ata0 slave: an ATAPI device, not used\n");
    assert_true(channel.drives[0].present && !channel.drives[1].present);
    model_init(MODEL_NONE, MODEL_DISK, 1);
    detect();
    assert_string_equal(said, "ata0 master: no drive\n"
                              "ata0 slave: MODEL1, 4294967896 sectors (LBA48), 1 at once, write cache\n");
    model_init(MODEL_NONE, MODEL_NONE, 1);
    model.floating = true;
    detect();
    assert_string_equal(said, "ata0: no drives\n");
    model_init(MODEL_DISK, MODEL_NONE, 16);
    model.never_back = true;
    detect();
    assert_string_equal(said, "ata0: no drives\n");
    assert_true(model.now > 31 * NS_PER_S);
    model_init(MODEL_DISK, MODEL_NONE, 16);
    model.hangs = 1;
    detect();
    assert_non_null(strstr(said, "ata0 master: does not identify itself, not used\n"));
}

static void identities(void **state)
{
    (void)state;
    struct ata_identity id;
    model_init(MODEL_DISK, MODEL_NONE, 255);
    uint16_t *w = model.drive[0].identity;
    assert_null(ata_identify(w, &id));
    assert_int_equal(id.sectors, (UINT64_C(1) << 32) + MODEL_SECTORS);
    assert_true(id.lba48 && id.flush && id.flush_ext && id.cached && id.multiple == 255);
    w[85] = 0;
    assert_null(ata_identify(w, &id));
    assert_false(id.cached);
    w[83] = 0xffff; // not valid
    assert_null(ata_identify(w, &id));
    assert_true(id.sectors == MODEL_SECTORS && !id.lba48 && !id.flush && !id.cached);
    w[106] = 0x5000;
    w[117] = 2048;
    assert_string_equal(ata_identify(w, &id), "a disk whose sectors have not 512 bytes");
    w[117] = 256;
    assert_null(ata_identify(w, &id));
    w[60] = 0;
    assert_string_equal(ata_identify(w, &id), "a disk without sectors");
    w[49] = 0;
    assert_string_equal(ata_identify(w, &id), "a disk without logical block addresses");
    w[0] = 0x8000;
    assert_string_equal(ata_identify(w, &id), "no disk");
}

// All sizes, by single sectors and by blocks, on both drives, below and beyond 2^28.
static void transfers(void **state)
{
    (void)state;
    static const uint32_t multiples[] = {0, 1, 2, 12, 16};
    static const uint32_t sizes[] = {1, 7, 8, 16, 17, 255, 256};
    for (size_t m = 0; m < sizeof multiples / sizeof *multiples; m++) {
        model_init(MODEL_DISK, MODEL_DISK, multiples[m]);
        detect();
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            uint32_t drive = i & 1, bytes = sizes[i] * 512;
            uint64_t sector = i % 3 == 0 ? UINT64_C(0x100000000) : i % 3 == 1 ? 11 : 0xfffff00;
            uint32_t ext = model.ext;
            struct block_job job = {.op = BLOCK_WRITE, .sector = sector, .sectors = sizes[i]};
            if (sector % MODEL_SECTORS + sizes[i] > MODEL_SECTORS)
                continue;
            fill((uint8_t)i);
            assert_int_equal(run(drive, job), BLOCK_OK);
            expect_filled(model.drive[drive].data + sector % MODEL_SECTORS * 512, (uint8_t)i, bytes);
            memset(data, 0xaa, sizeof data);
            job.op = BLOCK_READ;
            assert_int_equal(run(drive, job), BLOCK_OK);
            expect_filled(data, (uint8_t)i, bytes);
            assert_true(bytes == sizeof data || data[bytes] == 0xaa);
            assert_int_equal(model.ext - ext, sector + sizes[i] > 0x10000000 ? 2 : 0);
        }
        assert_int_equal(run(0, (struct block_job){.op = BLOCK_FLUSH}), BLOCK_OK);
        assert_int_equal(model.flushes, 1);
        assert_int_equal(model.resets, 1);
    }
}

static void errors(void **state)
{
    (void)state;
    model_init(MODEL_DISK, MODEL_NONE, 2);
    detect();
    *said = '\0';
    model.bad = 105;
    assert_int_equal(run(0, (struct block_job){.op = BLOCK_READ, .sector = 100, .sectors = 8}), BLOCK_ERROR);
    assert_string_equal(said,
                        "ata0 master: command c4 at sector 104: status 41, error 40, uncorrectable data\n");
    *said = '\0';
    assert_int_equal(run(0, (struct block_job){.op = BLOCK_WRITE, .sector = 105, .sectors = 1}), BLOCK_ERROR);
    assert_string_equal(said,
                        "ata0 master: command c5 at sector 106: status 41, error 10, sector not found\n");
    assert_int_equal(run(0, (struct block_job){.op = BLOCK_READ, .sector = 106, .sectors = 8}), BLOCK_OK);
    assert_int_equal(model.resets, 1);
}

static void hangs(void **state)
{
    (void)state;
    struct block_job job = {.op = BLOCK_READ, .sector = 9, .sectors = 8};
    model_init(MODEL_DISK, MODEL_DISK, 16);
    detect();
    *said = '\0';
    model.hangs = 1;
    assert_int_equal(run(0, job), BLOCK_OK); // the second time
    assert_string_equal(
        said, "ata0 master: command c4 at sector 9: no end after 0 of 8 sectors, status 80: reset\n");
    assert_int_equal(channel.drives[1].multiple, 16); // which a reset undoes
    assert_int_equal(model.resets, 2);
    model.hangs = 2;
    assert_int_equal(run(0, job), BLOCK_ERROR);
    assert_int_equal(run(0, job), BLOCK_OK);
    *said = '\0';
    model.hangs = 1;
    model.never_back = true;
    assert_int_equal(run(0, job), BLOCK_ERROR);
    assert_non_null(strstr(said, "ata0 master: does not come back from a reset, not used any more\n"));
    assert_int_equal(run(1, job), BLOCK_ERROR);
    uint64_t accesses = model.accesses;
    assert_int_equal(run(0, job), BLOCK_ERROR);
    assert_int_equal(model.accesses, accesses);
}

// Killed in front of any access; the next incarnation writes it again.
static void deaths(void **state)
{
    (void)state;
    static uint64_t cut;
    for (cut = 1;; cut++) {
        struct block_job job = {.op = BLOCK_WRITE, .sector = 33, .sectors = 20};
        model_init(MODEL_DISK, MODEL_ATAPI, 8);
        fill(3);
        model.cut = cut;
        bool died = setjmp(model.out);
        detect();
        assert_true(channel.drives[0].present);
        assert_int_equal(run(0, job), BLOCK_OK);
        expect_filled(model.drive[0].data + 33 * 512, 3, 20 * 512);
        assert_int_equal(model.drive[0].data[32 * 512], 0);
        assert_int_equal(model.drive[0].data[53 * 512], 0);
        if (!died)
            break;
    }
    assert_true(cut > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_drives), cmocka_unit_test(identities), cmocka_unit_test(transfers),
        cmocka_unit_test(errors),          cmocka_unit_test(hangs),      cmocka_unit_test(deaths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
