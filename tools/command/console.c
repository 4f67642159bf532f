// bulkhead console: the first serial line of a machine that has no terminal, on this one.
// SPDX-License-Identifier: MIT
//
// The machine's terminal server is at the other end; this command types its escape commands: attach to begin
// with, and the overview when it leaves.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "tools/control/client.h"
#include "tools/keys.h"
#include "tools/machines.h"
#include "tools/patience.h"

enum { CHUNK = 4096 };

struct session {
    int line;
    bool input; // standard input has not ended
    struct keys keys;
    char typed[CHUNK + 1]; // not taken by the line yet
    size_t typed_bytes;
    bool leave, ended;
};

static struct termios saved;
static bool is_terminal;

static void restore(void)
{
    if (is_terminal)
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void on_signal(int number)
{
    restore();
    signal(number, SIG_DFL);
    raise(number);
}

// Output is left as it is: a newline of the overview goes to the beginning of the next line.
static void make_raw(void)
{
    struct termios raw;
    is_terminal = tcgetattr(STDIN_FILENO, &saved) == 0;
    if (!is_terminal)
        return;
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    signal(SIGINT, on_signal);
    raw = saved;
    cfmakeraw(&raw);
    raw.c_oflag = saved.c_oflag;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void take_keys(struct session *s)
{
    char in[CHUNK];
    ssize_t n = read(STDIN_FILENO, in, sizeof in);
    if (n > 0 && is_terminal)
        s->typed_bytes = keys_sort(&s->keys, in, (size_t)n, s->typed, &s->leave);
    else if (n > 0)
        memcpy(s->typed, in, s->typed_bytes = (size_t)n);
    else if (n == 0 || errno != EINTR)
        s->input = false;
}

static void give_keys(struct session *s)
{
    ssize_t n = send(s->line, s->typed, s->typed_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
        s->typed_bytes -= (size_t)n;
        memmove(s->typed, s->typed + n, s->typed_bytes);
    }
}

static void print(struct session *s)
{
    char out[CHUNK];
    ssize_t n = recv(s->line, out, sizeof out, MSG_DONTWAIT);
    s->ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    for (char *at = out; n > 0 && !s->ended;) {
        ssize_t written = write(STDOUT_FILENO, at, (size_t)n);
        s->ended = written < 0 && errno != EINTR;
        at += written > 0 ? written : 0;
        n -= written > 0 ? written : 0;
    }
}

static void talk(struct session *s)
{
    while (!s->leave && !s->ended) {
        struct pollfd p[2] = {
            {.fd = s->line, .events = (short)(POLLIN | (s->typed_bytes ? POLLOUT : 0))},
            {.fd = s->input && !s->typed_bytes ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (poll(p, 2, -1) < 0)
            continue;
        if (p[1].revents)
            take_keys(s);
        if (s->typed_bytes)
            give_keys(s);
        if (p[0].revents & (POLLIN | POLLHUP | POLLERR))
            print(s);
    }
}

// Names that the terminal knows are those of VMs, with a port of theirs behind a dot or not, and the log.
static enum outcome check_name(struct invocation *v, const char *name)
{
    enum outcome o;
    size_t i, length = strcspn(name, ".");
    json_t *vm, *list = control_ask(v, "query-vms", NULL, &o);
    const char *names = "";
    bool found = strcmp(name, "log") == 0;
    json_array_foreach(list, i, vm)
    {
        const char *n = json_string_value(json_object_get(vm, "name"));
        found |= n && strlen(n) == length && strncmp(n, name, length) == 0;
        names = arena_format(&v->arena, "%s%s%s", names, *names ? ", " : "", n ? n : "");
    }
    json_decref(list);
    if (o == DONE && !found) {
        report_error(&v->report, 0, "there is no console %s; VMs are: %s; or log", name, names);
        return REFUSED;
    }
    return o;
}

static enum outcome open_line(struct invocation *v, const char *path, int *line)
{
    uint64_t deadline = patience_from_now(control_patience(v));
    int lock = machine_open(path, MACHINE_LINE_LOCK, O_RDWR | O_CREAT);
    if (lock < 0) {
        report_error(&v->report, 0, "%s: %s", path, strerror(errno));
        return NO_ANSWER;
    }
    *line = machine_connect(path, MACHINE_LINE);
    if (*line < 0) {
        json_t *about = machine_about(path);
        report_error(
            &v->report, 0,
            "the first serial line is the terminal of process %lld; attach there by Ctrl-] a, or start "
            "the machine with --headless",
            (long long)json_integer_value(json_object_get(about, "pid")));
        json_decref(about);
        return REFUSED;
    }
    while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        if (!patience_left(deadline)) {
            report_error(&v->report, 0,
                         "its first serial line is in use: by `bulkhead console`, or until its VMs run");
            return NO_ANSWER;
        }
        patience_sleep();
    }
    return DONE;
}

enum outcome command_console(struct invocation *v)
{
    static const char overview[] = {KEY_ESCAPE, 'o'};
    const char *name, *path, *wanted = v->count ? v->words[0] : NULL;
    struct session s = {.input = true};
    enum outcome o = machine_find(v, &name, &path);
    if (o == DONE)
        o = open_line(v, path, &s.line);
    if (o == DONE && wanted)
        o = check_name(v, wanted);
    if (o != DONE)
        return o;
    s.typed_bytes = wanted ? (size_t)snprintf(s.typed, sizeof s.typed, "%ca %.64s\r", KEY_ESCAPE, wanted)
                           : (size_t)snprintf(s.typed, sizeof s.typed, "%co", KEY_ESCAPE);
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "Ctrl-] q leaves, Ctrl-] ? tells of the other keys.\n");
    make_raw();
    talk(&s);
    restore();
    if (!s.ended)
        (void)!send(s.line, overview, sizeof overview, MSG_NOSIGNAL | MSG_DONTWAIT);
    fprintf(stderr, "\n%s: %s\n", name, s.ended ? "the line has ended" : "left");
    return DONE;
}
