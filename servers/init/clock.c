// The host's real-time clock, read once, before any guest begins.
// SPDX-License-Identifier: MIT
//
// No server has the right to its ports, and the supervisor only while it reads.
#include "libipc/log.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/thread.h"
#include "libipc/time.h"
#include "servers/init/init.h"
#include "servers/init/wall.h"

enum { PORT_INDEX = 0x70, PORT_DATA = 0x71 };

static uint8_t read_register(uint8_t reg)
{
    uint8_t value;
    asm volatile("outb %0, %1" : : "a"(reg), "Nd"((uint16_t)PORT_INDEX));
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)PORT_DATA));
    return value;
}

static void pause(void)
{
    thread_sleep(deadline_in(NS_PER_MS));
}

static bool open_ports(void)
{
    return sys_create(OBJECT_IOPORTS, SLOT_CLOCK_PORTS, ROOT_SLOT_PROCESS, PORT_INDEX, PORT_DATA,
                      ROOT_SLOT_SYSTEM, 0) == STATUS_OK &&
           sys_grant(ROOT_SLOT_PROCESS, SLOT_SCRATCH, SLOT_CLOCK_PORTS, RIGHT_CONTROL, 0) == STATUS_OK;
}

void clock_read(struct host_clock *to)
{
    static const struct wall_source source = {read_register, pause};
    uint64_t seconds;
    bool good = open_ports() && wall_read(&source, &seconds);
    if (!good)
        seconds = WALL_DEFAULT;
    *to = (struct host_clock){.unix_ns = seconds * NS_PER_S, .tsc = now()};
    (void)!sys_destroy(SLOT_CLOCK_PORTS);
    (void)!sys_revoke(ROOT_SLOT_PROCESS, SLOT_SCRATCH);
    if (!good)
        log_warning("the host's real-time clock gives no date: the guests begin on 1 January 2026");
}
