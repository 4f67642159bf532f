// The parts of expand().
// SPDX-License-Identifier: MIT
#pragma once

#include "tools/expand.h"
#include "tools/kinds.h"

#define PAGE ((uint64_t)4096)
#define MIB  ((uint64_t)1 << 20)
#define GIB  ((uint64_t)1 << 30)

struct scope {
    struct plan *plan;
    const struct config *config;
    const char *vm, *server, *part;       // what '%', '@' and '#' stand for
    uint32_t ram;                         // number of the VM's memory below 4 GiB
    struct list guest_ram;                // struct plan_map: the VM's memory, by guest-physical address
    const char *devices;                  // numbers of its PCI devices, for its monitor's configuration
    unsigned device;                      // the next number
    enum kind_index disk_driver;          // of the host's disk
    struct list channels;                 // struct host_channel: to it
    struct list random_clients;           // const char *: rng servers with a channel to the host's device
    struct list groups;                   // const char *: of the switch's ports, by number
    uint32_t port_count;                  // that the switch has
    uint32_t console_count, log_count;    // that the terminal has
    uint32_t added_logs;                  // of the VM that is added
    uint32_t ram_count;                   // memories of guests
    const struct expand_numbers *numbers; // of a VM that is added; NULL: none is
};

// expand_rows.c: one row each. Names are patterns of the scope's VM and server; no payer: the supervisor.
const char *expand_name(const struct scope *s, const char *pattern);
struct plan_object *expand_object(const struct scope *s, enum manifest_type type, const char *pattern,
                                  const char *payer);
void expand_memory(const struct scope *s, const char *pattern, const char *payer, uint64_t bytes,
                   enum manifest_fill fill);
void expand_cap(const struct scope *s, struct plan_program *to, struct kind_cap row);
void expand_map(const struct scope *s, struct list *maps, struct kind_map row);
void expand_set_text(struct plan_object *o, const char *text);
void expand_account(const struct scope *s, const char *pattern, const char *payer, uint64_t weight);
// A server with all that its kind has. The scope's server is set to it.
struct plan_server *expand_server(struct scope *s, enum kind_index index, const char *config);
// What stands in for a server that has failed for good. more: of its configuration.
void expand_stand_in(struct scope *s, struct plan_server *server, enum kind_index index, const char *more);
struct plan_server *expand_find_server(const struct plan *p, const char *name);
struct plan_object *expand_find_object(const struct plan *p, const char *name);

// expand_vm.c
void expand_vm(struct scope *s, const struct config_vm *c);
void expand_guest_ram(const struct scope *s, struct plan_server *server); // where the monitor has it
// A file that several name is in the archive once, as the first of them called it.
const struct plan_file *expand_file(const struct scope *s, const char *what, const char *path,
                                    size_t aligned);

// expand_devices.c: a server that is PCI device `number` of the scope's VM (proto/bus.h), and what stands in
// for it. Its kind has the rest: what is its own, and beyond a lowered line what its stand-in needs. The
// pointer holds until the next server is added.
struct plan_server *expand_device(struct scope *s, enum kind_index kind, unsigned number, const char *config);
// What stands in for it serves the guest's requests, in the guest's memory (servers/failed/virtio.h).
void expand_virtio_stand_in(const struct scope *s, struct plan_server *server, const char *config);

// expand_disk.c: the disks of the scope's VM
void expand_disks(struct scope *s, const struct config_vm *c);

// expand_ports.c: its ports
void expand_ports(struct scope *s, const struct config_vm *c);

// expand_net.c: its NICs, and the switch, which is there if somebody has one
void expand_switch(struct scope *s);
void expand_nets(struct scope *s, const struct config_vm *c);
// When all NICs are there: the port to the outside, whose server is the driver of the host's card.
void expand_uplink(struct scope *s);

// expand_host.c: the machine's own devices
void expand_host_line(struct scope *s);
// The parts of a virtio function, of that number of virtio's, for the scope's server, its driver. A machine
// without it goes on.
void expand_virtio_function(const struct scope *s, unsigned number);

// expand_rng.c: the random numbers of the scope's VM; then the driver of the host's virtio-rng, if any VM may
// need it.
void expand_rng(struct scope *s, const struct config_vm *c);
void expand_rng_driver(struct scope *s);

// expand_terminal.c. A console of the server that the scope names. The logs come when all servers are there.
struct console_end {
    uint32_t slot;              // where the server has its bit of the terminal's notification
    uint64_t badge;             // the terminal's bit of the server's
    const char *output, *input; // its stream, its ring
};
void expand_terminal(struct scope *s);
void expand_console(struct scope *s, const char *name, struct plan_server *server, struct console_end end);
void expand_logs(struct scope *s);

// expand_control.c
void expand_control(struct scope *s);

// expand_disk_host.c: the driver of the host's disk (proto/block.h). The scope's server, which is a device of
// the scope's VM, gets a channel to a partition; then, when all have theirs, the driver is made, if there are
// any.
void expand_channel(struct scope *s, struct plan_server *server, const char *partition);
void expand_disk_driver(struct scope *s);

// expand_part.c
bool part_of(struct report *r, const struct plan *whole, const char *vm, struct plan *part);
