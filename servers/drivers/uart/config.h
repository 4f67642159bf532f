// The serial driver's part of the manifest: {"port": 1016, "output": 65536, "input": 4096}
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

// All of it may be left out: then it is COM1 and its rings.
struct uart_config {
    uint64_t port;          // the first of eight
    uint64_t output, input; // bytes of the rings
};

// False: `error`, of JSON_ERROR_MAX bytes, says why.
bool config_read(struct uart_config *config, const char *text, char *error);
