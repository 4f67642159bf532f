// Random numbers of the processor.
// SPDX-License-Identifier: MIT
#include "servers/rng/processor.h"

#include "libipc/log.h"

enum { FILL_MOST = 4096, RDRAND_TRIES = 10, CPUID_FEATURES = 1, ECX_RDRAND = 1 << 30 };

bool processor_has_random(void)
{
    uint32_t a = CPUID_FEATURES, b, c = 0, d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return c & ECX_RDRAND;
}

// The manual's advice: after ten tries in a row something is wrong with the hardware.
static uint64_t random_word(void)
{
    uint64_t word;
    for (unsigned i = 0; i < RDRAND_TRIES; i++) {
        bool good;
        asm volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
        if (good)
            return word;
    }
    die("the processor has no random numbers any more");
}

uint32_t processor_fill(struct virtq_stream *buffer)
{
    uint32_t filled = 0;
    while (buffer->bytes && filled < FILL_MOST) {
        uint64_t word = random_word();
        filled += (uint32_t)virtq_stream_put(buffer, &word, sizeof word);
    }
    return filled;
}
