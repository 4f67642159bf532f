// What every server finds where: capability slots and mapped windows.
// SPDX-License-Identifier: MIT
//
// The supervisor fills these from the manifest before a server's first instruction, the same at each restart.
// A server maps nothing itself. Small memory objects (up to 2 MiB) take 2 MiB windows, larger ones 1 GiB
// windows. Slots and windows behind the common ones belong to the kind of server.
#pragma once

#include <stdint.h>

enum server_slot {
    SLOT_PROCESS = 1,      // itself: pay, control
    SLOT_THREAD = 2,       // its first thread
    SLOT_ENDPOINT = 3,     // receive: its own endpoint
    SLOT_NOTIFICATION = 4, // receive: to be bound to its first thread
    SLOT_LOG_SIGNAL = 5,   // send: the terminal's notification, "there is something in my log ring"
    SLOT_INIT = 6,         // send: the supervisor's endpoint (proto/init.h)
    SLOT_REPLY = 8,        // 8..15: reply objects that it makes itself
    SLOT_SPECIFIC = 32,    // what its kind needs, below
    SLOT_OWN = 128         // from here on: what it makes itself
};

// Windows of all servers.
#define MAP_STATE  UINT64_C(0x10000000) // its state object
#define MAP_CONFIG UINT64_C(0x10200000) // read-only: its part of the manifest, JSON text, NUL-terminated
#define MAP_LOG    UINT64_C(0x10400000) // its log ring (libipc/log.h)
#define MAP_CLOCK  UINT64_C(0x10600000) // read-only, of monitors: struct host_clock (proto/clock.h)
#define MAP_STATS  UINT64_C(0x10800000) // its counters: struct stats_page (proto/stats.h)

// Capacities of the rings of bytes (libipc/ring.h); their heads take one more page.
#define LOG_RING_BYTES    0x4000u
#define OUTPUT_RING_BYTES 0x10000u
#define INPUT_RING_BYTES  0x1000u
#define RING_PAGES(bytes) ((bytes) / 4096 + 1)

// Bytes of the state objects, by kind of server.
#define VMM_STATE_BYTES      (512u << 10)
#define CONSOLE_STATE_BYTES  (64u << 10)
#define TERMINAL_STATE_BYTES (128u << 10)
#define TESTDEV_STATE_BYTES  (384u << 10)
#define MEMORY_STATE_BYTES   (512u << 10)
#define DEVICE_STATE_BYTES   (24u << 10)
#define CONTROL_STATE_BYTES  (16u << 10)
#define SWITCH_STATE_BYTES   (64u << 10)

// vmm
enum vmm_slot {
    VMM_SLOT_VM = SLOT_SPECIFIC,          // control: routes
    VMM_SLOT_VCPU = SLOT_SPECIFIC + 1,    // control: kick; + number
    VMM_SLOT_MEMORY = SLOT_SPECIFIC + 63, // send: the pager, for its guest's images (proto/memory.h)
    // + device number (proto/bus.h), send: what the routes to a PCI function lead to.
    VMM_SLOT_DEVICE_BITS = SLOT_SPECIFIC + 64, // its notification, DEVICE_BIT_BUS
    VMM_SLOT_DEVICE = SLOT_SPECIFIC + 80,      // its endpoint
};
#define VMM_MAP_LINE   UINT64_C(0x11000000)   // + 2 MiB * device number: struct line_page, or device_page
#define VMM_MAP_PANEL  UINT64_C(0x13000000)   // read-only: struct vm_panel (proto/panel.h)
#define VMM_MAP_RAM    UINT64_C(0x100000000)  // guest memory
#define VMM_MAP_KERNEL UINT64_C(0x8000000000) // read-only: the guest's kernel image
#define VMM_MAP_INITRD UINT64_C(0x8100000000) // read-only: its initial RAM disk
// Bits of its notification.
#define VMM_BIT_LINES UINT64_C(1) // some line page changed
#define VMM_BIT_PANEL UINT64_C(2) // a button was pressed

// All servers that are a PCI function of a VM (proto/bus.h).
enum device_slot {
    DEVICE_SLOT_BUS = SLOT_SPECIFIC,      // send: the monitor's endpoint, BUS_BADGE_DEVICE + number
    DEVICE_SLOT_VMM = SLOT_SPECIFIC + 1,  // send: the monitor's notification, VMM_BIT_LINES
    DEVICE_SLOT_PEER = SLOT_SPECIFIC + 2, // send: the notification of who serves its back-end
};
#define DEVICE_MAP_LINE UINT64_C(0x11000000) // struct device_page
// Of those whose back-end is a host driver.
#define DEVICE_MAP_CHANNEL  UINT64_C(0x11200000) // struct block_channel, or struct random_channel
#define DEVICE_MAP_BUFFER   UINT64_C(0x11400000) // of disks: its BLOCK_PAGES pages
#define DEVICE_MAP_PORT     UINT64_C(0x11200000) // of a NIC: its port of the switch (proto/net.h)
#define DEVICE_MAP_RAM      VMM_MAP_RAM          // guest memory, where the monitor has it
#define DEVICE_BIT_QUEUE(i) (UINT64_C(1) << (i)) // doorbell i
#define DEVICE_BIT_BUS      (UINT64_C(1) << 32)  // struct device_page: the bus wrote something
#define DEVICE_BIT_PEER     (UINT64_C(1) << 33)  // the back-end has something

// disk (proto/disk.h)
#define DISK_MAP_BASE UINT64_C(0x10000000000) // read-only: what it held at first
#define DISK_MAP_DATA UINT64_C(0x20000000000) // what was written, in memory

// ports (a virtio console device). Its configuration: {"names": those of its ports, a space between them}.
enum { PORTS_MAX = 6 };
enum ports_slot { PORTS_SLOT_PORT = SLOT_SPECIFIC + 8 }; // + port, send: TERMINAL_BIT_CONSOLE of its console
#define PORTS_MAP_PORTS UINT64_C(0x12000000) // + 4 MiB * port: stream, and 2 MiB behind each a ring of input

// console (the 16550A of a VM)
enum console_slot {
    CONSOLE_SLOT_VMM = SLOT_SPECIFIC,          // send: the VMM's notification, VMM_BIT_LINES
    CONSOLE_SLOT_TERMINAL = SLOT_SPECIFIC + 1, // send: the terminal's notification, TERMINAL_BIT_CONSOLE
};
#define CONSOLE_MAP_LINE   UINT64_C(0x11000000) // struct line_page of the VM's COM1
#define CONSOLE_MAP_OUTPUT UINT64_C(0x11200000) // stream of what the guest prints (libipc/stream.h)
#define CONSOLE_MAP_INPUT  UINT64_C(0x11400000) // byte ring of what is typed for it
#define CONSOLE_BIT_INPUT  UINT64_C(1)          // something was typed

// terminal (consoles and logs on the host's line). Its configuration: {"level": one of log_level_names}.
enum terminal_slot {
    TERMINAL_SLOT_UART = SLOT_SPECIFIC,        // send: the uart driver's notification, UART_BIT_RING
    TERMINAL_SLOT_CONSOLE = SLOT_SPECIFIC + 1, // + number, send: its server's notification, CONSOLE_BIT_INPUT
};
#define TERMINAL_MAP_OUTPUT UINT64_C(0x11200000) // byte ring to the host's line
#define TERMINAL_MAP_INPUT  UINT64_C(0x11400000) // byte ring from the host's line
#define TERMINAL_MAP_NAMES  UINT64_C(0x11600000) // read-only: struct terminal_names (proto/terminal.h)
#define TERMINAL_MAP_LOG    UINT64_C(0x11800000) // stream of the lines of all logs
#define TERMINAL_MAP_LOGS   UINT64_C(0x20000000) // + 2 MiB * number: log rings
#define TERMINAL_MAP_CONSOLES                                                                                \
    UINT64_C(0x40000000)                    // + 4 MiB * number: streams, and 2 MiB behind each its input
#define TERMINAL_BIT_LOG        UINT64_C(1) // a log ring has something
#define TERMINAL_BIT_UART       UINT64_C(2) // input arrived, or output has room
#define TERMINAL_BIT_CONSOLE(i) (UINT64_C(4) << (i)) // console i printed something, or has room for input

// drivers/uart: its rings are its only state. Its configuration, all of it optional: {"port": the first of
// eight, "output", "input": bytes of the rings}
enum uart_slot {
    UART_SLOT_IRQ = SLOT_SPECIFIC,         // control
    UART_SLOT_IOPORTS = SLOT_SPECIFIC + 1, // the line's 8 ports
    UART_SLOT_PEER = SLOT_SPECIFIC + 2,    // send: the notification of the rings' other end
    UART_SLOT_IRQ_SIGNAL =
        SLOT_SPECIFIC + 3, // send: its own notification with UART_BIT_IRQ, to bind the interrupt to
};
#define UART_MAP_OUTPUT UINT64_C(0x11200000)
#define UART_MAP_INPUT  UINT64_C(0x11400000)
#define UART_BIT_IRQ    UINT64_C(1)
#define UART_BIT_RING   UINT64_C(2) // output waits, or input has room

// Host drivers with clients, each at the end of a channel. drivers/virtio-blk and drivers/ata
// (proto/block.h): channel n is the n-th of the configuration, {"channels": [names of partitions]}.
// drivers/virtio-rng (proto/random.h): {"channels": how many}.
#define DRIVER_CHANNELS_MAX 32u
enum driver_slot {
    // + number
    DRIVER_SLOT_IRQ = SLOT_SPECIFIC,            // control
    DRIVER_SLOT_IRQ_SIGNAL = SLOT_SPECIFIC + 4, // send: its own notification, DRIVER_BIT_IRQ(number)
    DRIVER_SLOT_IOPORTS = SLOT_SPECIFIC + 8,    // control
    DRIVER_SLOT_DEVICE = SLOT_SPECIFIC + 16,    // control: its PCI function
    DRIVER_SLOT_DMA = SLOT_SPECIFIC + 17,       // its own DMA memory, for the addresses of its pages
    // + channel
    DRIVER_SLOT_CLIENT = SLOT_SPECIFIC + 32, // send: the client's notification, DEVICE_BIT_PEER
    DRIVER_SLOT_BUFFER = SLOT_SPECIFIC + 64, // of block drivers: the channel's pages, for their addresses
};
#define DRIVER_MAP_DMA        UINT64_C(0x11000000) // its own DMA memory: queues, buffers
#define DRIVER_MAP_BAR        UINT64_C(0x11200000) // + 2 MiB * number of the BAR, up to 6
#define DRIVER_MAP_CHANNEL    UINT64_C(0x12000000) // + 2 MiB * channel: as DEVICE_MAP_CHANNEL
#define DRIVER_MAP_BUFFER     UINT64_C(0x16000000) // + 2 MiB * channel: of block drivers: its BLOCK_PAGES pages
#define DRIVER_BIT_CHANNEL(n) (UINT64_C(1) << (n))        // the client changed something
#define DRIVER_BIT_IRQ(n)     (UINT64_C(1) << (32 + (n))) // interrupt n

// switch. Port n (proto/net.h) is there if the table of names says so.
enum switch_slot {
    SWITCH_SLOT_PORT = SLOT_SPECIFIC, // + port, send: its server's notification, DEVICE_BIT_PEER
};
#define SWITCH_MAP_NAMES  UINT64_C(0x11000000) // read-only: struct name_entry[NET_PORTS_MAX]
#define SWITCH_MAP_COUNTS UINT64_C(0x11200000) // struct net_counts
#define SWITCH_MAP_PORT   UINT64_C(0x20000000) // + 2 MiB * port: its memory
#define SWITCH_MAP_RULES                                                                                     \
    UINT64_C(0x30000000) // + 2 MiB * port, read-only: text, its place in the configuration
#define SWITCH_BIT_PORT(n) (UINT64_C(1) << (n)) // its server has sent something, or read when all was full

// An uplink of the switch is a host driver whose channel 0 is its port: DRIVER_MAP_CHANNEL, NET_PORT_BYTES;
// DRIVER_SLOT_CLIENT, send: the switch's notification, its SWITCH_BIT_PORT; DRIVER_BIT_CHANNEL(0).

// drivers/virtio-*: of BAR 4 they have the first pages, where all the registers lie
#define VIRTIO_DRIVER_BAR       4u
#define VIRTIO_DRIVER_BAR_PAGES 4u
#define VIRTIO_DRIVER_MAP_BAR   (DRIVER_MAP_BAR + VIRTIO_DRIVER_BAR * UINT64_C(0x200000))
#define VIRTIO_BLK_DMA_PAGES    8u
#define VIRTIO_RNG_DMA_PAGES    11u
#define VIRTIO_NET_DMA_PAGES    70u

// control: its rings lead to a driver of the host's second line
enum control_slot {
    CONTROL_SLOT_UART = SLOT_SPECIFIC,         // send: that driver's notification, UART_BIT_RING
    CONTROL_SLOT_TERMINAL = SLOT_SPECIFIC + 1, // send: the terminal, for what was printed
};
#define CONTROL_OUTPUT_BYTES   0x40000u
#define CONTROL_INPUT_BYTES    0x20000u
#define CONTROL_MAP_OUTPUT     UINT64_C(0x11200000)
#define CONTROL_MAP_INPUT      UINT64_C(0x11400000)
#define CONTROL_MAP_EVENTS     UINT64_C(0x11600000) // ring of struct init_event (proto/init.h)
#define CONTROL_MAP_DEFINITION UINT64_C(0x11800000) // text for the supervisor, INIT_DEFINITION_MAX bytes
#define CONTROL_BIT_UART       UINT64_C(1)          // a line arrived, or output has room
#define CONTROL_BIT_EVENT      UINT64_C(2)

// memory
enum memory_slot {
    MEMORY_SLOT_ARCHIVE = SLOT_SPECIFIC,     // control: the boot archive, base of borrowed pages
    MEMORY_SLOT_POOL = SLOT_SPECIFIC + 1,    // control: + number: free RAM
    MEMORY_SLOT_FILLED = SLOT_SPECIFIC + 31, // send: its own notification, MEMORY_BIT_FILLED
    MEMORY_SLOT_RAM =
        SLOT_SPECIFIC + 32, // control: + number: guests' memory; the badge of its page faults is 1 + number
};
#define MEMORY_MAP_POOLS   UINT64_C(0x11000000)     // read-only: struct pool_table (proto/init.h)
#define MEMORY_MAP_ARCHIVE UINT64_C(0x4000000000)   // read-only
#define MEMORY_MAP_POOL    UINT64_C(0x10000000000)  // + 1 TiB * number
#define MEMORY_MAP_RAM     UINT64_C(0x200000000000) // + 1 TiB * number, up to 64
#define MEMORY_MAP_RAMS    UINT64_C(0x11200000)     // struct ram_table (proto/memory.h)
#define MEMORY_BIT_FILLED  UINT64_C(1)              // pages were zeroed ahead
#define MEMORY_BIT_RAMS    UINT64_C(2)              // the table of memories changed

// failed (stands in for a server that has failed for good): what it is given lies where that server had it.
// Its configuration, all of it optional:
//   "state": bytes of the state object, whose stored replies hold
//   "line": true: the lines of FAILED_MAP_LINE are to fall
//   "virtio": number of the virtio device that it was, with "queues", "memory" and "sectors" as that had
//   them; what it
//       mapped of state, counters, line page and guest memory lies where it had it
//   "bus": true: it was a PCI function, whose page FAILED_MAP_LINE is; the bus is told that it may be missing
//   "prints": true: what comes through FAILED_MAP_OUTPUT goes to the kernel's debug output
//   "channels": how many block channels lie where a driver has them: what is SUBMITTED ends with an error
//   "links": true: the links of all ports of the switch are down
//   "logs": true: lines of TERMINAL_MAP_LOGS up to "level" go into FAILED_MAP_OUTPUT
enum failed_slot {                       // as enum device_slot
    FAILED_SLOT_BUS = DEVICE_SLOT_BUS,   // send: the monitor's endpoint, BUS_BADGE_DEVICE + number
    FAILED_SLOT_VMM = DEVICE_SLOT_VMM,   // send: the VMM's notification, VMM_BIT_LINES
    FAILED_SLOT_PEER = DEVICE_SLOT_PEER, // send: the notification of who is at the output's other end
};
#define FAILED_MAP_LINE   UINT64_C(0x11000000)
#define FAILED_MAP_OUTPUT UINT64_C(0x11200000)

// testdev (what the suite kvm-unit-tests expects of a machine): the badge of each of its routes
enum testdev_route {
    TESTDEV_ROUTE_PORTS = 1, // 0xe0 to 0xeb
    TESTDEV_ROUTE_EXIT,      // 0xf4 to 0xf7
    TESTDEV_ROUTE_LINES,     // 0x2000 to 0x2017
    TESTDEV_ROUTE_MEMORY     // 64 KiB at 0xff000000
};
enum testdev_slot { TESTDEV_SLOT_VMM = SLOT_SPECIFIC }; // send: the VMM's notification, VMM_BIT_LINES
#define TESTDEV_MAP_LINES UINT64_C(0x11000000)          // one struct line_page a line, one behind the other
