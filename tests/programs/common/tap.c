// Test results in TAP.
// SPDX-License-Identifier: MIT
#include "tests/programs/common/tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/status.h"
#include "libipc/syscall.h"

static unsigned results, failures;

static void put(char line[LOG_LINE_MAX], int bytes)
{
    size_t n = (size_t)bytes < LOG_LINE_MAX ? (size_t)bytes : LOG_LINE_MAX - 1;
    line[n] = '\n';
    log_raw(line, n + 1);
}

void tap_note(const char *format, ...)
{
    char line[LOG_LINE_MAX] = "# ";
    va_list arguments;
    va_start(arguments, format);
    put(line, 2 + vsnprintf(line + 2, sizeof line - 2, format, arguments));
    va_end(arguments);
}

_Noreturn void tap_bail_out(const char *format, ...)
{
    char line[LOG_LINE_MAX] = "Bail out! ";
    int at = (int)strlen(line);
    va_list arguments;
    va_start(arguments, format);
    put(line, at + vsnprintf(line + at, sizeof line - (size_t)at, format, arguments));
    va_end(arguments);
    for (;;)
        (void)!sys_machine(ROOT_SLOT_SYSTEM, MACHINE_POWEROFF, 2);
}

static void put_result(bool ok, const char *what, va_list arguments)
{
    char line[LOG_LINE_MAX];
    results++;
    failures += !ok;
    int at = snprintf(line, sizeof line, "%s %u - ", ok ? "ok" : "not ok", results);
    put(line, at + vsnprintf(line + at, sizeof line - (size_t)at, what, arguments));
}

void tap_result(bool ok, const char *where, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    put_result(ok, what, arguments);
    va_end(arguments);
    if (!ok)
        tap_note("not true: %s", where);
}

void tap_status(enum status got, enum status want, const char *where, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    put_result(got == want, what, arguments);
    va_end(arguments);
    if (got != want)
        tap_note("%s, not %s: %s", status_name(got), status_name(want), where);
}

unsigned tap_end(void)
{
    char line[LOG_LINE_MAX];
    put(line, snprintf(line, sizeof line, "1..%u", results));
    return failures;
}
