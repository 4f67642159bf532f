// The command line: words, separated by spaces
// SPDX-License-Identifier: MIT

#include "kernel/boot/boot.h"

static char cmdline[1024];

void boot_set_cmdline(const char *text, size_t max)
{
    for (size_t i = 0; i < max && i < sizeof cmdline - 1 && text[i]; i++)
        cmdline[i] = text[i];
}

bool option(const char *name)
{
    for (const char *word = cmdline; *word; word++) {
        const char *n = name;
        for (; *n && *word == *n; n++)
            word++;
        if (!*n && (!*word || *word == ' '))
            return true;
        while (*word && *word != ' ')
            word++;
        if (!*word)
            break;
    }
    return false;
}
