// Commands carried out: what is asked of the supervisor and the terminal becomes JSON.
// SPDX-License-Identifier: MIT
#include "servers/control/commands.h"

#include <string.h>

#include "libipc/exits.h"
#include "servers/control/ask.h"

typedef unsigned long long number;

static bool nothing(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    (void)q, (void)sequence, (void)e;
    out_raw(o, "{}", 2);
    return true;
}

static bool unheard(struct error *e)
{
    return error_set(e, ERROR_FAILED, "the supervisor does not answer");
}

static bool query_status(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    struct init_status s;
    (void)q, (void)sequence;
    if (ask_status(&s) != STATUS_OK)
        return unheard(e);
    out_format(o, "{\"name\": ");
    out_name(o, s.name, sizeof s.name);
    out_format(o,
               ", \"state\": \"%s\", \"uptime_ns\": %llu, \"vms\": %u, \"servers\": %u, "
               "\"next\": {\"memory\": %u, \"console\": %u, \"log\": %u}}",
               s.shutting_down ? "shutting-down" : "running", (number)s.uptime_ns, s.vms, s.servers,
               s.next_memory, s.next_console, s.next_log);
    return true;
}

static const char *comma(bool *first)
{
    const char *text = *first ? "" : ", ";
    *first = false;
    return text;
}

static void write_pair(struct out *o, bool *first, const char *name, size_t size, uint64_t value)
{
    out_format(o, "%s", comma(first));
    out_name(o, name, size);
    out_format(o, ": %llu", (number)value);
}

static void write_name_or_null(struct out *o, const char name[INIT_NAME])
{
    if (name[0])
        out_name(o, name, INIT_NAME);
    else
        out_format(o, "null");
}

// ---- servers ----

static void write_server(struct out *o, const struct init_server *s)
{
    static const char *const states[] = {[INIT_SERVER_OFF] = "off",
                                         [INIT_SERVER_RUNNING] = "running",
                                         [INIT_SERVER_RESTARTING] = "restarting",
                                         [INIT_SERVER_FAILED] = "failed"};
    out_format(o, "{\"name\": ");
    out_name(o, s->name, sizeof s->name);
    out_format(o, ", \"kind\": ");
    out_name(o, s->kind, sizeof s->kind);
    out_format(o, ", \"vm\": ");
    write_name_or_null(o, s->vm);
    out_format(o,
               ", \"state\": \"%s\", \"restarts\": %llu, \"cpu_ns\": %llu, \"memory_kib\": %llu, "
               "\"priority\": %u}",
               states[s->state <= INIT_SERVER_FAILED ? s->state : INIT_SERVER_FAILED], (number)s->restarts,
               (number)s->cpu_ns, (number)s->memory_bytes / 1024, s->priority);
}

static bool query_servers(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    struct init_server s;
    bool first = true;
    (void)q, (void)sequence, (void)e;
    out_raw(o, "[", 1);
    for (uint64_t n = 0; ask_server(n, &s) == STATUS_OK; n++) {
        if (!s.name[0])
            continue;
        out_format(o, "%s", comma(&first));
        write_server(o, &s);
    }
    out_raw(o, "]", 1);
    return true;
}

// ---- VMs ----

static void write_vm(struct out *o, const struct init_vm *vm)
{
    static const char *const states[] = {
        [INIT_VM_CREATED] = "created", [INIT_VM_RUNNING] = "running", [INIT_VM_PAUSED] = "paused",
        [INIT_VM_OFF] = "off",         [INIT_VM_FAILED] = "failed",   [INIT_VM_LEAVING] = "leaving"};
    out_format(o, "{\"name\": ");
    out_name(o, vm->name, sizeof vm->name);
    out_format(o,
               ", \"state\": \"%s\", \"memory_kib\": %llu, \"resident_kib\": %llu, \"vcpus\": %u, "
               "\"exits\": %llu}",
               states[vm->state <= INIT_VM_LEAVING ? vm->state : INIT_VM_FAILED],
               (number)vm->memory_bytes / 1024, (number)vm->resident_bytes / 1024, vm->vcpus,
               (number)vm->exits);
}

static bool query_vms(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    struct init_vm vm;
    bool first = true;
    (void)q, (void)sequence, (void)e;
    out_raw(o, "[", 1);
    for (uint64_t n = 0; ask_vm(n, &vm) == STATUS_OK; n++) {
        if (!vm.name[0])
            continue;
        out_format(o, "%s", comma(&first));
        write_vm(o, &vm);
    }
    out_raw(o, "]", 1);
    return true;
}

// ---- crashes ----

static void write_crash_text(struct out *o, uint64_t n)
{
    static char text[4 * INIT_TEXT_MAX];
    uint64_t bytes = 0, got;
    do {
        got = 0;
        if (ask_crash_text(n, bytes, text + bytes, &got) != STATUS_OK)
            break;
        bytes += got;
    } while (got == INIT_TEXT_MAX && bytes <= sizeof text - INIT_TEXT_MAX);
    out_text(o, text, bytes);
}

static bool query_crashes(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    struct init_crash c;
    bool first = true;
    (void)q, (void)sequence, (void)e;
    out_raw(o, "[", 1);
    for (uint64_t n = 0; ask_crash(n, &c) == STATUS_OK; n++) {
        out_format(o, "%s{\"server\": ", comma(&first));
        out_name(o, c.server, sizeof c.server);
        out_format(o, ", \"why\": ");
        out_name(o, c.why, sizeof c.why);
        out_format(o, ", \"time_ns\": %llu, \"deaths\": %u, \"text\": ", (number)c.uptime_ns, c.deaths);
        write_crash_text(o, n);
        out_raw(o, "}", 1);
    }
    out_raw(o, "]", 1);
    return true;
}

// ---- statistics ----

static void write_exits(struct out *o, const struct init_vm *vm)
{
    bool first = true;
    out_format(o, "\"exits\": {");
    for (unsigned k = 0; k < EXIT_KINDS; k++)
        if (vm->exits_by_kind[k])
            write_pair(o, &first, exit_names[k], strlen(exit_names[k]), vm->exits_by_kind[k]);
    out_raw(o, "}", 1);
}

// Those that something took.
static void write_routes(struct out *o, uint64_t vm)
{
    static const char *const spaces[] = {[ACCESS_PORT] = "port", [ACCESS_MEMORY] = "memory"};
    static const char *const uses[INIT_ROUTE_USES] = {
        [INIT_ROUTE_READS] = "reads", [INIT_ROUTE_WRITES] = "writes", [INIT_ROUTE_DOORBELLS] = "doorbells"};
    struct init_route r;
    bool first = true;
    out_format(o, "\"routes\": [");
    for (uint64_t place = 0; ask_route(vm, place, &r) == STATUS_OK; place = r.place + 1) {
        out_format(o, "%s{\"space\": \"%s\", \"first\": %llu, \"last\": %llu, \"use\": \"%s\", \"server\": ",
                   comma(&first), spaces[r.space == ACCESS_MEMORY], (number)r.first, (number)r.last,
                   uses[r.use < INIT_ROUTE_USES ? r.use : 0]);
        write_name_or_null(o, r.server);
        out_format(o, ", \"count\": %llu}", (number)r.count);
    }
    out_raw(o, "]", 1);
}

static void write_vm_stats(struct out *o, uint64_t n, const struct init_vm *vm)
{
    out_format(o, "{\"name\": ");
    out_name(o, vm->name, sizeof vm->name);
    out_format(o,
               ", \"cpu_ns\": %llu, \"memory_kib\": %llu, \"resident_kib\": %llu, \"overhead_kib\": %llu, ",
               (number)vm->cpu_ns, (number)vm->memory_bytes / 1024, (number)vm->resident_bytes / 1024,
               (number)vm->overhead_bytes / 1024);
    write_exits(o, vm);
    out_format(o, ", ");
    write_routes(o, n);
    out_format(o, ", \"accesses\": %llu, \"doorbells\": %llu, \"page_faults\": %llu, \"interrupts\": %llu}",
               (number)vm->accesses, (number)vm->doorbells, (number)vm->page_faults, (number)vm->interrupts);
}

static void write_counters(struct out *o, uint64_t server)
{
    struct stats_entry some[ASK_COUNTERS];
    uint64_t count = 0, from = 0;
    bool first = true;
    out_format(o, "\"counters\": {");
    while (ask_counters(server, from, some, &count) == STATUS_OK && count) {
        for (uint64_t i = 0; i < count; i++)
            write_pair(o, &first, some[i].name, sizeof some[i].name, some[i].value);
        from += count;
    }
    out_raw(o, "}", 1);
}

static void write_server_stats(struct out *o, uint64_t n, const struct init_server *s)
{
    out_format(o, "{\"name\": ");
    out_name(o, s->name, sizeof s->name);
    out_format(o, ", \"cpu_ns\": %llu, \"waits\": %llu, \"system_calls\": %llu, \"messages\": %llu, ",
               (number)s->cpu_ns, (number)s->waits, (number)s->system_calls, (number)s->messages);
    write_counters(o, n);
    out_raw(o, "}", 1);
}

// Without a name all are wanted.
static bool is_wanted(const struct request *q, const char *vm)
{
    return !q->name[0] || strncmp(vm, q->name, INIT_NAME) == 0;
}

static bool query_stats(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    struct init_vm vm;
    struct init_server s;
    bool first = true;
    (void)sequence;
    out_format(o, "{\"vms\": [");
    for (uint64_t n = 0; ask_vm(n, &vm) == STATUS_OK; n++) {
        if (!vm.name[0] || !is_wanted(q, vm.name))
            continue;
        out_format(o, "%s", comma(&first));
        write_vm_stats(o, n, &vm);
    }
    if (first && q->name[0])
        return error_set(e, ERROR_NOT_FOUND, "there is no VM %s", q->name);
    out_format(o, "], \"servers\": [");
    first = true;
    for (uint64_t n = 0; ask_server(n, &s) == STATUS_OK; n++) {
        if (!s.name[0] || !is_wanted(q, s.vm))
            continue;
        out_format(o, "%s", comma(&first));
        write_server_stats(o, n, &s);
    }
    out_format(o, "]}");
    return true;
}

// ---- disks ----

// Of a server's configuration, which is JSON without a line's limits.
struct disk_config {
    char text[2 * INIT_TEXT_MAX];
    char store[16];
    uint64_t size, base;
};

static bool read_config(uint64_t n, struct disk_config *d)
{
    uint64_t bytes = 0, got;
    struct value all;
    do {
        got = 0;
        if (ask_config(n, bytes, d->text + bytes, &got) != STATUS_OK)
            return false;
        bytes += got;
    } while (got == INIT_TEXT_MAX && bytes <= sizeof d->text - INIT_TEXT_MAX);
    if (value_check(d->text, (uint32_t)bytes, &all) || all.kind != VALUE_OBJECT)
        return false;
    for (struct member m = {0}; value_next(&all, &m);) {
        char key[16];
        if (!value_text(&m.key, key, sizeof key))
            continue;
        if (strcmp(key, "size") == 0)
            (void)value_number(&m.value, &d->size);
        else if (strcmp(key, "base") == 0)
            (void)value_number(&m.value, &d->base);
        else if (strcmp(key, "store") == 0)
            (void)value_text(&m.value, d->store, sizeof d->store);
    }
    return true;
}

// Its counters: requests by operation, and those that ended with an error.
static void write_requests(struct out *o, uint64_t n)
{
    static const char *const operations[] = {"reads", "writes", "flushes", "discards", "zeroes"};
    struct stats_entry some[ASK_COUNTERS];
    uint64_t count = 0, errors = 0;
    bool first = true;
    if (ask_counters(n, 0, some, &count) != STATUS_OK)
        count = 0;
    out_format(o, "\"requests\": {");
    for (uint64_t i = 0; i < count; i++) {
        for (unsigned k = 0; k < sizeof operations / sizeof operations[0]; k++)
            if (strncmp(some[i].name, operations[k], sizeof some[i].name) == 0)
                write_pair(o, &first, some[i].name, sizeof some[i].name, some[i].value);
        errors = strncmp(some[i].name, "errors", sizeof some[i].name) == 0 ? some[i].value : errors;
    }
    out_format(o, "}, \"errors\": %llu}", (number)errors);
}

// A disk's server is called disk.VM.NAME.
static void write_disk(struct out *o, uint64_t n, const struct init_server *s, const struct disk_config *d)
{
    size_t behind = strlen("disk.") + strnlen(s->vm, sizeof s->vm) + 1;
    const char *name = s->name + (behind < sizeof s->name ? behind : 0);
    out_format(o, "{\"vm\": ");
    out_name(o, s->vm, sizeof s->vm);
    out_format(o, ", \"name\": ");
    out_name(o, name, (size_t)(s->name + sizeof s->name - name));
    out_format(o, ", \"server\": ");
    out_name(o, s->name, sizeof s->name);
    out_format(o, ", \"store\": ");
    out_name(o, d->store, sizeof d->store);
    out_format(o, ", \"base\": ");
    if (d->base)
        out_format(o, "\"%.*s.base\"", (int)sizeof s->name, s->name);
    else
        out_format(o, "null");
    out_format(o, ", \"size\": %llu, ", (number)d->size);
    write_requests(o, n);
}

static bool query_disks(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    struct init_server s;
    bool first = true;
    (void)q, (void)sequence, (void)e;
    out_raw(o, "[", 1);
    for (uint64_t n = 0; ask_server(n, &s) == STATUS_OK; n++) {
        struct disk_config d = {.size = 0};
        if (strncmp(s.name, "disk.", 5) != 0 || !read_config(n, &d))
            continue;
        out_format(o, "%s", comma(&first));
        write_disk(o, n, &s, &d);
    }
    out_raw(o, "]", 1);
    return true;
}

// ---- what was printed ----

enum { PRINTED_MAX = 16 << 10 };

static bool query_log(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    static char text[PRINTED_MAX];
    const char *name = q->name[0] ? q->name : "log";
    uint64_t from = q->from, bytes = 0, got;
    (void)sequence;
    do {
        uint64_t at = from;
        enum status s = ask_printed(name, &from, text + bytes, &got);
        if (s == STATUS_NOT_FOUND)
            return error_set(e, ERROR_NOT_FOUND, "there is no console and no log of the name %s", name);
        if (s != STATUS_OK)
            return error_set(e, ERROR_FAILED, "the terminal does not answer");
        bytes += got;
        if (at == from)
            break;
    } while (bytes <= sizeof text - ASK_PRINTED);
    out_format(o, "{\"text\": ");
    out_text(o, text, bytes);
    out_format(o, ", \"next\": %llu}", (number)from);
    return true;
}

// ---- what changes something ----

static bool act(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    static const uint32_t actions[COMMANDS] = {
        [COMMAND_KILL] = INIT_KILL,         [COMMAND_VM_CREATE] = INIT_VM_CREATE,
        [COMMAND_VM_START] = INIT_VM_START, [COMMAND_VM_STOP] = INIT_VM_STOP,
        [COMMAND_VM_PAUSE] = INIT_VM_PAUSE, [COMMAND_VM_RESUME] = INIT_VM_RESUME,
        [COMMAND_VM_RESET] = INIT_VM_RESET, [COMMAND_VM_DESTROY] = INIT_VM_DESTROY,
        [COMMAND_SHUTDOWN] = INIT_SHUTDOWN,
    };
    static const enum error_class classes[INIT_OUTCOMES] = {
        [INIT_DONE] = ERROR_NONE,
        [INIT_NOT_FOUND] = ERROR_NOT_FOUND,
        [INIT_WRONG_STATE] = ERROR_WRONG_STATE,
        [INIT_NO_MEMORY] = ERROR_NO_MEMORY,
        [INIT_BAD_ARGUMENTS] = ERROR_BAD_ARGUMENTS,
        [INIT_FAILED] = ERROR_FAILED,
    };
    struct init_command c = {.sequence = sequence, .action = actions[q->command], .argument = q->force};
    struct init_answer a;
    memcpy(c.name, q->name, sizeof c.name);
    if (q->command == COMMAND_VM_CREATE) {
        c.argument = q->definition.length;
        ask_definition(q->definition.at, q->definition.length);
    }
    if (ask_command(&c, &a) != STATUS_OK)
        return unheard(e);
    if (a.outcome != INIT_DONE)
        return error_set(e, a.outcome < INIT_OUTCOMES ? classes[a.outcome] : ERROR_FAILED, "%.*s",
                         (int)sizeof a.text, a.text);
    return nothing(q, sequence, o, e);
}

bool command_run(const struct request *q, uint64_t sequence, struct out *o, struct error *e)
{
    static bool (*const run[COMMANDS])(const struct request *, uint64_t, struct out *, struct error *) = {
        [COMMAND_CAPABILITIES] = nothing,
        [COMMAND_QUERY_STATUS] = query_status,
        [COMMAND_QUERY_SERVERS] = query_servers,
        [COMMAND_QUERY_VMS] = query_vms,
        [COMMAND_QUERY_CRASHES] = query_crashes,
        [COMMAND_QUERY_STATS] = query_stats,
        [COMMAND_QUERY_DISKS] = query_disks,
        [COMMAND_QUERY_LOG] = query_log,
        [COMMAND_KILL] = act,
        [COMMAND_VM_CREATE] = act,
        [COMMAND_VM_START] = act,
        [COMMAND_VM_STOP] = act,
        [COMMAND_VM_PAUSE] = act,
        [COMMAND_VM_RESUME] = act,
        [COMMAND_VM_RESET] = act,
        [COMMAND_VM_DESTROY] = act,
        [COMMAND_SHUTDOWN] = act,
    };
    return run[q->command](q, sequence, o, e) &&
           (!o->full || error_set(e, ERROR_FAILED, "the answer is longer than 128 KiB"));
}
