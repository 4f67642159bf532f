// bulkhead log: what the system, or a console, has printed.
// SPDX-License-Identifier: MIT
//
// Following is asking again and again: the control line has one client at a time, and other commands are to
// have their turn.
#include <string.h>

#include "tools/control/client.h"
#include "tools/machines.h"
#include "tools/patience.h"

enum { TURNS_BETWEEN = 10 }; // of patience_sleep()

struct position {
    const char *machine; // its folder
    const char *name;    // NULL: the log
    bool known;          // whether `from` is
    json_int_t from;
};

static enum outcome print_piece(struct control *c, struct position *p, bool *more)
{
    enum outcome o;
    json_t *arguments = json_object();
    if (p->name)
        json_object_set_new(arguments, "name", json_string(p->name));
    if (p->known)
        json_object_set_new(arguments, "from", json_integer(p->from));
    json_t *piece = control_execute(c, "query-log", arguments, &o);
    if (!piece)
        return o;
    const json_t *text = json_object_get(piece, "text");
    fwrite(json_string_value(text), 1, json_string_length(text), stdout);
    *more = json_string_length(text);
    p->known = true;
    p->from = json_integer_value(json_object_get(piece, "next"));
    json_decref(piece);
    return fflush(stdout) == 0 ? DONE : REFUSED;
}

static enum outcome print_new(struct invocation *v, struct position *p)
{
    struct control c;
    enum outcome o = control_open(&c, v);
    if (o != DONE)
        return o;
    p->machine = c.path;
    for (bool more = true; o == DONE && more;)
        o = print_piece(&c, p, &more);
    control_close(&c);
    return o;
}

enum outcome command_log(struct invocation *v)
{
    struct position p = {.name = v->count ? v->words[0] : NULL};
    enum outcome o = print_new(v, &p);
    while (o == DONE && given(v, OPTION_FOLLOW) && machine_alive(p.machine)) {
        for (int i = 0; i < TURNS_BETWEEN; i++)
            patience_sleep();
        if (machine_alive(p.machine))
            o = print_new(v, &p);
    }
    return o;
}
