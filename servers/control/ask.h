// What control asks others; tests answer in their place.
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/abi/status.h"
#include "libipc/proto/init.h"
#include "libipc/proto/stats.h"

MUST_CHECK enum status ask_status(struct init_status *to);
// By number; NOT_FOUND: nothing has this number, nor any that follows.
MUST_CHECK enum status ask_server(uint64_t number, struct init_server *to);
MUST_CHECK enum status ask_vm(uint64_t number, struct init_vm *to);
MUST_CHECK enum status ask_crash(uint64_t number, struct init_crash *to);
// Up to INIT_TEXT_MAX bytes of its text; *bytes of them.
MUST_CHECK enum status ask_crash_text(uint64_t number, uint64_t from, char *to, uint64_t *bytes);

// The same of a server's configuration.
MUST_CHECK enum status ask_config(uint64_t server, uint64_t from, char *to, uint64_t *bytes);

enum { ASK_COUNTERS = 30, ASK_PRINTED = 1008 };
// Up to ASK_PRINTED bytes of what a console, or the log, has printed; *from becomes where the next are.
MUST_CHECK enum status ask_printed(const char *name, uint64_t *from, char *to, uint64_t *bytes);
MUST_CHECK enum status ask_counters(uint64_t server, uint64_t first, struct stats_entry to[ASK_COUNTERS],
                                    uint64_t *count);

// Of a VM: the first route that something took, from that place on.
MUST_CHECK enum status ask_route(uint64_t vm, uint64_t place, struct init_route *to);

MUST_CHECK enum status ask_command(const struct init_command *c, struct init_answer *to);
void ask_definition(const char *text, uint32_t bytes); // where the supervisor reads it
