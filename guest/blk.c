// blk: what a block device costs, and whether it keeps what it was given
// SPDX-License-Identifier: MIT
//
// `blk WORK DEVICE COUNT` does COUNT operations of 4 KiB at pseudo-random places, the same in each run, past
// the page cache, and prints the mean, least and median distance of two RDTSCs around one; under QEMU's
// icount these are instructions. read, write, flush: one at a time; flush is fdatasync. read16, write16:
// sixteen under way by Linux AIO, as many submitted again as came back; their mean is of all.
//
// `blk stamp DEVICE COUNT SEED` writes blocks that say what and where they are, flushing now and then, and
// `blk verify DEVICE COUNT SEED` says whether all are there.

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BLOCK = 4096, DEPTH = 16, SAMPLES = 1 << 16, FLUSH_EVERY = 64 };

static const char *device;
static int fd;
static uint64_t blocks;
static uint64_t samples[SAMPLES];
static char buffer[DEPTH][BLOCK] __attribute__((aligned(BLOCK)));

static uint64_t tsc(void)
{
    return __builtin_ia32_rdtsc();
}

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "blk: %s: %s: %s\n", device, what, strerror(errno));
    exit(1);
}

static off_t place(void)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (off_t)(state % blocks * BLOCK);
}

static void read_one(off_t at)
{
    if (pread(fd, buffer[0], BLOCK, at) != BLOCK)
        fail("read");
}

static void write_one(off_t at)
{
    if (pwrite(fd, buffer[0], BLOCK, at) != BLOCK)
        fail("write");
}

static void flush(off_t at)
{
    (void)at;
    if (fdatasync(fd))
        fail("flush");
}

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void one_at_a_time(const char *name, void (*step)(off_t), size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const off_t at = place();
        const uint64_t start = tsc();
        step(at);
        sum += samples[i] = tsc() - start;
    }
    qsort(samples, count, sizeof(samples[0]), ascending);
    printf("blk %s: count=%zu mean=%llu min=%llu median=%llu\n", name, count,
           (unsigned long long)(sum / count), (unsigned long long)samples[0],
           (unsigned long long)samples[count / 2]);
}

// Linux has no wrapper for these in a C library.
static void submit(aio_context_t context, struct iocb **requests, long count)
{
    for (long done = 0; done < count;) {
        const long n = syscall(SYS_io_submit, context, count - done, requests + done);
        if (n <= 0)
            fail("io_submit");
        done += n;
    }
}

static void sixteen_at_a_time(const char *name, int op, size_t count)
{
    struct iocb request[DEPTH], *again[DEPTH];
    struct io_event done[DEPTH];
    aio_context_t context = 0;
    size_t started = 0, ended = 0;
    if (syscall(SYS_io_setup, DEPTH, &context))
        fail("io_setup");
    const uint64_t start = tsc();
    for (long ready = DEPTH; ended < count;) {
        long n = 0;
        for (long i = 0; i < ready && started < count; i++, started++) {
            struct iocb *r = started < DEPTH ? &request[started] : (struct iocb *)(uintptr_t)done[i].obj;
            *r = (struct iocb){.aio_lio_opcode = (uint16_t)op,
                               .aio_fildes = (uint32_t)fd,
                               .aio_buf = (uintptr_t)buffer[r - request],
                               .aio_nbytes = BLOCK,
                               .aio_offset = place()};
            again[n++] = r;
        }
        submit(context, again, n);
        ready = syscall(SYS_io_getevents, context, 1, DEPTH, done, NULL);
        if (ready <= 0)
            fail("io_getevents");
        for (long i = 0; i < ready; i++)
            if (done[i].res != BLOCK)
                fail(name);
        ended += (size_t)ready;
    }
    printf("blk %s: count=%zu mean=%llu\n", name, count, (unsigned long long)((tsc() - start) / count));
}

static void fill(uint64_t *block, uint64_t number, uint64_t seed)
{
    for (size_t i = 0; i < BLOCK / sizeof(*block); i++)
        block[i] = (number * 0x9e3779b97f4a7c15 + seed) ^ i << 48;
}

static void stamp(size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        fill((uint64_t *)(void *)buffer[0], i, seed);
        write_one((off_t)(i * BLOCK));
        if (i % FLUSH_EVERY == FLUSH_EVERY - 1)
            flush(0);
    }
    flush(0);
    printf("blk stamp: %zu blocks\n", count);
}

static int verify(size_t count, uint64_t seed)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        read_one((off_t)(i * BLOCK));
        fill((uint64_t *)(void *)buffer[1], i, seed);
        if (memcmp(buffer[0], buffer[1], BLOCK) == 0)
            continue;
        if (!wrong++)
            printf("blk verify: block %zu is another\n", i);
    }
    printf("blk verify: %zu blocks, %zu wrong\n", count, wrong);
    return wrong ? 1 : 0;
}

static int usage(void)
{
    fputs("usage: blk read|write|flush|read16|write16 DEVICE COUNT\n"
          "       blk stamp|verify DEVICE COUNT SEED\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    const char *work = argc > 3 ? argv[1] : "";
    const size_t count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    uint64_t bytes = 0;
    if (argc < 4 || argc > 5 || count == 0)
        return usage();
    device = argv[2];
    fd = open(device, O_RDWR | O_DIRECT);
    if (fd < 0 || ioctl(fd, (int)BLKGETSIZE64, &bytes))
        fail("open");
    blocks = bytes / BLOCK;
    if (blocks == 0 || (argc == 5 && count > blocks) || (argc == 4 && count > SAMPLES)) {
        fprintf(stderr, "blk: %s: %zu is too many\n", device, count);
        return 1;
    }
    if (argc == 5 && strcmp(work, "stamp") == 0)
        stamp(count, strtoull(argv[4], NULL, 10));
    else if (argc == 5 && strcmp(work, "verify") == 0)
        return verify(count, strtoull(argv[4], NULL, 10));
    else if (strcmp(work, "read") == 0)
        one_at_a_time(work, read_one, count);
    else if (strcmp(work, "write") == 0)
        one_at_a_time(work, write_one, count);
    else if (strcmp(work, "flush") == 0)
        one_at_a_time(work, flush, count);
    else if (strcmp(work, "read16") == 0)
        sixteen_at_a_time(work, IOCB_CMD_PREAD, count);
    else if (strcmp(work, "write16") == 0)
        sixteen_at_a_time(work, IOCB_CMD_PWRITE, count);
    else
        return usage();
    return 0;
}
