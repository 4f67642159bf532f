// Random port accesses on all fixed devices and on a PCI function with everything
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/dev/platform.c servers/vmm/dev/port_device.c
// LINK: servers/vmm/dev/pit.c servers/vmm/dev/pit_counter.c servers/vmm/dev/rtc.c
// LINK: servers/vmm/dev/rtc_calendar.c servers/vmm/dev/pm.c servers/vmm/dev/i8042.c
// LINK: servers/vmm/dev/reset_control.c servers/vmm/dev/pci_host.c servers/vmm/dev/pci_function.c
//
// Eight bytes of input are one step: time passes, then one access. Whatever the guest does: values fit their
// access, a deadline lies ahead once edges are taken and lines looked at, effects announce every change of
// line and deadline, and no window leaves its address space.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "servers/vmm/dev/clock.h"
#include "servers/vmm/dev/platform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

static struct platform p;
static struct pci_function *function;

struct step {
    uint8_t time, port, how, size;
    uint32_t value;
};
_Static_assert(sizeof(struct step) == 8, "one step");

static const uint16_t favourites[] = {0x40,  0x41,  0x42,  0x43,  0x60,  0x61,  0x64,  0x70,
                                      0x71,  0x92,  0xcf8, 0xcf9, 0xcfc, 0xcfd, 0xcfe, 0xcff,
                                      0x600, 0x602, 0x604, 0x608, 0x60c, 0x60e};

static uint16_t port_of(const struct step *s)
{
    if (s->how & 0x40)
        return (uint16_t)(s->port | s->size << 8);
    return favourites[s->port % (sizeof(favourites) / sizeof(favourites[0]))];
}

// From nothing over nanoseconds to centuries, so that every counter wraps.
static uint64_t passed(const struct step *s)
{
    unsigned shift = s->time & 63;
    return shift > 57 ? 0 : (UINT64_C(1) << shift) + s->time / 64 * 12345U;
}

static void check_windows(void)
{
    struct pci_window w;
    for (unsigned bar = 0; bar < PCI_BARS; bar++)
        if (pci_function_window(function, bar, &w))
            CHECK(w.base + (w.size - 1) >= w.base && w.base % w.size == 0 &&
                  (!w.io || w.base + w.size <= 0x10000));
    CHECK(pci_function_read(function, PCI_ID, 4) == 0x10421af4);
}

static uint32_t access_port(const struct step *s, uint64_t now)
{
    struct io_access io = {.value = s->value, .port = port_of(s), .size = (uint8_t)(1 << s->size % 3)};
    if (io.size < 4)
        io.value &= (1U << 8 * io.size) - 1;
    if (s->how & 0x80)
        return port_write(platform_ports, platform_port_rows, &p, &io, now);
    struct io_result r = port_read(platform_ports, platform_port_rows, &p, &io, now);
    CHECK(io.size == 4 || r.value >> 8 * io.size == 0);
    return r.effects;
}

static void start(uint64_t now)
{
    static const struct rtc_memory memory = {.below_4g = 1 << 28, .above_4g = 1 << 30};
    static const struct pci_identity identity = {.vendor = 0x1af4, .device = 0x1042, .class_code = 0x020000};
    static const struct pci_msix_layout msix = {
        .vectors = 4, .table_bar = 1, .pba_bar = 1, .pba_offset = 0x800};
    platform_power_up(&p, now, UINT64_C(1700000000) * CLOCK_GIGA, &memory);
    function = pci_host_add(&p.pci, 0, &identity);
    CHECK(!function);
    function = pci_host_add(&p.pci, 2 << 3, &identity);
    CHECK(pci_function_add_bar(function, 0, PCI_BAR_IO, 64));
    CHECK(pci_function_add_bar(function, 1, PCI_BAR_MEMORY32, 4096));
    CHECK(pci_function_add_bar(function, 2, PCI_BAR_MEMORY64, UINT64_C(1) << 34));
    CHECK(pci_function_add_msix(function, &msix));
    pci_function_add_pin(function, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct step s;
    uint64_t now = 0;
    start(now);
    for (; size >= sizeof(s); data += sizeof(s), size -= sizeof(s)) {
        memcpy(&s, data, sizeof(s));
        if (passed(&s) < (UINT64_C(1) << 62) - now)
            now += passed(&s);
        pci_function_drive_intx(function, s.how & 1);
        platform_timer_edges(&p, now);
        uint32_t lines = platform_lines(&p, now);
        uint64_t deadline = platform_deadline(&p);
        CHECK(deadline > now);
        uint32_t effects = access_port(&s, now);
        CHECK(platform_deadline(&p) == deadline || effects & (PORT_DEADLINE | PORT_LINE));
        CHECK(platform_lines(&p, now) == lines || effects & PORT_LINE);
        CHECK(platform_timer_edges(&p, now) == 0 || effects & PORT_LINE);
        if (effects & PORT_RESET)
            platform_reset(&p, now);
        check_windows();
    }
    return 0;
}
