// The kinds of servers, as tables.
// SPDX-License-Identifier: MIT
#include "tools/kinds.h"

#include "libipc/proto/init.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/memory.h"
#include "libipc/proto/net.h"
#include "libipc/stream.h"

#define KIB 1024ull

const struct kind_cap common_caps[] = {
    {SLOT_PROCESS, OBJECT_SELF_PROCESS, "rcp", 0},
    {SLOT_THREAD, OBJECT_SELF_THREAD, "rc", 0},
    {SLOT_ENDPOINT, "@", "v", 0},
    {SLOT_NOTIFICATION, "@.bits", "v", 0},
    {SLOT_LOG_SIGNAL, "terminal.bits", "s", TERMINAL_BIT_LOG},
    {SLOT_INIT, OBJECT_INIT, "s", 0},
    {0},
};

const struct kind_map common_maps[] = {
    {MAP_CONFIG, "@.config", "r"},
    {MAP_LOG, "@.log", "rw"},
    {0},
};

// Of what stands in for a server.
const struct kind_cap common_failed_caps[] = {
    {SLOT_PROCESS, OBJECT_SELF_PROCESS, "p", 0},
    {SLOT_THREAD, OBJECT_SELF_THREAD, "c", 0},
    {SLOT_ENDPOINT, "@", "v", 0},
    {SLOT_NOTIFICATION, "@.bits", "v", 0},
    {SLOT_LOG_SIGNAL, "terminal.bits", "s", TERMINAL_BIT_LOG},
    {0},
};

const struct kind_map common_failed_maps[] = {
    {MAP_CONFIG, "@.failed", "r"},
    {MAP_LOG, "@.log", "rw"},
    {0},
};

// Guests' memory and the pools are added by number (expand_vm.c).
static const struct kind_cap memory_caps[] = {
    {MEMORY_SLOT_ARCHIVE, OBJECT_ARCHIVE, "rc", 0},
    {MEMORY_SLOT_POOL, OBJECT_RAM, "rc", 0},
    {MEMORY_SLOT_FILLED, "@.bits", "s", MEMORY_BIT_FILLED},
    {0},
};

static const struct kind_map memory_maps[] = {
    {MAP_STATE, "@.state", "rw"},        {MEMORY_MAP_POOLS, "@.pools", "r"},
    {MEMORY_MAP_RAMS, "@.rams", "rw"},   {MEMORY_MAP_ARCHIVE, OBJECT_ARCHIVE, "r"},
    {MEMORY_MAP_POOL, OBJECT_RAM, "rw"}, {0},
};

static const struct kind_memory memory_memory[] = {
    {"@.state", MEMORY_STATE_BYTES}, {"@.rams", sizeof(struct ram_table)}, {0}};

static const struct kind_cap uart_caps[] = {
    {UART_SLOT_IRQ, "uart.irq", "c", 0},
    {UART_SLOT_IOPORTS, "uart.ports", "c", 0},
    {UART_SLOT_PEER, "terminal.bits", "s", TERMINAL_BIT_UART},
    {UART_SLOT_IRQ_SIGNAL, "uart.bits", "s", UART_BIT_IRQ},
    {0},
};

static const struct kind_map uart_maps[] = {
    {UART_MAP_OUTPUT, "uart.output", "rw"},
    {UART_MAP_INPUT, "uart.input", "rw"},
    {0},
};

static const struct kind_memory uart_memory[] = {
    {"uart.output", RING_PAGES(OUTPUT_RING_BYTES) * 4 * KIB},
    {"uart.input", RING_PAGES(INPUT_RING_BYTES) * 4 * KIB},
    {0},
};

static const struct kind_cap uart_failed_caps[] = {
    {FAILED_SLOT_PEER, "terminal.bits", "s", TERMINAL_BIT_UART}, {0}};

static const struct kind_map uart_failed_maps[] = {{FAILED_MAP_OUTPUT, "uart.output", "rw"}, {0}};

static const struct kind_cap uart2_caps[] = {
    {UART_SLOT_IRQ, "uart2.irq", "c", 0},
    {UART_SLOT_IOPORTS, "uart2.ports", "c", 0},
    {UART_SLOT_PEER, "control.bits", "s", CONTROL_BIT_UART},
    {UART_SLOT_IRQ_SIGNAL, "uart2.bits", "s", UART_BIT_IRQ},
    {0},
};

static const struct kind_map uart2_maps[] = {
    {UART_MAP_OUTPUT, "uart2.output", "rw"},
    {UART_MAP_INPUT, "uart2.input", "rw"},
    {0},
};

static const struct kind_memory uart2_memory[] = {
    {"uart2.output", RING_PAGES(CONTROL_OUTPUT_BYTES) * 4 * KIB},
    {"uart2.input", RING_PAGES(CONTROL_INPUT_BYTES) * 4 * KIB},
    {0},
};

static const struct kind_cap control_caps[] = {
    {CONTROL_SLOT_UART, "uart2.bits", "s", UART_BIT_RING},
    {CONTROL_SLOT_TERMINAL, "terminal", "s", 1},
    {0},
};

static const struct kind_map control_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {CONTROL_MAP_OUTPUT, "uart2.output", "rw"},
    {CONTROL_MAP_INPUT, "uart2.input", "rw"},
    {CONTROL_MAP_EVENTS, "control.events", "rw"},
    {CONTROL_MAP_DEFINITION, "control.definition", "rw"},
    {0},
};

static const struct kind_memory control_memory[] = {
    {"@.state", CONTROL_STATE_BYTES},
    {"control.events", INIT_EVENT_BYTES},
    {"control.definition", INIT_DEFINITION_MAX},
    {0},
};

// Consoles, and the logs of all servers, are added as there are (expand_terminal.c).
static const struct kind_cap terminal_caps[] = {
    {TERMINAL_SLOT_UART, "uart.bits", "s", UART_BIT_RING},
    {0},
};

static const struct kind_map terminal_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {TERMINAL_MAP_OUTPUT, "uart.output", "rw"},
    {TERMINAL_MAP_INPUT, "uart.input", "rw"},
    {TERMINAL_MAP_NAMES, "@.names", "r"},
    {TERMINAL_MAP_LOG, "@.stream", "rw"},
    {0},
};

static const struct kind_memory terminal_memory[] = {
    {"@.state", TERMINAL_STATE_BYTES}, {"@.stream", STREAM_PAGES * 4 * KIB}, {0}};

static const struct kind_cap terminal_failed_caps[] = {{FAILED_SLOT_PEER, "uart.bits", "s", UART_BIT_RING},
                                                       {0}};

static const struct kind_map terminal_failed_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {FAILED_MAP_OUTPUT, "uart.output", "rw"},
    {TERMINAL_MAP_NAMES, "@.names", "r"},
    {0},
};

// Its bit of the terminal's notification is added by number (expand_terminal.c).
static const struct kind_cap console_caps[] = {
    {CONSOLE_SLOT_VMM, "vmm.%.bits", "s", VMM_BIT_LINES},
    {0},
};

static const struct kind_map console_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {CONSOLE_MAP_LINE, "%.line0", "rw"},
    {CONSOLE_MAP_OUTPUT, "@.output", "rw"},
    {CONSOLE_MAP_INPUT, "@.input", "rw"},
    {0},
};

static const struct kind_memory console_memory[] = {
    {"@.state", CONSOLE_STATE_BYTES},
    {"%.line0", 4 * KIB},
    {"@.output", STREAM_PAGES * 4 * KIB},
    {"@.input", RING_PAGES(INPUT_RING_BYTES) * 4 * KIB},
    {0},
};

static const struct kind_cap console_failed_caps[] = {{FAILED_SLOT_VMM, "vmm.%.bits", "s", VMM_BIT_LINES},
                                                      {0}};

static const struct kind_map console_failed_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {FAILED_MAP_LINE, "%.line0", "rw"},
    {0},
};

// Guest memory and images are added as there are (expand_vm.c).
static const struct kind_cap vmm_caps[] = {
    {VMM_SLOT_VM, "%.vm", "c", 0},
    {VMM_SLOT_VCPU, "%.vcpu0", "rc", 0},
    {0},
};

static const struct kind_map vmm_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {MAP_CLOCK, "clock", "r"},
    {VMM_MAP_PANEL, "%.panel", "r"},
    {0},
};

static const struct kind_memory vmm_memory[] = {{"@.state", VMM_STATE_BYTES}, {"%.panel", 4 * KIB}, {0}};

static const struct kind_cap testdev_caps[] = {{TESTDEV_SLOT_VMM, "vmm.%.bits", "s", VMM_BIT_LINES}, {0}};

static const struct kind_map testdev_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {TESTDEV_MAP_LINES, "%.line1", "rw"},
    {0},
};

static const struct kind_cap testdev_failed_caps[] = {{FAILED_SLOT_VMM, "vmm.%.bits", "s", VMM_BIT_LINES},
                                                      {0}};

static const struct kind_map testdev_failed_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {FAILED_MAP_LINE, "%.line1", "rw"},
    {0},
};

static const struct kind_memory testdev_memory[] = {
    {"@.state", TESTDEV_STATE_BYTES}, {"%.line1", 4 * KIB}, {0}};

// What all PCI devices have is added with their number (expand_devices.c), what their back-ends are made of,
// too (expand_disk.c).
static const struct kind_cap no_caps[] = {{0}};

static const struct kind_map state_maps[] = {{MAP_STATE, "@.state", "rw"}, {0}};

static const struct kind_map device_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {MAP_STATS, "@.stats", "rw"},
    {0},
};

static const struct kind_memory testpci_memory[] = {{"@.state", DEVICE_STATE_BYTES}, {0}};

static const struct kind_memory device_memory[] = {
    {"@.state", DEVICE_STATE_BYTES}, {"@.stats", 4 * KIB}, {0}};

// Its ports are added by number (expand_net.c).
static const struct kind_map switch_maps[] = {
    {MAP_STATE, "@.state", "rw"},
    {SWITCH_MAP_NAMES, "@.names", "r"},
    {SWITCH_MAP_COUNTS, "@.counts", "rw"},
    {0},
};

static const struct kind_map switch_failed_maps[] = {
    {MAP_STATE, "@.state", "rw"}, {SWITCH_MAP_NAMES, "@.names", "r"}, {0}};

static const struct kind_memory switch_memory[] = {
    {"@.state", SWITCH_STATE_BYTES}, {"@.counts", sizeof(struct net_counts)}, {0}};

// Drivers of virtio functions of the host. Their channels are added by number (expand_disk_host.c,
// expand_rng.c, expand_net.c), the function's parts are made (expand_host.c).
static const struct kind_cap virtio_driver_caps[] = {
    {DRIVER_SLOT_IRQ, "@.irq", "c", 0},
    {DRIVER_SLOT_IRQ_SIGNAL, "@.bits", "s", DRIVER_BIT_IRQ(0)},
    {DRIVER_SLOT_DEVICE, "@.device", "c", 0},
    {DRIVER_SLOT_DMA, "@.dma", "rw", 0},
    {0},
};

static const struct kind_map virtio_driver_maps[] = {
    {DRIVER_MAP_DMA, "@.dma", "rw"},
    {VIRTIO_DRIVER_MAP_BAR, "@.registers", "rw"},
    {0},
};

static const struct kind_memory virtio_blk_memory[] = {{"@.dma", VIRTIO_BLK_DMA_PAGES * 4 * KIB}, {0}};
static const struct kind_memory virtio_rng_memory[] = {{"@.dma", VIRTIO_RNG_DMA_PAGES * 4 * KIB}, {0}};

static const struct kind_map virtio_net_maps[] = {
    {MAP_STATS, "@.stats", "rw"},
    {DRIVER_MAP_DMA, "@.dma", "rw"},
    {VIRTIO_DRIVER_MAP_BAR, "@.registers", "rw"},
    {0},
};

static const struct kind_memory virtio_net_memory[] = {
    {"@.stats", 4 * KIB}, {"@.dma", VIRTIO_NET_DMA_PAGES * 4 * KIB}, {0}};

// Ports and interrupts that every PC has had for it.
static const struct kind_cap ata_caps[] = {
    {DRIVER_SLOT_IRQ, "@.irq0", "c", 0},
    {DRIVER_SLOT_IRQ + 1, "@.irq1", "c", 0},
    {DRIVER_SLOT_IRQ_SIGNAL, "@.bits", "s", DRIVER_BIT_IRQ(0)},
    {DRIVER_SLOT_IRQ_SIGNAL + 1, "@.bits", "s", DRIVER_BIT_IRQ(1)},
    {DRIVER_SLOT_IOPORTS, "@.ports0", "c", 0},
    {DRIVER_SLOT_IOPORTS + 1, "@.control0", "c", 0},
    {DRIVER_SLOT_IOPORTS + 2, "@.ports1", "c", 0},
    {DRIVER_SLOT_IOPORTS + 3, "@.control1", "c", 0},
    {0},
};

static const struct kind_map no_maps[] = {{0}};
static const struct kind_memory no_memory[] = {{0}};

const struct kind kinds[KINDS] = {
    [KIND_MEMORY] = {.name = "memory",
                     .image = "memory",
                     .quota = 512 * KIB,
                     .heap = 256 * KIB,
                     .slots = 256,
                     .priority = 28,
                     .caps = memory_caps,
                     .maps = memory_maps,
                     .memory = memory_memory},
    [KIND_UART] = {.name = "uart",
                   .image = "drivers/uart",
                   .quota = 128 * KIB,
                   .heap = 32 * KIB,
                   .slots = 160,
                   .priority = 30,
                   .takes_console = true,
                   .caps = uart_caps,
                   .maps = uart_maps,
                   .memory = uart_memory,
                   .failed_caps = uart_failed_caps,
                   .failed_maps = uart_failed_maps},
    [KIND_TERMINAL] = {.name = "terminal",
                       .image = "terminal",
                       .quota = 512 * KIB,
                       .heap = 64 * KIB,
                       .slots = 160,
                       .priority = 24,
                       .caps = terminal_caps,
                       .maps = terminal_maps,
                       .memory = terminal_memory,
                       .failed_caps = terminal_failed_caps,
                       .failed_maps = terminal_failed_maps},
    [KIND_CONSOLE] = {.name = "console.%",
                      .image = "console",
                      .payer = "%.quota",
                      .account = "%.account",
                      .quota = 192 * KIB,
                      .heap = 32 * KIB,
                      .slots = 160,
                      .priority = 22,
                      .caps = console_caps,
                      .maps = console_maps,
                      .memory = console_memory,
                      .failed_caps = console_failed_caps,
                      .failed_maps = console_failed_maps},
    [KIND_VMM] = {.name = "vmm.%",
                  .image = "vmm",
                  .payer = "%.quota",
                  .account = "%.account",
                  .quota = 256 * KIB,
                  .heap = 128 * KIB,
                  .slots = 192,
                  .priority = 20,
                  .caps = vmm_caps,
                  .maps = vmm_maps,
                  .memory = vmm_memory},
    [KIND_TESTDEV] = {.name = "testdev.%",
                      .image = "testdev",
                      .payer = "%.quota",
                      .account = "%.account",
                      .quota = 192 * KIB,
                      .heap = 64 * KIB,
                      .slots = 160,
                      .priority = 22,
                      .caps = testdev_caps,
                      .maps = testdev_maps,
                      .memory = testdev_memory,
                      .failed_caps = testdev_failed_caps,
                      .failed_maps = testdev_failed_maps},
    [KIND_TESTPCI] = {.name = "testpci.%",
                      .image = "testpci",
                      .payer = "%.quota",
                      .account = "%.account",
                      .quota = 128 * KIB,
                      .heap = 32 * KIB,
                      .slots = 160,
                      .priority = 22,
                      .caps = no_caps,
                      .maps = state_maps,
                      .memory = testpci_memory,
                      .failed_caps = no_caps,
                      .failed_maps = state_maps},
    [KIND_RNG] = {.name = "rng.%",
                  .image = "rng",
                  .payer = "%.quota",
                  .account = "%.account",
                  .quota = 128 * KIB,
                  .heap = 16 * KIB,
                  .slots = 160,
                  .priority = 22,
                  .caps = no_caps,
                  .maps = device_maps,
                  .memory = device_memory,
                  .failed_caps = no_caps,
                  .failed_maps = state_maps},
    [KIND_PORTS] = {.name = "ports.%",
                    .image = "ports",
                    .payer = "%.quota",
                    .account = "%.account",
                    .quota = 128 * KIB,
                    .heap = 64 * KIB,
                    .slots = 160,
                    .priority = 22,
                    .caps = no_caps,
                    .maps = device_maps,
                    .memory = device_memory,
                    .failed_caps = no_caps,
                    .failed_maps = state_maps},
    [KIND_DISK] = {.name = "disk.%.#",
                   .image = "disk",
                   .payer = "%.quota",
                   .account = "%.account",
                   .quota = 128 * KIB,
                   .heap = 8 * KIB,
                   .slots = 160,
                   .priority = 22,
                   .caps = no_caps,
                   .maps = device_maps,
                   .memory = device_memory,
                   .failed_caps = no_caps,
                   .failed_maps = state_maps},
    [KIND_NET] = {.name = "net.%.#",
                  .image = "net",
                  .payer = "%.quota",
                  .account = "%.account",
                  .quota = 128 * KIB,
                  .heap = 16 * KIB,
                  .slots = 160,
                  .priority = 22,
                  .caps = no_caps,
                  .maps = device_maps,
                  .memory = device_memory,
                  .failed_caps = no_caps,
                  .failed_maps = state_maps},
    [KIND_SWITCH] = {.name = "switch",
                     .image = "switch",
                     .quota = 512 * KIB,
                     .heap = 16 * KIB,
                     .slots = 160,
                     .priority = 25,
                     .caps = no_caps,
                     .maps = switch_maps,
                     .memory = switch_memory,
                     .failed_caps = no_caps,
                     .failed_maps = switch_failed_maps},
    [KIND_UART2] = {.name = "uart2",
                    .image = "drivers/uart",
                    .quota = 128 * KIB,
                    .heap = 32 * KIB,
                    .slots = 160,
                    .priority = 29,
                    .caps = uart2_caps,
                    .maps = uart2_maps,
                    .memory = uart2_memory},
    [KIND_CONTROL] = {.name = "control",
                      .image = "control",
                      .quota = 256 * KIB,
                      .heap = 64 * KIB,
                      .slots = 160,
                      .priority = 27,
                      .caps = control_caps,
                      .maps = control_maps,
                      .memory = control_memory},
    [KIND_VIRTIO_BLK] = {.name = "virtio-blk",
                         .image = "drivers/virtio-blk",
                         .quota = 192 * KIB,
                         .heap = 16 * KIB,
                         .slots = 160,
                         .priority = 30,
                         .caps = virtio_driver_caps,
                         .maps = virtio_driver_maps,
                         .memory = virtio_blk_memory,
                         .failed_caps = no_caps,
                         .failed_maps = no_maps},
    [KIND_ATA] = {.name = "ata",
                  .image = "drivers/ata",
                  .quota = 192 * KIB,
                  .heap = 16 * KIB,
                  .slots = 160,
                  .priority = 30,
                  .caps = ata_caps,
                  .maps = no_maps,
                  .memory = no_memory,
                  .failed_caps = no_caps,
                  .failed_maps = no_maps},
    [KIND_VIRTIO_RNG] = {.name = "virtio-rng",
                         .image = "drivers/virtio-rng",
                         .quota = 192 * KIB,
                         .heap = 4 * KIB,
                         .slots = 160,
                         .priority = 30,
                         .caps = virtio_driver_caps,
                         .maps = virtio_driver_maps,
                         .memory = virtio_rng_memory},
    [KIND_VIRTIO_NET] = {.name = "virtio-net",
                         .image = "drivers/virtio-net",
                         .quota = 256 * KIB,
                         .heap = 4 * KIB,
                         .slots = 160,
                         .priority = 30,
                         .caps = virtio_driver_caps,
                         .maps = virtio_net_maps,
                         .memory = virtio_net_memory},
};
