// A line of a client's, read: which command, with which arguments.
// SPDX-License-Identifier: MIT
//
// Pure: what is asked of whom is in commands.h.
#pragma once

#include "libipc/proto/init.h"
#include "servers/control/out.h"
#include "servers/control/value.h"

enum { REQUEST_ID_MAX = 1024 };

enum error_class {
    ERROR_NONE,
    ERROR_BAD_JSON,
    ERROR_COMMAND_NOT_FOUND,
    ERROR_BAD_ARGUMENTS,
    ERROR_NOT_FOUND,
    ERROR_WRONG_STATE,
    ERROR_NO_MEMORY,
    ERROR_FAILED
};

struct error {
    enum error_class class;
    char text[240];
};

enum command {
    COMMAND_CAPABILITIES,
    COMMAND_GREETING,
    COMMAND_QUERY_STATUS,
    COMMAND_QUERY_SERVERS,
    COMMAND_QUERY_VMS,
    COMMAND_QUERY_CRASHES,
    COMMAND_QUERY_STATS,
    COMMAND_QUERY_DISKS,
    COMMAND_QUERY_LOG,
    COMMAND_KILL,
    COMMAND_VM_CREATE,
    COMMAND_VM_START,
    COMMAND_VM_STOP,
    COMMAND_VM_PAUSE,
    COMMAND_VM_RESUME,
    COMMAND_VM_RESET,
    COMMAND_VM_DESTROY,
    COMMAND_SHUTDOWN,
    COMMANDS
};

struct request {
    enum command command;
    struct value id;      // VALUE_NONE: there is none
    char name[INIT_NAME]; // of a VM or server; empty: not given
    bool force;
    uint64_t from;
    struct value definition;
};

// False: *e says why. The id is there as soon as the line is an object.
bool request_read(struct request *q, const char *line, uint32_t length, struct error *e);

__attribute__((format(printf, 3, 4))) bool error_set(struct error *e, enum error_class class,
                                                     const char *format, ...); // false

// The line that answers it, around its result; an error takes the result's place.
void answer_begin(struct out *o);
void answer_end(struct out *o, const struct request *q, const struct error *e);
void greeting_write(struct out *o);
void event_write(struct out *o, const struct init_event *event);
