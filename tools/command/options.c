// Options of the command.
// SPDX-License-Identifier: MIT
#include "tools/command/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const machines[] = {"qemu", "bochs", "kvm", NULL};

const struct option_row option_rows[OPTIONS] = {
    [OPTION_HELP] = {"--help", "-h", .help = "says how it is used"},
    [OPTION_PROGRAMS] = {"--programs", .value = "DIR",
                         .help = "takes programs from DIR, not from `user` beside this command"},
    [OPTION_JSON] = {"--json", .help = "prints JSON"},
    [OPTION_RUN] = {"--run", .value = "NAME",
                    .help = "which machine; without it the only one, or what the configuration is called"},
    [OPTION_TIMEOUT] = {"--timeout", .value = "SECONDS", .most = 86400,
                        .help = "how long to wait for an answer (10)"},
    [OPTION_MACHINE] = {"--machine", .value = "MACHINE", .choices = machines,
                        .help = "what runs it: qemu (AMD's SVM), bochs (Intel's VMX), or kvm (QEMU on the "
                                "host's processor)"},
    [OPTION_MEMORY] = {"--memory", .value = "MIB", .most = 1 << 20, .help = "memory of the machine (2048)"},
    [OPTION_SMP] = {"--smp", .value = "N", .most = 64, .help = "processors of the machine (2; of Bochs 1)"},
    [OPTION_HEADLESS] = {"--headless", .help = "without a terminal: `bulkhead console` attaches to it"},
    [OPTION_FORCE] = {"--force", .help = "at once, without asking a guest"},
    [OPTION_DISK] = {"--disk", .value = "FILE",
                     .help = "the image of the machine's disk; without it one of the configuration's name in "
                             "`disks` beside this command"},
    [OPTION_REPLACE] = {"--replace", .help = "drops the data of partitions that are not as wanted"},
    [OPTION_FOLLOW] = {"--follow", "-f", .help = "goes on with what comes"},
    [OPTION_RESTART_EVERY] = {"--restart-every", .value = "N", .most = 1000000,
                              .help = "a test: each server of a VM dies after every N requests"},
};

const struct option_row *option_find(const char *name)
{
    for (const struct option_row *o = option_rows; o < option_rows + OPTIONS; o++)
        if (strcmp(name, o->name) == 0 || (o->letter && strcmp(name, o->letter) == 0))
            return o;
    return NULL;
}

static bool is_choice(const struct option_row *o, const char *text)
{
    for (const char *const *c = o->choices; *c; c++)
        if (strcmp(*c, text) == 0)
            return true;
    return false;
}

static bool read_number(const char *text, uint64_t most, uint64_t *number)
{
    if (!*text || text[strspn(text, "0123456789")] || strlen(text) > 18)
        return false;
    *number = strtoull(text, NULL, 10);
    return *number >= 1 && *number <= most;
}

static bool wrong(struct command_line *line, const char *name, const char *problem)
{
    snprintf(line->error, sizeof line->error, "%.40s %.110s", name, problem);
    return false;
}

static bool take_value(struct command_line *line, const struct option_row *o, const char *text)
{
    struct option_value *v = &line->options.value[o - option_rows];
    char problem[110];
    v->text = text;
    if (!text) {
        snprintf(problem, sizeof problem, "lacks its value, %s", o->value);
        return wrong(line, o->name, problem);
    }
    if (o->most && !read_number(text, o->most, &v->number)) {
        snprintf(problem, sizeof problem, "'%.40s': expected a number, 1 to %llu", text,
                 (unsigned long long)o->most);
        return wrong(line, o->name, problem);
    }
    if (!o->choices || is_choice(o, text))
        return true;
    int n = snprintf(problem, sizeof problem, "'%.40s': expected one of", text);
    for (const char *const *c = o->choices; *c; c++)
        n += snprintf(problem + n, sizeof problem - (size_t)n, " %s", *c);
    return wrong(line, o->name, problem);
}

bool options_parse(struct command_line *line, char **arguments, int count, char **words)
{
    *line = (struct command_line){.words = words};
    for (int i = 0; i < count; i++) {
        char *a = arguments[i];
        if (strcmp(a, "--") == 0) {
            line->rest = arguments + i + 1;
            line->rest_count = count - i - 1;
            return true;
        }
        if (a[0] != '-' || !a[1]) {
            line->words[line->count++] = a;
            continue;
        }
        const struct option_row *o = option_find(a);
        if (!o)
            return wrong(line, a, "is no option");
        if (!o->value)
            line->options.value[o - option_rows].text = o->name;
        else if (!take_value(line, o, i + 1 < count ? arguments[++i] : NULL))
            return false;
    }
    return true;
}

bool options_within(struct command_line *line, unsigned mask)
{
    for (unsigned i = 0; i < OPTIONS; i++)
        if (line->options.value[i].text && !(mask & OPTION_BIT(i)))
            return wrong(line, option_rows[i].name, "is no option of this command");
    return true;
}
