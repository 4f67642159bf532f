// bulkhead completion: what bash needs to complete the command.
// SPDX-License-Identifier: MIT
//
// The script asks this command each time, so nothing has to be kept in step with the table.
#include <string.h>

#include "tools/control/client.h"

static const char script[] =
    "_bulkhead() {\n"
    "    mapfile -t COMPREPLY < <(\"$1\" completion -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -o default -F _bulkhead bulkhead\n";

static void offer(const char *begin, const char *word, size_t length)
{
    if (strncmp(word, begin, strlen(begin)) == 0)
        printf("%.*s\n", (int)length, word);
}

static void offer_text(const char *begin, const char *word)
{
    offer(begin, word, strlen(word));
}

static void offer_configs(struct invocation *v, const char *begin)
{
    struct list names = config_names(v);
    PLAN_EACH(const char *, name, &names)
    offer_text(begin, *name);
}

// What the machine that runs has, if it answers soon.
static void offer_running(struct invocation *v, const char *query, const char *begin)
{
    enum outcome o;
    size_t i;
    json_t *item;
    v->report.to = NULL;
    v->line.options.value[OPTION_TIMEOUT] = (struct option_value){"1", 1};
    json_t *list = control_ask(v, query, NULL, &o);
    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        if (name)
            offer_text(begin, name);
    }
    json_decref(list);
}

// Names of commands; a group's name once.
static void offer_commands(const char *group, const char *begin)
{
    size_t n = group ? strlen(group) + 1 : 0;
    const char *last = "";
    size_t last_length = 0;
    for (const struct command *c = commands; c->name; c++) {
        if (group && (strncmp(c->name, group, n - 1) != 0 || c->name[n - 1] != ' '))
            continue;
        size_t length = strcspn(c->name + n, " ");
        if (length != last_length || strncmp(last, c->name + n, length) != 0)
            offer(begin, c->name + n, length);
        last = c->name + n;
        last_length = length;
    }
}

static void offer_options(const struct command *c, const char *begin)
{
    for (unsigned i = 0; i < OPTIONS; i++)
        if (i == OPTION_HELP || (c->options >> i & 1))
            offer_text(begin, option_rows[i].name);
}

// words: all up to the one that is to be completed, which may be empty.
static void complete(struct invocation *v, char **words, int count)
{
    char *begin = words[count - 1];
    int length = 0;
    const struct command *c = command_find(words, count - 1, &length);
    const struct option_row *before = count > 1 ? option_find(words[count - 2]) : NULL;
    if (before && before->value) {
        for (const char *const *choice = before->choices; choice && *choice; choice++)
            offer_text(begin, *choice);
    } else if (!c) {
        if (count == 1 || (count == 2 && help_is_group(words[0])))
            offer_commands(count == 1 ? NULL : words[0], begin);
        if (begin[0] == '-')
            offer_text(begin, option_rows[OPTION_HELP].name);
    } else if (begin[0] == '-') {
        offer_options(c, begin);
    } else if (c->argument == ARGUMENT_CONFIG) {
        offer_configs(v, begin);
    } else if (c->argument == ARGUMENT_VM) {
        offer_running(v, "query-vms", begin);
    } else if (c->argument == ARGUMENT_SERVER) {
        offer_running(v, "query-servers", begin);
    }
}

enum outcome command_completion(struct invocation *v)
{
    if (!v->line.rest)
        fputs(script, stdout);
    else if (v->line.rest_count)
        complete(v, v->line.rest, v->line.rest_count);
    return DONE;
}
