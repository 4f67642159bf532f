// A virtio device as a server: configuration, state object, bus, server loop.
// SPDX-License-Identifier: MIT
//
// All of a small device's main():
//
//     static const struct virtio_kind kind = {.id = 4, .class_code = 0xff0000, .queues = 1, .queue_size = 64,
//                                             .serve = serve};
//     static struct virtio_server server = {.virtio.kind = &kind, .state_kind = 0x676e72, .version = 1};
//
//     int main(void)
//     {
//         virtio_server_configure(&server, NULL, 0, NULL);
//         virtio_server_open(&server);
//         virtio_server_run(&server);
//     }
#pragma once

#include "libipc/json.h"
#include "libipc/server.h"
#include "servers/common/virtio.h"

struct virtio_server {
    struct server server; // first: handlers are given this
    struct virtio virtio;
    struct state state;
    uint32_t state_kind, version; // of the state object
    uint32_t device_bytes;        // of the device's own section, may be 0
    uint32_t device_often; // of these, the first are VIRTIO_CHANGED_DEVICE, the others _REST; 0: all are the
                           // former
    void *device;          // that section, zero when it is new
    bool fresh;            // it is new
    // The back-end stirred (DEVICE_BIT_PEER). May be left out, as the next.
    void (*peer)(struct virtio_server *s);
    // Called once at the tick server.due_at, which the device sets.
    void (*due)(struct virtio_server *s);
    // Behind every commit: what the device shows to others than the guest.
    void (*publish)(struct virtio_server *s);
};

// Opens the log and reads the configuration, the device's part of it by its own table (which may be NULL).
// Dies if it cannot be used, as the next.
void virtio_server_configure(struct virtio_server *s, const struct json_field *fields, size_t field_count,
                             void *config);

// Opens the state object. From here on virtio.kind holds, and server->device is there.
void virtio_server_open(struct virtio_server *s);

// Registers at the bus, goes on where the state says, and serves for ever.
_Noreturn void virtio_server_run(struct virtio_server *s);
