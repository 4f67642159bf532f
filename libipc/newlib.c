// What newlib needs of a system: heap, output to the log, an end, per-thread state, locks.
// SPDX-License-Identifier: MIT
//
// There are no files: descriptors 0, 1 and 2 are an empty input and the log. The functions are those of
// newlib's manual, "System Calls"; start.c refers to this file, so that the linker takes it before it looks
// for these names elsewhere.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/lock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libipc/lock.h"
#include "libipc/log.h"
#include "libipc/runtime.h"
#include "libipc/thread.h"

enum { DESCRIPTORS = 3, EXIT_ABORTED = 134, EXIT_SIGNALLED = 128, PAGE = 4096 };

extern char _end[];
static char *heap_at, *heap_end;

void heap_init(uint64_t end)
{
    heap_at = (char *)(((uintptr_t)_end + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    heap_end = (char *)(uintptr_t)end;
}

// malloc() calls it under its own lock.
void *sbrk(ptrdiff_t bytes)
{
    if (bytes > heap_end - heap_at) {
        errno = ENOMEM;
        return (void *)-1;
    }
    char *was = heap_at;
    heap_at += bytes;
    return was;
}

static int bad_descriptor(void)
{
    errno = EBADF;
    return -1;
}

int write(int descriptor, const void *text, size_t bytes)
{
    if (descriptor < 1 || descriptor >= DESCRIPTORS)
        return bad_descriptor();
    log_text(text, bytes);
    return (int)bytes;
}

int read(int descriptor, void *to, size_t bytes)
{
    (void)to, (void)bytes;
    return descriptor == 0 ? 0 : bad_descriptor();
}

int close(int descriptor)
{
    (void)descriptor;
    return bad_descriptor();
}

off_t lseek(int descriptor, off_t offset, int whence)
{
    (void)descriptor, (void)offset, (void)whence;
    errno = ESPIPE;
    return -1;
}

int fstat(int descriptor, struct stat *s)
{
    if (descriptor < 0 || descriptor >= DESCRIPTORS)
        return bad_descriptor();
    memset(s, 0, sizeof *s);
    s->st_mode = S_IFCHR;
    return 0;
}

int isatty(int descriptor)
{
    return descriptor >= 0 && descriptor < DESCRIPTORS;
}

pid_t getpid(void)
{
    return 1;
}

_Noreturn void _exit(int code)
{
    thread_exit((uint64_t)code);
}

int kill(pid_t pid, int signal)
{
    (void)pid;
    log_error("ends by signal %d", signal);
    _exit(EXIT_SIGNALLED + signal);
}

_Noreturn void abort(void)
{
    log_error("aborted at %p", __builtin_return_address(0));
    _exit(EXIT_ABORTED);
}

_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression);
_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression)
{
    log_error("%s:%d: %s(): not true: %s", file, line, function ? function : "?", expression);
    _exit(EXIT_ABORTED);
}

void _init(void);
void _init(void)
{
}

void _fini(void);
void _fini(void)
{
}

struct _reent *__getreent(void)
{
    return &thread_area()->reent;
}

struct __lock {
    struct lock lock;
};

struct __lock __lock___sinit_recursive_mutex, __lock___sfp_recursive_mutex, __lock___atexit_recursive_mutex,
    __lock___at_quick_exit_mutex, __lock___malloc_recursive_mutex, __lock___env_recursive_mutex,
    __lock___tz_mutex, __lock___dd_hash_mutex, __lock___arc4random_mutex;

// Files' locks; when the heap is used up they share one.
static struct __lock shared;

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    *lock = calloc(1, sizeof **lock);
    if (!*lock)
        *lock = &shared;
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    if (lock != &shared)
        free(lock);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    lock_take(&lock->lock);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    return lock_try(&lock->lock);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    lock_drop(&lock->lock);
}

void __retarget_lock_init(_LOCK_T *lock)
{
    __retarget_lock_init_recursive(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    __retarget_lock_close_recursive(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    lock_take(&lock->lock);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return lock_try(&lock->lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
    lock_drop(&lock->lock);
}
