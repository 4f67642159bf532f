// The machines that run: a folder each.
// SPDX-License-Identifier: MIT
#include "tools/machines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/patience.h"
#include "tools/schema.h"

enum { LOCK_PATIENCE_MS = 1000 }; // others look at a lock for a moment

static const char *folder_of_all(struct invocation *v)
{
    const char *folder = getenv("BULKHEAD_RUNS");
    return folder && *folder ? folder : arena_format(&v->arena, "%s/run", v->build);
}

int machine_open(const char *path, const char *file, int flags)
{
    char *name;
    if (asprintf(&name, "%s/%s", path, file) < 0)
        return -1;
    int fd = open(name, flags | O_CLOEXEC, 0600);
    free(name);
    return fd;
}

int machine_connect(const char *path, const char *file)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int folder = open(path, O_PATH | O_CLOEXEC), fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%s", folder, file);
    if (fd >= 0 && (folder < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)) {
        close(fd);
        fd = -1;
    }
    if (folder >= 0)
        close(folder);
    return fd;
}

bool machine_alive(const char *path)
{
    int fd = machine_open(path, MACHINE_LOCK, O_RDONLY);
    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return held;
}

json_t *machine_about(const char *path)
{
    int fd = machine_open(path, MACHINE_ABOUT, O_RDONLY);
    json_t *about = fd < 0 ? NULL : json_loadfd(fd, 0, NULL);
    if (fd >= 0)
        close(fd);
    return about;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Names of those that run, sorted.
static struct list running(struct invocation *v, const char *folder)
{
    struct list names = {0};
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && machine_alive(arena_format(&v->arena, "%s/%s", folder, e->d_name)))
            *(const char **)list_add(&v->arena, &names, sizeof(char *)) =
                arena_text(&v->arena, e->d_name, strlen(e->d_name));
    if (d)
        closedir(d);
    if (names.count)
        qsort(names.items, names.count, sizeof(char *), by_name);
    return names;
}

enum outcome machine_find(struct invocation *v, const char **name, const char **path)
{
    const char *folder = folder_of_all(v);
    *name = v->line.options.value[OPTION_RUN].text;
    if (!*name) {
        struct list names = running(v, folder);
        if (names.count > 1) {
            const char *all = "";
            PLAN_EACH(const char *, n, &names)
            all = arena_format(&v->arena, "%s%s%s", all, *all ? ", " : "", *n);
            report_error(&v->report, 0, "several machines run, choose one by --run: %s", all);
            return WRONG_USE;
        }
        if (!names.count) {
            report_error(&v->report, 0, "no machine runs; `bulkhead run CONFIG` starts one");
            return NO_MACHINE;
        }
        *name = *(const char **)names.items;
    }
    *path = arena_format(&v->arena, "%s/%s", folder, *name);
    if (!schema_name_ok(*name) || !machine_alive(*path)) {
        report_error(&v->report, 0, "no machine %s runs", *name);
        return NO_MACHINE;
    }
    v->line.options.value[OPTION_RUN].text = *name;
    return DONE;
}

// What another one left behind, or this one leaves. The lock stays until last.
static void clear(const char *path)
{
    static const char *const files[] = {MACHINE_ABOUT,        MACHINE_CONTROL,   MACHINE_LINE,
                                        MACHINE_CONTROL_LOCK, MACHINE_LINE_LOCK, MACHINE_ARCHIVE};
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; folder >= 0 && i < sizeof files / sizeof files[0]; i++)
        unlinkat(folder, files[i], 0);
    if (folder >= 0)
        close(folder);
}

// False: errno says why; EWOULDBLOCK: another one has it.
static bool take_lock(const char *path, int *lock)
{
    uint64_t deadline = patience_from_now(LOCK_PATIENCE_MS);
    *lock = machine_open(path, MACHINE_LOCK, O_RDWR | O_CREAT);
    while (*lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || !patience_left(deadline))
            return false;
        patience_sleep();
    }
    return *lock >= 0 && fcntl(*lock, F_SETFD, 0) == 0;
}

bool machine_claim(struct invocation *v, const char *name, const char **path, int *lock)
{
    const char *folder = folder_of_all(v);
    *path = arena_format(&v->arena, "%s/%s", folder, name);
    if ((mkdir(folder, 0777) != 0 && errno != EEXIST) || (mkdir(*path, 0700) != 0 && errno != EEXIST))
        return report_error(&v->report, 0, "%s: %s", *path, strerror(errno));
    if (!take_lock(*path, lock))
        return errno == EWOULDBLOCK
                   ? report_error(&v->report, 0, "%s runs already; --run NAME gives another one another name",
                                  name)
                   : report_error(&v->report, 0, "%s/%s: %s", *path, MACHINE_LOCK, strerror(errno));
    clear(*path);
    return true;
}

// The folder and its lock stay: who takes the lock of a file that has no name any more has nothing.
void machine_release(const char *path, int lock)
{
    clear(path);
    close(lock);
}
