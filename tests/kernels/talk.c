// A tiny kernel that talks on its serial port: lines at a prompt.
// SPDX-License-Identifier: MIT
//
// "count FIRST LAST" prints these numbers, a line each; "sum" reads up to a Ctrl-D and prints the CRC-32 of
// it; "off" switches the machine off. Everything else is said back. Nothing is echoed.
#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

enum { LINE = 120, CTRL_D = 4, REST = 20000000 };

static char hear(void)
{
    int byte;
    while ((byte = heard()) < 0)
        machine_rest(REST);
    return (char)byte;
}

static void hear_line(char *line)
{
    unsigned length = 0;
    for (char c; (c = hear()) != '\r';)
        if (length < LINE - 1)
            line[length++] = c;
    line[length] = 0;
}

static const char *behind(const char *line, const char *word)
{
    while (*word && *line == *word)
        line++, word++;
    return *word ? 0 : line;
}

static uint32_t number(const char **text)
{
    uint32_t n = 0;
    while (**text == ' ')
        ++*text;
    for (; **text >= '0' && **text <= '9'; ++*text)
        n = n * 10 + (uint32_t)(**text - '0');
    return n;
}

static void say_decimal(uint32_t n)
{
    char digits[11] = {0};
    unsigned at = 10;
    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    say(digits + at);
    say("\r\n");
}

static void count(const char *arguments)
{
    uint32_t first = number(&arguments), last = number(&arguments);
    for (; first <= last; first++)
        say_decimal(first);
    say("counted\r\n");
}

// [IEEE 802.3] 3.2.9, bit by bit.
static void sum(void)
{
    uint32_t crc = UINT32_MAX;
    say("go on\r\n");
    for (char c; (c = hear()) != CTRL_D;) {
        crc ^= (uint8_t)c;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    say_number("sum ", ~crc);
}

_Noreturn void kernel_main(uintptr_t info)
{
    char line[LINE];
    const char *rest;
    struct told t = {0};
    (void)told_by(info, &t);
    say(t.cmdline);
    say("\r\n");
    for (;;) {
        say("> ");
        hear_line(line);
        if ((rest = behind(line, "count")))
            count(rest);
        else if (behind(line, "sum"))
            sum();
        else if (behind(line, "off"))
            machine_off();
        else
            say("you say "), say(line), say("\r\n");
    }
}
