// The command line: words, `name` or `name=value`, separated by spaces
// SPDX-License-Identifier: MIT

#include "kernel/boot/boot.h"
#include "kernel/boot/loader.h"
#include "kernel/lib/string.h"

static const char *cmdline = "";

void boot_set_cmdline(struct boot_info *info, const char *text, size_t max)
{
    size_t length = 0;
    while (length < max && length < sizeof info->cmdline - 1 && text[length])
        length++;
    memcpy(info->cmdline, text, length);
    info->cmdline[length] = '\0';
    cmdline = info->cmdline;
}

const char *option_value(const char *name, size_t *length)
{
    size_t n = strlen(name);
    for (const char *word = cmdline; *word;) {
        if (*word == ' ') {
            word++;
            continue;
        }
        size_t size = 0;
        while (word[size] && word[size] != ' ')
            size++;
        if (size >= n && memcmp(word, name, n) == 0 && (size == n || word[n] == '=')) {
            size_t skip = size == n ? n : n + 1;
            *length = size - skip;
            return word + skip;
        }
        word += size;
    }
    return NULL;
}

bool option(const char *name)
{
    size_t length;
    return option_value(name, &length) != NULL;
}
