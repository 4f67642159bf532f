// A line of a client's, read, and the lines that are said to it.
// SPDX-License-Identifier: MIT
#include "servers/control/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libipc/abi/version.h"

enum argument {
    ARGUMENT_NAME,
    ARGUMENT_SERVER,
    ARGUMENT_FORCE,
    ARGUMENT_FROM,
    ARGUMENT_DEFINITION,
    ARGUMENTS
};
#define BIT(a) (1u << (a))

static const char *const argument_names[ARGUMENTS] = {"name", "server", "force", "from", "definition"};

// What each command needs, and what it takes besides.
static const struct row {
    const char *name;
    uint32_t needs, takes;
} rows[COMMANDS] = {
    [COMMAND_CAPABILITIES] = {"capabilities", 0, 0},
    [COMMAND_GREETING] = {"greeting", 0, 0},
    [COMMAND_QUERY_STATUS] = {"query-status", 0, 0},
    [COMMAND_QUERY_SERVERS] = {"query-servers", 0, 0},
    [COMMAND_QUERY_VMS] = {"query-vms", 0, 0},
    [COMMAND_QUERY_CRASHES] = {"query-crashes", 0, 0},
    [COMMAND_QUERY_STATS] = {"query-stats", 0, BIT(ARGUMENT_NAME)},
    [COMMAND_QUERY_DISKS] = {"query-disks", 0, 0},
    [COMMAND_QUERY_LOG] = {"query-log", 0, BIT(ARGUMENT_NAME) | BIT(ARGUMENT_FROM)},
    [COMMAND_KILL] = {"kill", BIT(ARGUMENT_SERVER), 0},
    [COMMAND_VM_CREATE] = {"vm-create", BIT(ARGUMENT_DEFINITION), 0},
    [COMMAND_VM_START] = {"vm-start", BIT(ARGUMENT_NAME), 0},
    [COMMAND_VM_STOP] = {"vm-stop", BIT(ARGUMENT_NAME), BIT(ARGUMENT_FORCE)},
    [COMMAND_VM_PAUSE] = {"vm-pause", BIT(ARGUMENT_NAME), 0},
    [COMMAND_VM_RESUME] = {"vm-resume", BIT(ARGUMENT_NAME), 0},
    [COMMAND_VM_RESET] = {"vm-reset", BIT(ARGUMENT_NAME), 0},
    [COMMAND_VM_DESTROY] = {"vm-destroy", BIT(ARGUMENT_NAME), 0},
    [COMMAND_SHUTDOWN] = {"shutdown", 0, BIT(ARGUMENT_FORCE)},
};

bool error_set(struct error *e, enum error_class class, const char *format, ...)
{
    va_list arguments;
    e->class = class;
    va_start(arguments, format);
    vsnprintf(e->text, sizeof e->text, format, arguments);
    va_end(arguments);
    return false;
}

static bool bad(struct error *e, const char *what, const struct value *key)
{
    uint32_t length = key->length < 64 ? key->length : 64;
    return error_set(e, ERROR_BAD_ARGUMENTS, "%s %.*s", what, (int)length, key->at);
}

static bool is_key(const struct value *key, const char *name)
{
    char text[32];
    return value_text(key, text, sizeof text) && strcmp(text, name) == 0;
}

static bool read_name(struct request *q, const struct member *m, struct error *e)
{
    if (!value_text(&m->value, q->name, sizeof q->name) || !q->name[0])
        return bad(e, "expected a name of up to 31 characters:", &m->key);
    return true;
}

static bool read_argument(struct request *q, enum argument a, const struct member *m, struct error *e)
{
    switch (a) {
    case ARGUMENT_FORCE:
        q->force = m->value.kind == VALUE_TRUTH && m->value.at[0] == 't';
        return m->value.kind == VALUE_TRUTH || bad(e, "expected true or false:", &m->key);
    case ARGUMENT_FROM:
        return value_number(&m->value, &q->from) ||
               bad(e, "expected a whole number up to 2^64 - 1:", &m->key);
    case ARGUMENT_DEFINITION:
        q->definition = m->value;
        if (m->value.kind != VALUE_OBJECT)
            return bad(e, "expected an object:", &m->key);
        return m->value.length < INIT_DEFINITION_MAX || bad(e, "longer than 64 KiB:", &m->key);
    default: return read_name(q, m, e);
    }
}

static bool read_arguments(struct request *q, const struct value *object, struct error *e)
{
    const struct row *row = &rows[q->command];
    uint32_t seen = 0;
    for (struct member m = {0}; object->kind && value_next(object, &m);) {
        unsigned a = 0;
        while (a < ARGUMENTS && !is_key(&m.key, argument_names[a]))
            a++;
        if (a == ARGUMENTS || !((row->needs | row->takes) & BIT(a)))
            return bad(e, "unknown argument", &m.key);
        if (seen & BIT(a))
            return bad(e, "given twice:", &m.key);
        seen |= BIT(a);
        if (!read_argument(q, (enum argument)a, &m, e))
            return false;
    }
    for (unsigned a = 0; a < ARGUMENTS; a++)
        if (row->needs & ~seen & BIT(a))
            return error_set(e, ERROR_BAD_ARGUMENTS, "%s lacks the argument \"%s\"", row->name,
                             argument_names[a]);
    return true;
}

static bool find_command(struct request *q, const struct value *name, struct error *e)
{
    char text[32];
    if (!name->kind)
        return error_set(e, ERROR_BAD_ARGUMENTS, "the key \"execute\" is missing");
    if (name->kind != VALUE_TEXT)
        return error_set(e, ERROR_BAD_ARGUMENTS, "execute: expected a text");
    bool short_enough = value_text(name, text, sizeof text);
    for (unsigned i = 0; short_enough && i < COMMANDS; i++) {
        q->command = (enum command)i;
        if (strcmp(rows[i].name, text) == 0)
            return true;
    }
    return error_set(e, ERROR_COMMAND_NOT_FOUND, "there is no command %.*s",
                     (int)(name->length < 64 ? name->length : 64), name->at);
}

static bool read_keys(const struct value *line, struct value keys[3], struct error *e)
{
    static const char *const names[] = {"execute", "arguments", "id"};
    bool good = true;
    for (struct member m = {0}; value_next(line, &m);) {
        unsigned k = 0;
        while (k < 3 && !is_key(&m.key, names[k]))
            k++;
        if (k == 3)
            good = bad(e, "unknown key", &m.key);
        else if (keys[k].kind)
            good = bad(e, "given twice:", &m.key);
        else
            keys[k] = m.value;
    }
    return good;
}

bool request_read(struct request *q, const char *line, uint32_t length, struct error *e)
{
    struct value all, keys[3] = {{0}};
    *q = (struct request){0};
    const char *wrong = value_check(line, length, &all);
    if (wrong)
        return error_set(e, ERROR_BAD_JSON, "%s", wrong);
    if (all.kind != VALUE_OBJECT)
        return error_set(e, ERROR_BAD_JSON, "expected an object: {...}");
    bool good = read_keys(&all, keys, e);
    if (keys[2].length > REQUEST_ID_MAX)
        return error_set(e, ERROR_BAD_ARGUMENTS, "id: longer than %u bytes", REQUEST_ID_MAX);
    q->id = keys[2];
    if (!good)
        return false;
    if (keys[1].kind && keys[1].kind != VALUE_OBJECT)
        return error_set(e, ERROR_BAD_ARGUMENTS, "arguments: expected an object");
    return find_command(q, &keys[0], e) && read_arguments(q, &keys[1], e);
}

// ---- what is said ----

static void write_error(struct out *o, const struct error *e)
{
    static const char *const classes[] = {
        [ERROR_BAD_JSON] = "BadJson",
        [ERROR_COMMAND_NOT_FOUND] = "CommandNotFound",
        [ERROR_BAD_ARGUMENTS] = "BadArguments",
        [ERROR_NOT_FOUND] = "NotFound",
        [ERROR_WRONG_STATE] = "WrongState",
        [ERROR_NO_MEMORY] = "NoMemory",
        [ERROR_FAILED] = "Failed",
    };
    out_format(o, "{\"error\": {\"class\": \"%s\", \"desc\": ", classes[e->class]);
    out_name(o, e->text, sizeof e->text);
    out_raw(o, "}", 1);
}

void answer_begin(struct out *o)
{
    out_format(o, "{\"return\": ");
}

void answer_end(struct out *o, const struct request *q, const struct error *e)
{
    if (e->class) {
        *o = (struct out){.at = o->at, .size = o->size};
        write_error(o, e);
    }
    if (q->id.kind) {
        out_format(o, ", \"id\": ");
        out_raw(o, q->id.at, q->id.length);
    }
    out_raw(o, "}\n", 2);
}

void greeting_write(struct out *o)
{
    out_format(o, "{\"Bulkhead\": {\"version\": \"%s\", \"capabilities\": []}}\n", BULKHEAD_VERSION);
}

static void write_data(struct out *o, const struct init_event *event)
{
    static const char *const reasons[] = {[VM_END_FORCED] = "stopped",
                                          [VM_END_POWER_OFF] = "powered-off",
                                          [VM_END_TRIPLE_FAULT] = "triple-fault",
                                          [VM_END_ERROR] = "error"};
    if (event->kind == EVENT_LOST) {
        out_format(o, "\"count\": %llu", (unsigned long long)event->value);
        return;
    }
    if (event->kind == EVENT_SHUTDOWN)
        return;
    out_format(o, "\"name\": ");
    out_name(o, event->name, sizeof event->name);
    if (event->kind == EVENT_VM_STOPPED)
        out_format(o, ", \"reason\": \"%s\"", reasons[event->value < VM_ENDS ? event->value : VM_END_ERROR]);
    if (event->kind == EVENT_SERVER_DIED) {
        out_format(o, ", \"why\": ");
        out_name(o, event->text, sizeof event->text);
    }
}

void event_write(struct out *o, const struct init_event *event)
{
    static const char *const names[EVENT_KINDS] = {
        [EVENT_LOST] = "EVENTS_LOST",
        [EVENT_VM_CREATED] = "VM_CREATED",
        [EVENT_VM_STARTED] = "VM_STARTED",
        [EVENT_VM_STOPPED] = "VM_STOPPED",
        [EVENT_VM_PAUSED] = "VM_PAUSED",
        [EVENT_VM_RESUMED] = "VM_RESUMED",
        [EVENT_VM_RESET] = "VM_RESET",
        [EVENT_VM_DESTROYED] = "VM_DESTROYED",
        [EVENT_SERVER_DIED] = "SERVER_DIED",
        [EVENT_SERVER_RESTARTED] = "SERVER_RESTARTED",
        [EVENT_SERVER_FAILED] = "SERVER_FAILED",
        [EVENT_SHUTDOWN] = "SHUTDOWN",
    };
    if (event->kind >= EVENT_KINDS)
        return;
    out_format(o, "{\"event\": \"%s\", \"data\": {", names[event->kind]);
    write_data(o, event);
    out_format(o, "}, \"timestamp\": {\"seconds\": %llu, \"microseconds\": %llu}}\n",
               (unsigned long long)(event->unix_ns / 1000000000),
               (unsigned long long)(event->unix_ns / 1000 % 1000000));
}
