// What is wrong with the user's input.
// SPDX-License-Identifier: MIT
#include "tools/report.h"

#include <stdarg.h>

static void write_line(const struct report *r, unsigned line, const char *kind, const char *format,
                       va_list arguments)
{
    if (!r->to)
        return;
    fprintf(r->to, "%s:", r->file);
    if (line)
        fprintf(r->to, "%u:", line);
    fprintf(r->to, " %s", kind);
    vfprintf(r->to, format, arguments);
    fputc('\n', r->to);
}

bool report_error(struct report *r, unsigned line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(r, line, "", format, arguments);
    va_end(arguments);
    r->errors++;
    return false;
}

void report_warning(struct report *r, unsigned line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(r, line, "warning: ", format, arguments);
    va_end(arguments);
}
