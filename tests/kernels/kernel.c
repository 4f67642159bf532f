// A tiny kernel of any format: says what it was told, and whether its images are as they were packed.
// SPDX-License-Identifier: MIT
//
// With "keep" in its command line it goes off then, with its images as they came. Otherwise it writes all
// over them and resets the machine: they must be as packed once more. A byte of CMOS tells the second time.
#include <stddef.h>

#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

enum { WORDS = 64 << 10, PAGE = 4096, CMOS_TIMES = 0x50, OFTEN = 50 };

// A part of the image that nobody but its file fills.
extern volatile uint32_t image[WORDS];

static const char *image_is(void)
{
    for (uint32_t i = 0; i < WORDS; i++)
        if (image[i] != (0x5eed0000 ^ i))
            return "damaged\n";
    return "as packed\n";
}

static void say_initrd(const struct told *t)
{
    char line[32] = "none";
    for (size_t i = 0; i < t->initrd_bytes && i + 1 < sizeof line && t->initrd[i] != '\n'; i++)
        line[i + 1] = 0, line[i] = t->initrd[i];
    say("initrd: ");
    say(line);
    say("\n");
}

static int has_word(const char *text, const char *word)
{
    for (; *text; text++) {
        size_t i = 0;
        while (word[i] && text[i] == word[i])
            i++;
        if (!word[i])
            return 1;
    }
    return 0;
}

// The last write of each page first, so that order does not help.
static void spoil(const struct told *t)
{
    for (uint32_t i = WORDS; i; i -= PAGE / 4)
        image[i - 1] = 0;
    for (size_t i = 0; i < t->initrd_bytes; i++)
        t->initrd[i] = '!';
}

_Noreturn void kernel_main(uintptr_t info)
{
    struct told t = {0};
    say(told_by(info, &t));
    say(t.cmdline);
    say("\n");
    say_initrd(&t);
    say("image: ");
    say(image_is());
    uint8_t times = cmos_read(CMOS_TIMES);
    if (has_word(t.cmdline, "keep") || times == (has_word(t.cmdline, "often") ? OFTEN : 1))
        machine_off();
    cmos_write(CMOS_TIMES, times + 1);
    spoil(&t);
    say("again\n");
    machine_reset();
}
