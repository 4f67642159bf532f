// newlib on our glue: start, heap, formatting, descriptors.
// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/time.h"
#include "tests/programs/common/tap.h"
#include "tests/programs/runtime/parts.h"

static int constructed;

__attribute__((constructor)) static void construct(void)
{
    constructed = 42;
}

static void start(void)
{
    CHECK(constructed == 42, "start: constructors ran before main()");
    CHECK(program_start.kind == START_FRESH, "start: the root task starts fresh");
    uint64_t back = ns_from_ticks(ticks_from_ns(NS_PER_S));
    CHECK(tsc_khz > 1000 && back <= NS_PER_S && NS_PER_S - back < 10,
          "time: ticks and nanoseconds convert there and back");
    CHECK(strcmp(status_name(STATUS_STALE), "STALE") == 0 &&
              strcmp(status_name((enum status)99), "unknown status") == 0,
          "status: codes have names");
}

static void formatting(void)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%zu %lld %#llx %-4s|%5.2s|", (size_t)-1, -5ll, 0x123456789abcdefull,
                   "ab", "xyz");
    CHECK(strcmp(text, "18446744073709551615 -5 0x123456789abcdef ab  |   xy|") == 0,
          "printf: long numbers, widths");
    volatile size_t room = 4; // not for the compiler to see through
    CHECK(snprintf(text, room, "%s", "longer") == 6 && strcmp(text, "lon") == 0,
          "snprintf: cuts, and tells the length");
}

static void heap(void)
{
    enum { BLOCKS = 200 };
    static char *blocks[BLOCKS];
    unsigned wrong = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(i * 7 + 1);
        wrong += !blocks[i] || (uintptr_t)blocks[i] % 16 != 0;
        memset(blocks[i], (int)i, i * 7 + 1);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        for (unsigned j = 0; j <= i * 7; j++)
            wrong += blocks[i][j] != (char)i;
    for (unsigned i = 0; i < BLOCKS; i++)
        free(blocks[(i * 77) % BLOCKS]);
    CHECK(wrong == 0, "malloc: aligned blocks that do not overlap");
    errno = 0;
    CHECK(!malloc((size_t)1 << 30) && errno == ENOMEM, "malloc: more than the heap has: ENOMEM");
    enum { HALF = 200000, TIMES = 10 };
    for (unsigned i = 0; i < TIMES; i++) {
        void *half = malloc(HALF);
        wrong += !half;
        free(half);
    }
    CHECK(wrong == 0, "malloc: freed memory is used again");
}

static void descriptors(void)
{
    struct stat s;
    char byte;
    CHECK(isatty(1) && fstat(2, &s) == 0 && S_ISCHR(s.st_mode), "descriptors: 1 and 2 are there");
    CHECK(read(0, &byte, 1) == 0, "read: standard input is empty");
    errno = 0;
    CHECK(write(7, "x", 1) == -1 && errno == EBADF, "write: a descriptor that is not there: EBADF");
    CHECK(printf("standard output goes to the log\n") > 0 && fflush(stdout) == 0, "printf: works");
}

void test_library(void)
{
    start();
    formatting();
    heap();
    descriptors();
}
