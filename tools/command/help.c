// How the command is used.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "tools/command/command.h"

static bool in_group(const struct command *c, const char *group)
{
    size_t n = group ? strlen(group) : 0;
    return !group || (strncmp(c->name, group, n) == 0 && c->name[n] == ' ');
}

bool help_is_group(const char *word)
{
    for (const struct command *c = commands; c->name; c++)
        if (in_group(c, word))
            return true;
    return false;
}

void help_all(FILE *to, const char *group)
{
    fprintf(to, "usage: bulkhead %s%s...\n", group ? group : "", group ? " COMMAND" : "COMMAND");
    for (const struct command *c = commands; c->name; c++)
        if (in_group(c, group))
            fprintf(to, "  %-11s %-18s %s\n", c->name, c->arguments, c->summary);
    fputs("`bulkhead COMMAND --help` says more. Exit status: 0 done, 1 refused, 2 wrong usage, 3 no machine "
          "runs,\n"
          "4 no answer from it; of `run` also 5 stopped by hand, 6 ended with an error.\n",
          to);
}

static void write_option(FILE *to, const struct option_row *o)
{
    int n = fprintf(to, "  %s%s%s", o->letter ? o->letter : "", o->letter ? ", " : "", o->name);
    if (o->value)
        n += fprintf(to, " %s", o->value);
    fprintf(to, "%*s %s\n", n < 22 ? 22 - n : 0, "", o->help);
}

void help_command(FILE *to, const struct command *c)
{
    fprintf(to, "usage: bulkhead %s", c->name);
    for (unsigned i = 0; i < OPTIONS; i++)
        if (c->options >> i & 1)
            fprintf(to, " [%s%s%s]", option_rows[i].name, option_rows[i].value ? " " : "",
                    option_rows[i].value ? option_rows[i].value : "");
    fprintf(to, "%s%s\n%s\n", *c->arguments ? " " : "", c->arguments, c->summary);
    if (c->text)
        fprintf(to, "\n%s\n", c->text);
    fputc('\n', to);
    for (unsigned i = 0; i < OPTIONS; i++)
        if (c->options >> i & 1)
            write_option(to, &option_rows[i]);
    write_option(to, &option_rows[OPTION_HELP]);
}
