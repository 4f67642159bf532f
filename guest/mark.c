// mark: time-stamp counter readings from inside a guest
// SPDX-License-Identifier: MIT
//
// Without arguments it prints the counter: the guest's ready line carries it. `mark WORK COUNT` repeats one
// piece of work and prints the least and the median distance of two RDTSCs around it; under QEMU's icount
// these are instructions. The work is what makes a guest exit and may be done by a user program. `sleep`
// keeps Linux's default timer slack of 50 us, so the processor surely halts; the slack cancels against the
// bare machine's figure.

#include <cpuid.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>

static uint64_t samples[1 << 16];

static uint64_t tsc(void)
{
    return __builtin_ia32_rdtsc();
}

static void nothing(void)
{
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1}, NULL);
}

static void cpuid(void)
{
    unsigned eax, ebx, ecx, edx;
    __cpuid(0, eax, ebx, ecx, edx);
}

static void read_port(void)
{
    inb(0x61); // NMI status and speaker control: every PC has it, reading changes nothing
}

static const struct work {
    const char *name;
    void (*step)(void);
} works[] = {{"nothing", nothing}, {"sleep", nap}, {"cpuid", cpuid}, {"port", read_port}};

static const struct work *find_work(const char *name)
{
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
        if (!strcmp(works[i].name, name))
            return &works[i];
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void measure(const struct work *work, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t start = tsc();
        work->step();
        samples[i] = tsc() - start;
    }
    qsort(samples, count, sizeof(samples[0]), ascending);
    printf("mark %s: count=%zu min=%llu median=%llu\n", work->name, count, (unsigned long long)samples[0],
           (unsigned long long)samples[count / 2]);
}

int main(int argc, char **argv)
{
    const size_t limit = sizeof(samples) / sizeof(samples[0]);
    const struct work *work = argc == 3 ? find_work(argv[1]) : NULL;
    const unsigned long count = work ? strtoul(argv[2], NULL, 10) : 0;

    if (argc == 1) {
        printf("%llu\n", (unsigned long long)tsc());
        return 0;
    }
    if (count == 0 || count > limit) {
        fprintf(stderr, "usage: mark [nothing|sleep|cpuid|port COUNT], COUNT from 1 to %zu\n", limit);
        return 2;
    }
    if (work->step == read_port && ioperm(0x61, 1, 1)) {
        perror("mark: ioperm");
        return 1;
    }
    measure(work, count);
    return 0;
}
