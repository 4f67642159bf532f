// The keys by which a user moves between consoles.
// SPDX-License-Identifier: MIT
#include "servers/terminal/keys.h"

enum { CTRL_C = 0x03, BACKSPACE = 0x08, ESC = 0x1b, DEL = 0x7f };

static enum keys_action command(struct keys *k, uint8_t byte)
{
    static const struct {
        uint8_t key, action;
    } table[] = {{'o', KEYS_OVERVIEW}, {'n', KEYS_NEXT}, {'p', KEYS_PREVIOUS},     {'l', KEYS_LOGS},
                 {'?', KEYS_HELP},     {'a', KEYS_ASK},  {KEYS_ESCAPE, KEYS_SEND}, {ESC, KEYS_NOTHING}};
    k->state = byte == 'a' ? KEYS_NAME : KEYS_TEXT;
    k->length = 0;
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].key == byte)
            return (enum keys_action)table[i].action;
    return KEYS_UNKNOWN;
}

static enum keys_action end(struct keys *k, enum keys_action how)
{
    k->state = KEYS_TEXT;
    k->name[k->length] = 0;
    return k->length ? how : KEYS_CANCEL;
}

static enum keys_action letter(struct keys *k, uint8_t byte)
{
    switch (byte) {
    case '\r':
    case '\n': return end(k, KEYS_ATTACH);
    case CTRL_C:
    case ESC:
    case KEYS_ESCAPE: return end(k, KEYS_CANCEL);
    case BACKSPACE:
    case DEL:
        if (!k->length)
            return KEYS_NOTHING;
        k->length--;
        return KEYS_RUBOUT;
    default: break;
    }
    if (byte <= ' ' || byte > '~' || k->length == sizeof k->name - 1)
        return KEYS_NOTHING;
    k->name[k->length++] = (char)byte;
    return KEYS_ECHO;
}

enum keys_action keys_type(struct keys *k, uint8_t byte)
{
    if (k->state == KEYS_COMMAND)
        return command(k, byte);
    if (k->state == KEYS_NAME)
        return letter(k, byte);
    if (byte != KEYS_ESCAPE)
        return KEYS_SEND;
    k->state = KEYS_COMMAND;
    return KEYS_NOTHING;
}
