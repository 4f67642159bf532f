// A client of a machine's control line.
// SPDX-License-Identifier: MIT
#include "tools/control/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/control/reply.h"
#include "tools/machines.h"
#include "tools/patience.h"

enum { PATIENCE_MS = 10000 };

static enum outcome no_answer(struct control *c, const char *what)
{
    report_error(&c->report, 0, "%s", what);
    return NO_ANSWER;
}

// Waits until the socket is ready; false: the deadline is over.
static bool wait_for(const struct control *c, short events, uint64_t deadline)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    int n;
    do
        n = poll(&p, 1, patience_left(deadline));
    while (n < 0 && errno == EINTR);
    return n > 0;
}

static enum outcome say(struct control *c, const char *text, uint64_t deadline)
{
    for (size_t left = strlen(text); left;) {
        if (!wait_for(c, POLLOUT, deadline))
            return no_answer(c, "its control does not read what it is told");
        ssize_t n = send(c->fd, text, left, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return no_answer(c, "the machine has ended");
        if (n > 0) {
            text += n;
            left -= (size_t)n;
        }
    }
    return DONE;
}

static enum outcome hear(struct control *c, uint64_t deadline)
{
    size_t room;
    char *to = lines_room(&c->in, &room);
    if (!to)
        return no_answer(c, "out of memory");
    if (!wait_for(c, POLLIN, deadline))
        return no_answer(c, "its control does not answer");
    ssize_t n = recv(c->fd, to, room, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        return no_answer(c, "the machine has ended");
    lines_added(&c->in, n > 0 ? (size_t)n : 0);
    return DONE;
}

// The answer to the command with that id; events and what is nobody's are passed over.
static json_t *answer(struct control *c, const char *id, enum outcome *o)
{
    uint64_t deadline = patience_from_now(c->patience_ms);
    for (*o = DONE; *o == DONE; *o = hear(c, deadline)) {
        const char *line;
        size_t length;
        while ((line = lines_next(&c->in, &length))) {
            json_t *value;
            enum reply_kind kind = reply_sort(line, length, id, &value);
            if (kind == REPLY_RETURN)
                return value;
            if (kind == REPLY_ERROR) {
                const char *text = json_string_value(json_object_get(value, "desc"));
                report_error(&c->report, 0, "%s", text ? text : "refused");
                *o = REFUSED;
            }
            if (kind != REPLY_OTHER)
                json_decref(value);
            if (kind == REPLY_ERROR)
                return NULL;
        }
    }
    return NULL;
}

json_t *control_execute(struct control *c, const char *command, json_t *arguments, enum outcome *o)
{
    char id[32];
    snprintf(id, sizeof id, "%08x-%u", c->random, c->commands++);
    char *line = reply_command(command, arguments, id);
    json_decref(arguments);
    *o = line ? say(c, line, patience_from_now(c->patience_ms)) : no_answer(c, "out of memory");
    free(line);
    return *o == DONE ? answer(c, id, o) : NULL;
}

static enum outcome take_turn(struct control *c)
{
    uint64_t deadline = patience_from_now(c->patience_ms);
    c->lock = machine_open(c->path, MACHINE_CONTROL_LOCK, O_RDWR | O_CREAT);
    while (c->lock >= 0 && flock(c->lock, LOCK_EX | LOCK_NB) != 0) {
        if (!patience_left(deadline))
            return no_answer(c, "another command is talking to its control");
        patience_sleep();
    }
    return c->lock >= 0 ? DONE : no_answer(c, strerror(errno));
}

// An empty line ends what an earlier client may have left unfinished.
static enum outcome begin(struct control *c)
{
    enum outcome o = take_turn(c);
    if (o != DONE)
        return o;
    c->fd = machine_connect(c->path, MACHINE_CONTROL);
    if (c->fd < 0)
        return no_answer(c, machine_alive(c->path) ? "it has no control" : "the machine has ended");
    o = say(c, "\n", patience_from_now(c->patience_ms));
    if (o == DONE)
        json_decref(control_execute(c, "capabilities", NULL, &o));
    return o;
}

enum outcome control_open_run(struct control *c, const struct report *report, const char *name,
                              const char *path, unsigned patience_ms)
{
    *c = (struct control){
        .report = {report->to, name, 0}, .path = path, .fd = -1, .lock = -1, .patience_ms = patience_ms};
    if (getrandom(&c->random, sizeof c->random, 0) < 0)
        c->random = (unsigned)getpid();
    enum outcome o = begin(c);
    if (o != DONE)
        control_close(c);
    return o;
}

unsigned control_patience(const struct invocation *v)
{
    return given(v, OPTION_TIMEOUT) ? (unsigned)v->line.options.value[OPTION_TIMEOUT].number * 1000
                                    : PATIENCE_MS;
}

enum outcome control_open(struct control *c, struct invocation *v)
{
    const char *name, *path;
    enum outcome o = machine_find(v, &name, &path);
    if (o == DONE)
        o = control_open_run(c, &v->report, name, path, control_patience(v));
    return o;
}

void control_close(struct control *c)
{
    if (c->fd >= 0)
        close(c->fd);
    if (c->lock >= 0)
        close(c->lock);
    lines_free(&c->in);
    c->fd = c->lock = -1;
}

json_t *control_ask(struct invocation *v, const char *command, json_t *arguments, enum outcome *o)
{
    struct control c;
    *o = control_open(&c, v);
    if (*o != DONE) {
        json_decref(arguments);
        return NULL;
    }
    json_t *answer = control_execute(&c, command, arguments, o);
    control_close(&c);
    return answer;
}
