// Rights to ports, interrupts and PCI functions.
// SPDX-License-Identifier: MIT
//
// The real-time clock serves as the device: ports 0x70 and 0x71, interrupt 8, periodic at 1024 Hz. As the PCI
// function serves the PIIX3's disk controller, which QEMU and Bochs have at the same place; nothing uses it.
#include "libipc/time.h"
#include "tests/programs/kernel/topics.h"

enum { RTC_PORT = 0x70, RTC_IRQ = 8, RTC_A = 0x0a, RTC_B = 0x0b, RTC_C = 0x0c, RTC_PERIODIC = 0x40 };

static uint8_t rtc_read(uint8_t reg)
{
    uint8_t value;
    asm volatile("out %1, $0x70; in $0x71, %0" : "=a"(value) : "a"(reg));
    return value;
}

static void rtc_write(uint8_t reg, uint8_t value)
{
    asm volatile("out %0, $0x70; mov %1, %0; out %0, $0x71" : "+a"(reg) : "r"(value));
}

static enum status create_ports(uint64_t first, uint64_t last, uint64_t system)
{
    return sys_create(OBJECT_IOPORTS, slot_new(), SELF, first, last, system, 0);
}

static volatile bool done;

static void reads_port(void *port)
{
    asm volatile("in %%dx, %%al" : : "d"((uint16_t)(uintptr_t)port) : "rax");
    done = true;
}

// Can the child read the port?
static bool may(struct child *c, uint16_t port)
{
    done = false;
    child_run(c, PRIORITY_HIGH, reads_port, (void *)(uintptr_t)port);
    return done;
}

static void ports(void)
{
    struct child c, other;
    uint32_t weak = make_copy(ROOT_SLOT_SYSTEM, RIGHT_READ, 0);
    EXPECT(create_ports(0x70, 0x71, EMPTY_SLOT), STATUS_BAD_CAP, "create ports: without the system");
    EXPECT(create_ports(0x70, 0x71, SELF), STATUS_BAD_CAP, "create ports: with another capability");
    EXPECT(create_ports(0x70, 0x71, weak), STATUS_NO_RIGHT, "create ports: the system without CONTROL");
    EXPECT(create_ports(0x71, 0x70, ROOT_SLOT_SYSTEM), STATUS_BAD_ARG,
           "create ports: the last before the first");
    EXPECT(create_ports(0, 0x10000, ROOT_SLOT_SYSTEM), STATUS_BAD_ARG, "create ports: more than there are");
    uint32_t p = make(OBJECT_IOPORTS, 0x70, 0x71, ROOT_SLOT_SYSTEM, 0);
    child_make(&c, SLOT_NONE);
    child_make(&other, SLOT_NONE);
    CHECK(!may(&c, 0x70), "ports: nobody has any at the start");
    child_give(&c, 1, p, RIGHT_READ, 0);
    CHECK(may(&c, 0x70) && may(&c, 0x71), "ports: granted, they can be used");
    CHECK(!may(&c, 0x6f) && !may(&c, 0x72), "ports: their neighbours cannot");
    CHECK(!may(&other, 0x70), "ports: nor can they by another process");
    CHECK(may(&c, 0x71), "ports: after the other one ran, still by the first");
    EXPECT(sys_destroy(p), STATUS_OK, "ports: the right is destroyed");
    CHECK(!may(&c, 0x70), "ports: they are gone");
}

static void many_ports(void)
{
    struct child c;
    unsigned n = 0;
    enum status s;
    child_make(&c, SLOT_NONE);
    do
        s = sys_grant(c.process, n + 1, make(OBJECT_IOPORTS, 0x100 + n, 0x100 + n, ROOT_SLOT_SYSTEM, 0),
                      RIGHT_READ, 0);
    while (s == STATUS_OK && ++n < 100);
    CHECK(s == STATUS_NO_QUOTA && n == 8, "ports: a process has room for eight ranges");
}

static bool next_bits(uint64_t ns)
{
    struct message m = {0};
    uint64_t badge;
    utcb()->deadline = deadline_in(ns);
    return sys_reply_wait(SLOT_NONE, WAIT_DEADLINE, 0, 0, &m, &badge) == STATUS_OK && m.words[0] == 8;
}

static void wrong_interrupts(void)
{
    uint32_t n = make_notification(), mute = make_copy(n, RIGHT_RECEIVE, 0);
    EXPECT(sys_create(OBJECT_IRQ, slot_new(), SELF, 8, EMPTY_SLOT, 0, 0), STATUS_BAD_CAP,
           "create irq: without the system");
    EXPECT(sys_create(OBJECT_IRQ, slot_new(), SELF, 100000, ROOT_SLOT_SYSTEM, 0, 0), STATUS_BAD_ARG,
           "create irq: a line that is not there");
    uint32_t irq = make(OBJECT_IRQ, RTC_IRQ, ROOT_SLOT_SYSTEM, 0, 0), weak = make_copy(irq, RIGHT_READ, 0);
    EXPECT(sys_create(OBJECT_IRQ, slot_new(), SELF, RTC_IRQ, ROOT_SLOT_SYSTEM, 0, 0), STATUS_EXISTS,
           "create irq: a line that is taken");
    EXPECT(sys_irq_ctl(EMPTY_SLOT, IRQ_ACK, 0), STATUS_BAD_CAP, "irq: an empty slot");
    EXPECT(sys_irq_ctl(n, IRQ_ACK, 0), STATUS_BAD_CAP, "irq: something that is no interrupt");
    EXPECT(sys_irq_ctl(weak, IRQ_ACK, 0), STATUS_NO_RIGHT, "irq: without CONTROL");
    EXPECT(sys_irq_ctl(irq, IRQ_OPS, 0), STATUS_BAD_ARG, "irq: an unknown operation");
    EXPECT(sys_irq_ctl(irq, IRQ_BIND, EMPTY_SLOT), STATUS_BAD_CAP, "irq: bound to nothing");
    EXPECT(sys_irq_ctl(irq, IRQ_BIND, SELF), STATUS_BAD_CAP, "irq: bound to what is no notification");
    EXPECT(sys_irq_ctl(irq, IRQ_BIND, mute), STATUS_NO_RIGHT, "irq: bound to a notification without SEND");
    EXPECT(sys_irq_ctl(irq, IRQ_ACK, 0), STATUS_OK, "irq: acknowledged while nothing is bound");
}

static void interrupts(void)
{
    uint32_t n = make_notification(), badged = make_copy(n, RIGHT_SEND, 8);
    uint32_t p = make(OBJECT_IOPORTS, RTC_PORT, RTC_PORT + 1, ROOT_SLOT_SYSTEM, 0);
    uint32_t irq = make(OBJECT_IRQ, RTC_IRQ, ROOT_SLOT_SYSTEM, 0, 0);
    (void)make_copy(p, RIGHT_READ, 0); // the grant that lets the root task use them
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_BIND, n), STATUS_OK, "bind: the notification");
    EXPECT(sys_irq_ctl(irq, IRQ_BIND, badged), STATUS_OK, "irq: bound");
    uint8_t b = rtc_read(RTC_B);
    rtc_write(RTC_A, 0x26);
    rtc_write(RTC_B, b | RTC_PERIODIC);
    unsigned came = 0;
    for (unsigned i = 0; i < 20; i++) {
        (void)rtc_read(RTC_C);
        came += next_bits(NS_PER_S);
        (void)!sys_irq_ctl(irq, IRQ_ACK, 0);
    }
    CHECK(came == 20, "irq: the clock's interrupt comes twenty times (%u)", came);
    EXPECT(sys_irq_ctl(irq, IRQ_UNBIND, 0), STATUS_OK, "irq: unbound");
    (void)rtc_read(RTC_C);
    (void)next_bits(0);
    CHECK(!next_bits(20 * NS_PER_MS), "irq: no more bits");
    EXPECT(sys_irq_ctl(irq, IRQ_BIND, badged), STATUS_OK, "irq: bound again");
    (void)rtc_read(RTC_C);
    CHECK(next_bits(NS_PER_S), "irq: it comes again");
    EXPECT(sys_destroy(n), STATUS_OK, "irq: the notification dies");
    (void)rtc_read(RTC_C);
    CHECK(!next_bits(5 * NS_PER_MS), "irq: nobody is told");
    rtc_write(RTC_B, b);
    (void)rtc_read(RTC_C);
}

enum { IDE = 1 << 3 | 1, IDE_ID = 0x70108086, NOTHING = 0x1f << 3 | 7, PCI_ID = 0, PCI_COMMAND = 4 };
enum { ABILITIES = DEVICE_IO | DEVICE_MASTER, BIOS_PAGE = 0xf0 };

static enum status create_device(uint64_t function, uint64_t system)
{
    return sys_create(OBJECT_DEVICE, slot_new(), SELF, function, system, 0, 0);
}

static uint64_t config(uint32_t device, uint64_t offset)
{
    return sys_device_ctl(device, DEVICE_READ, offset, 0) == STATUS_OK ? utcb()->words[0] : UINT64_MAX;
}

static bool is_on(uint32_t device, uint64_t abilities)
{
    return (config(device, PCI_COMMAND) & ABILITIES) == abilities;
}

static void wrong_functions(void)
{
    uint32_t weak = make_copy(ROOT_SLOT_SYSTEM, RIGHT_READ, 0);
    EXPECT(create_device(IDE, EMPTY_SLOT), STATUS_BAD_CAP, "create device: without the system");
    EXPECT(create_device(IDE, SELF), STATUS_BAD_CAP, "create device: with another capability");
    EXPECT(create_device(IDE, weak), STATUS_NO_RIGHT, "create device: the system without CONTROL");
    EXPECT(create_device(0x10000, ROOT_SLOT_SYSTEM), STATUS_BAD_ARG, "create device: bus 256");
    EXPECT(create_device(NOTHING, ROOT_SLOT_SYSTEM), STATUS_NOT_FOUND, "create device: nothing is there");
    uint32_t d = make(OBJECT_DEVICE, IDE, ROOT_SLOT_SYSTEM, 0, 0), mute = make_copy(d, RIGHT_READ, 0);
    EXPECT(create_device(IDE, ROOT_SLOT_SYSTEM), STATUS_EXISTS, "create device: a function that is taken");
    EXPECT(sys_device_ctl(EMPTY_SLOT, DEVICE_READ, 0, 0), STATUS_BAD_CAP, "device: an empty slot");
    EXPECT(sys_device_ctl(SELF, DEVICE_READ, 0, 0), STATUS_BAD_CAP, "device: something else");
    EXPECT(sys_device_ctl(mute, DEVICE_READ, 0, 0), STATUS_NO_RIGHT, "device: without CONTROL");
    EXPECT(sys_device_ctl(d, DEVICE_OPS, 0, 0), STATUS_BAD_ARG, "device: an unknown operation");
    EXPECT(sys_device_ctl(d, DEVICE_READ, 2, 0), STATUS_BAD_ARG, "device: read at no multiple of 4");
    EXPECT(sys_device_ctl(d, DEVICE_READ, 256, 0), STATUS_BAD_ARG, "device: read beyond the end");
    EXPECT(sys_device_ctl(d, DEVICE_ENABLE, 8, 0), STATUS_BAD_ARG, "device: an unknown ability");
    EXPECT(sys_destroy(d), STATUS_OK, "device: destroyed");
    EXPECT(create_device(IDE, ROOT_SLOT_SYSTEM), STATUS_OK, "create device: afterwards it is free");
}

static void wrong_addresses(void)
{
    uint32_t d = make(OBJECT_DEVICE, IDE, ROOT_SLOT_SYSTEM, 0, 0);
    uint32_t memory = make_memory(4), borrower = make(OBJECT_MEMORY, 4, SLOT_NONE, memory, 0);
    uint32_t readable = make_copy(memory, RIGHT_READ, 0);
    fill(memory, 0, 2);
    EXPECT(sys_supply(borrower, 0, memory, 0, 1, SUPPLY_BORROW), STATUS_OK, "address: a page is borrowed");
    EXPECT(sys_device_ctl(d, DEVICE_ADDRESS, EMPTY_SLOT, 0), STATUS_BAD_CAP, "address: of nothing");
    EXPECT(sys_device_ctl(d, DEVICE_ADDRESS, SELF, 0), STATUS_BAD_CAP, "address: of no memory");
    EXPECT(sys_device_ctl(d, DEVICE_ADDRESS, readable, 0), STATUS_NO_RIGHT, "address: without WRITE");
    EXPECT(sys_device_ctl(d, DEVICE_ADDRESS, memory, 2), STATUS_NOT_FOUND, "address: of an empty slot");
    EXPECT(sys_device_ctl(d, DEVICE_ADDRESS, memory, 4), STATUS_NOT_FOUND, "address: beyond the end");
    EXPECT(sys_device_ctl(d, DEVICE_ADDRESS, borrower, 0), STATUS_NOT_FOUND, "address: of a borrowed page");
    EXPECT(sys_withdraw(borrower, 0, memory, 2, 1, SUPPLY_MOVE), STATUS_OK, "address: it is given back");
}

static uint64_t address_of(uint32_t device, uint32_t memory, uint64_t page)
{
    return sys_device_ctl(device, DEVICE_ADDRESS, memory, page) == STATUS_OK ? utcb()->words[0] : 1;
}

static void addresses(void)
{
    uint32_t d = make(OBJECT_DEVICE, IDE, ROOT_SLOT_SYSTEM, 0, 0), memory = make_memory(4);
    CHECK(config(d, PCI_ID) == IDE_ID, "device: vendor and device can be read");
    CHECK(address_of(d, ROOT_SLOT_FIRMWARE, BIOS_PAGE) == BIOS_PAGE * 4096, "address: the firmware's own");
    fill(memory, 0, 2);
    uint64_t first = address_of(d, memory, 0), second = address_of(d, memory, 1);
    CHECK(first % 4096 == 0 && second % 4096 == 0 && first != second, "address: one a page");
    CHECK(address_of(d, memory, 0) == first, "address: it stays");
}

enum { CHILD_DEVICE = 5 };

static void masters(void *abilities)
{
    done = sys_device_ctl(CHILD_DEVICE, DEVICE_ENABLE, (uintptr_t)abilities, 0) == STATUS_OK;
}

static void mastered_by(struct child *c, uint32_t device, uint64_t abilities)
{
    done = false;
    child_make(c, SLOT_NONE);
    child_give(c, CHILD_DEVICE, device, RIGHT_CONTROL, 0);
    child_run(c, PRIORITY_HIGH, masters, (void *)(uintptr_t)abilities);
    CHECK(done && is_on(device, abilities), "device: a process switches on %llx",
          (unsigned long long)abilities);
}

static void fences(void)
{
    struct child first, second, third;
    uint32_t d = make(OBJECT_DEVICE, IDE, ROOT_SLOT_SYSTEM, 0, 0), copy = make_copy(d, RIGHT_CONTROL, 0);
    CHECK(is_on(d, 0), "device: what the firmware left on is off");
    EXPECT(sys_device_ctl(d, DEVICE_ENABLE, 0, 0), STATUS_OK, "device: all off");
    CHECK(is_on(d, 0), "device: all is off");
    mastered_by(&first, d, ABILITIES);
    child_end(&first);
    CHECK(is_on(d, 0), "fence: with its driver's death it reaches no memory any more");
    mastered_by(&first, d, ABILITIES);
    mastered_by(&second, d, ABILITIES);
    child_end(&first);
    CHECK(is_on(d, ABILITIES), "fence: the death of who was its master before changes nothing");
    mastered_by(&third, d, DEVICE_IO);
    child_end(&second);
    CHECK(is_on(d, DEVICE_IO), "fence: nor does that of who was, when it has none");
    child_end(&third);
    EXPECT(sys_device_ctl(copy, DEVICE_ENABLE, ABILITIES, 0), STATUS_OK, "fence: on once more");
    EXPECT(sys_destroy(d), STATUS_OK, "fence: the object is destroyed");
    EXPECT(sys_device_ctl(copy, DEVICE_READ, 0, 0), STATUS_BAD_CAP, "fence: and nobody has it any more");
    CHECK(is_on(make(OBJECT_DEVICE, IDE, ROOT_SLOT_SYSTEM, 0, 0), 0), "fence: it reaches no memory");
}

const struct part device_parts[] = {{"ports", ports},
                                    {"many ports", many_ports},
                                    {"wrong interrupts", wrong_interrupts},
                                    {"interrupts", interrupts},
                                    {"wrong functions", wrong_functions},
                                    {"wrong addresses", wrong_addresses},
                                    {"addresses", addresses},
                                    {"fences", fences},
                                    {0}};
