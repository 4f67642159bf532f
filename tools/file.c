// Whole files in memory, and files written in one step.
// SPDX-License-Identifier: MIT
#include "tools/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map(struct file *f, int fd)
{
    struct stat s;
    if (fstat(fd, &s) < 0)
        return false;
    if (!S_ISREG(s.st_mode)) {
        errno = EISDIR;
        return false;
    }
    f->size = (size_t)s.st_size;
    if (f->size == 0) { // mmap refuses an empty range
        f->bytes = (const uint8_t *)"";
        return true;
    }
    void *at = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
    f->bytes = at;
    return at != MAP_FAILED;
}

bool file_open(struct file *f, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = map(f, fd);
    int error = errno;
    close(fd);
    errno = error;
    return good;
}

void file_close(struct file *f)
{
    if (f->size)
        munmap((void *)(uintptr_t)f->bytes, f->size);
    *f = (struct file){0};
}

// FNV-1a, of words and of the bytes behind them.
uint64_t file_sum(const struct file *f)
{
    static const uint64_t prime = 0x100000001b3;
    uint64_t sum = 0xcbf29ce484222325 ^ f->size, word;
    size_t at = 0;
    for (; f->size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, f->bytes + at, sizeof word);
        sum = (sum ^ word) * prime;
        sum ^= sum >> 32;
    }
    for (; at < f->size; at++)
        sum = (sum ^ f->bytes[at]) * prime;
    return sum;
}

bool new_file_open(struct new_file *f, const char *path)
{
    *f = (struct new_file){.path = path};
    if (asprintf(&f->scratch, "%s.%ld.new", path, (long)getpid()) < 0) {
        f->scratch = NULL;
        return false;
    }
    f->to = fopen(f->scratch, "wb");
    if (f->to)
        return true;
    free(f->scratch);
    return false;
}

bool new_file_done(struct new_file *f)
{
    bool good = !ferror(f->to) && fflush(f->to) == 0;
    good = fclose(f->to) == 0 && good && rename(f->scratch, f->path) == 0;
    if (!good) {
        int error = errno;
        unlink(f->scratch);
        errno = error;
    }
    free(f->scratch);
    return good;
}

void new_file_drop(struct new_file *f)
{
    fclose(f->to);
    unlink(f->scratch);
    free(f->scratch);
}
