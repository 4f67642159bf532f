// What a machine without a terminal says until its VMs run.
// SPDX-License-Identifier: MIT
#include "tools/boot_progress.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/control/client.h"
#include "tools/machines.h"
#include "tools/patience.h"

enum { STEP_MS = 200, ASK_MS = 500, CONTROL_MS = 1000, SILENCE_MS = 3000 };

static void connect_line(struct boot_progress *p)
{
    p->line = machine_connect(p->path, MACHINE_LINE);
    if (p->line < 0) {
        patience_sleep();
        return;
    }
    p->lock = machine_open(p->path, MACHINE_LINE_LOCK, O_RDWR | O_CREAT);
    if (p->lock >= 0)
        (void)!flock(p->lock, LOCK_EX | LOCK_NB);
    p->next = patience_from_now(ASK_MS);
}

// Without carriage returns and whatever else a guest's text may do to a terminal.
static void print_line(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] >= ' ' && line[i] != 0x7f)
            fputc(line[i], stderr);
    fputc('\n', stderr);
}

// False: nothing came.
static bool print_lines(struct boot_progress *p)
{
    struct pollfd fd = {.fd = p->line, .events = POLLIN};
    size_t room, length;
    const char *line;
    char *to = lines_room(&p->in, &room);
    if (!to || poll(&fd, 1, STEP_MS) <= 0)
        return false;
    ssize_t n = recv(p->line, to, room, MSG_DONTWAIT);
    if (n == 0)
        p->done = true;
    lines_added(&p->in, n > 0 ? (size_t)n : 0);
    while ((line = lines_next(&p->in, &length)))
        print_line(line, length);
    return true;
}

static void ask(struct boot_progress *p)
{
    struct control c;
    enum outcome o;
    if (control_open_run(&c, &(struct report){0}, p->name, p->path, CONTROL_MS) == DONE) {
        p->vms = control_execute(&c, "query-vms", NULL, &o);
        control_close(&c);
    }
    p->next = patience_from_now(p->vms ? SILENCE_MS : ASK_MS);
}

static void print_vms(const struct boot_progress *p)
{
    size_t i;
    json_t *vm;
    fprintf(stderr, "%s:", p->name);
    json_array_foreach(p->vms, i, vm)
        fprintf(stderr, "%s %s %s", i ? "," : "", json_string_value(json_object_get(vm, "name")),
                json_string_value(json_object_get(vm, "state")));
    fprintf(stderr, "; `bulkhead console` attaches, `bulkhead shutdown` ends it\n");
}

void boot_progress_step(struct boot_progress *p)
{
    if (p->line < 0) {
        connect_line(p);
        return;
    }
    bool silent = !print_lines(p), late = !patience_left(p->next);
    if (!p->vms && late)
        ask(p);
    else if (p->vms && (silent || late))
        p->done = true;
    if (!p->done)
        return;
    if (p->vms)
        print_vms(p);
    boot_progress_end(p);
}

void boot_progress_end(struct boot_progress *p)
{
    if (p->line >= 0) {
        close(p->line);
        if (p->lock >= 0)
            close(p->lock);
    }
    p->line = -1;
    json_decref(p->vms);
    p->vms = NULL;
    lines_free(&p->in);
}
