// The PCI bus of device servers: what its models say, as system calls, pages and signals.
// SPDX-License-Identifier: MIT
//
// A device registers, the guest decides where its BARs lie and whether it may interrupt, and that is
// published behind the commit: new routes, what the device is to know of itself, a signal. Routes that do not
// hold any more go before the commit, so that no two incarnations can disagree about what the kernel has: a
// monitor that dies in between sets them again from the committed state.
//
// docs/bus.md tells the protocol.
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/status.h"
#include "libipc/words.h"
#include "servers/vmm/vm.h"

enum { WINDOW = 0x200000 };

static struct {
    struct pci_route routes[PCI_ROUTES_MAX];
    unsigned count;
    bool routes_due;     // the kernel does not have them all
    uint32_t pages_due;  // devices whose page is to be written, or which are to be told
    uint32_t awake;      // devices that the guest has
    uint32_t taken_from; // devices whose page has vectors that were taken, and not cleared yet
    uint64_t taken[BUS_DEVICES];
    uint32_t lines;          // devices whose line is up
    bool start_waits;        // the guest begins when all devices have registered
    struct message_in start; // that exit
} bus;

static struct device_page *device_page(unsigned n)
{
    return (struct device_page *)(VMM_MAP_LINE + n * (uint64_t)WINDOW);
}

static struct pci_bus *registered(void)
{
    return &vm.machine->bus;
}

static struct pci_function *function(unsigned n)
{
    return pci_bus_function(&vm.machine->platform.pci, n);
}

static void change_route(const struct pci_route *r, uint32_t operation)
{
    uint32_t first = r->target == PCI_TO_DOORBELL ? VMM_SLOT_DEVICE_BITS : VMM_SLOT_DEVICE;
    if (r->target == PCI_TO_BUS)
        return;
    uint64_t kind = (uint64_t)r->space | operation | (uint64_t)r->rights << 8;
    enum status s = sys_route(VMM_SLOT_VM, kind, r->first, r->last, first + r->number, r->badge);
    if (s != STATUS_OK && s != STATUS_EXISTS && s != STATUS_NOT_FOUND)
        log_error("device %u: no route from %llx to %llx: %s", r->number, (unsigned long long)r->first,
                  (unsigned long long)r->last, status_name(s));
}

static bool has_route(const struct pci_route *routes, unsigned count, const struct pci_route *r)
{
    for (unsigned i = 0; i < count; i++)
        if (pci_route_equal(&routes[i], r))
            return true;
    return false;
}

// As the BARs lie now: what does not hold any more goes at once, the rest comes when it is committed.
static void find_routes(void)
{
    static struct pci_route now[PCI_ROUTES_MAX];
    unsigned count = pci_routes(registered(), &vm.machine->platform.pci, now);
    for (unsigned i = 0; i < bus.count; i++)
        if (!has_route(now, count, &bus.routes[i]))
            change_route(&bus.routes[i], ROUTE_REMOVE);
    memcpy(bus.routes, now, count * sizeof *now);
    bus.count = count;
    bus.routes_due = true;
}

static uint32_t control(unsigned n)
{
    const struct pci_function *fn = function(n);
    return (pci_function_master(fn) ? BUS_CONTROL_MASTER : 0U) |
           (pci_function_msix_enabled(fn) ? BUS_CONTROL_MSIX : 0U);
}

// The device is told once of each change, and once more if we die in between.
static void publish_page(unsigned n)
{
    enum { CONTROL_BITS = 2 };
    struct device_page *page = device_page(n);
    uint32_t resets = registered()->resets, now = resets << CONTROL_BITS | control(n);
    if (page->told == now)
        return;
    __atomic_store_n(&page->control, control(n), __ATOMIC_RELEASE);
    __atomic_store_n(&page->resets, resets, __ATOMIC_RELEASE);
    (void)!sys_signal(VMM_SLOT_DEVICE_BITS + n); // notifications outlive their servers
    page->told = now;
}

static void clear_taken(void)
{
    for (uint32_t left = bus.taken_from; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        __atomic_fetch_and(&device_page(n)->line.pending, ~bus.taken[n], __ATOMIC_ACQ_REL);
        bus.taken[n] = 0;
    }
    bus.taken_from = 0;
}

void bus_publish(void)
{
    clear_taken();
    if (bus.routes_due)
        for (unsigned i = 0; i < bus.count; i++)
            change_route(&bus.routes[i], 0);
    for (uint32_t left = bus.pages_due; left; left &= left - 1)
        publish_page((unsigned)__builtin_ctz(left));
    bus.routes_due = false;
    bus.pages_due = 0;
}

// Raises vectors, and sends what is pending and may be sent.
static void deliver(unsigned vcpu, unsigned n, uint64_t raised)
{
    enum { DELIVERY = 7 << 8, LEVEL = 1 << 15, HINT = 1 << 3 };
    struct pci_msix *m = &registered()->msix[n];
    const struct pci_function *fn = function(n);
    uint64_t before = m->pending;
    uint32_t kick = 0;
    if (!pci_function_msix_enabled(fn))
        return; // nobody wants them
    m->pending |= raised & pci_msix_vectors(registered()->function[n].vectors);
    bool held = pci_function_msix_masked(fn) || !pci_function_master(fn);
    for (uint64_t ready = held ? 0 : m->pending & ~m->masked; ready; ready &= ready - 1) {
        const struct pci_msix_entry *e = &m->entry[__builtin_ctzll(ready)];
        m->pending &= ~(ready & -ready);
        vm.changed |= 1 << PART_VECTORS;
        if (e->data & (DELIVERY | LEVEL) || e->address & HINT)
            vm.changed |= 1 << PART_LAPIC | 1 << PART_CHIPS;
        irqchip_msi(&vm.machine->chip, e->address, e->data, &kick);
    }
    if (m->pending != before)
        exits_widen(vcpu, PART_MSIX, &m->masked, sizeof m->masked + sizeof m->pending);
}

// A vector is cleared in its page behind the commit of what it caused: then a death in between takes it once
// more, and never loses it. A device that raises it again meanwhile does so before the guest runs on.
bool bus_look(unsigned vcpu)
{
    bool moved = false;
    for (uint32_t left = bus.awake; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        struct line_page *line = &device_page(n)->line;
        struct pci_function *fn = function(n);
        uint64_t pending = __atomic_load_n(&line->pending, __ATOMIC_ACQUIRE) & ~bus.taken[n];
        bool level = __atomic_load_n(&line->level, __ATOMIC_ACQUIRE) & 1;
        if (pending) {
            deliver(vcpu, n, pending);
            bus.taken[n] |= pending;
            bus.taken_from |= 1U << n;
        }
        if (level == fn->intx)
            continue;
        pci_function_drive_intx(fn, level);
        exits_widen(vcpu, PART_PCI, fn, sizeof *fn);
        bus.lines ^= 1U << n;
        moved = true;
    }
    return moved;
}

bool bus_waits(void)
{
    for (uint32_t left = bus.awake; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        const struct line_page *line = &device_page(n)->line;
        uint32_t level = __atomic_load_n(&line->level, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&line->pending, __ATOMIC_ACQUIRE) || ((level ^ bus.lines >> n) & 1))
            return true;
    }
    return false;
}

void bus_changed(struct vm_exit *x, uint32_t effects)
{
    struct pci_function *fn = pci_host_selected_function(&vm.machine->platform.pci);
    unsigned n = fn->devfn >> 3;
    if (effects & PORT_DECODE)
        find_routes();
    if (!(effects & PORT_FUNCTION) || !(registered()->known >> n & 1))
        return;
    bus.pages_due |= 1U << n;
    deliver(x->n, n, 0);
}

// The functions as they lie in the state, which are there from the guest's power-on.
static void wake(void)
{
    bus.awake = registered()->known;
    bus.pages_due = bus.awake;
    bus.lines = 0;
    for (uint32_t left = bus.awake; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        bus.lines |= (uint32_t)function(n)->intx << n;
    }
    find_routes();
}

void bus_power_up(bool cold)
{
    struct pci_host *host = &vm.machine->platform.pci;
    if (cold)
        pci_bus_power_up(registered(), host);
    else
        pci_bus_reset(registered(), host);
    wake();
}

uint32_t bus_pins(void)
{
    uint32_t pins = 0;
    for (uint32_t left = registered()->known; left; left &= left - 1)
        pins |= registered()->function[__builtin_ctz(left)].pin ? left & -left : 0;
    return pins;
}

void bus_start(void)
{
    if (vm.machine->power_on)
        wake();
}

static const struct pci_route *own_route(const struct vcpu_access *a)
{
    for (const struct pci_route *r = bus.routes; r < bus.routes + bus.count; r++)
        if (r->target == PCI_TO_BUS && a->space == r->space && a->address >= r->first &&
            a->address + a->size - 1 <= r->last)
            return r;
    return NULL;
}

bool bus_read(const struct vcpu_access *a, uint64_t *value)
{
    const struct pci_route *r = own_route(a);
    if (r)
        *value = pci_msix_read(&registered()->msix[r->number], registered()->function[r->number].vectors,
                               (unsigned)(a->address - r->first), a->size);
    return r;
}

bool bus_write(unsigned n, const struct vcpu_access *a)
{
    const struct pci_route *r = own_route(a);
    if (!r)
        return false;
    struct pci_msix *m = &registered()->msix[r->number];
    exits_widen(n, PART_MSIX, m, sizeof *m);
    pci_msix_write(m, registered()->function[r->number].vectors, (unsigned)(a->address - r->first), a->size,
                   a->value);
    deliver(n, r->number, 0);
    return true;
}

static bool all_registered(void)
{
    return !(vm.config.devices & ~(registered()->known | registered()->missing));
}

enum reply_how bus_vm_start(struct server *s, const struct message_in *in, struct message *answer)
{
    if (all_registered() || in->badge >= BUS_BADGE_DEVICE)
        return vm_exit(s, in, answer);
    bus.start = *in;
    bus.start_waits = true;
    return REPLY_LATER;
}

static void let_start(struct server *s)
{
    struct message answer = {0};
    bus.start_waits = false;
    if (vm_exit(s, &bus.start, &answer) != REPLY_NOW)
        return; // the guest cannot be loaded: it is off
    enum status status = server_reply(s, bus.start.token, &answer);
    if (status != STATUS_OK && status != STATUS_STALE)
        die("%s: the kernel refuses its start: %s", vm.config.name, status_name(status));
}

// The same again: a new incarnation of the device.
static enum status known_already(unsigned n, const struct bus_function *f)
{
    if (memcmp(f, &registered()->function[n], sizeof *f) != 0) {
        log_error("device %u: it is another function than the one that the guest has", n);
        return STATUS_EXISTS;
    }
    return STATUS_OK;
}

static enum status add_function(unsigned n, const struct bus_function *f)
{
    struct pci_bus *b = registered();
    uint32_t device = 1U << n;
    if (f->vendor) {
        const char *wrong =
            vm.machine->power_on ? "it comes after the guest began" : pci_bus_refuses(b, n, f);
        if (wrong) {
            log_error("device %u is no PCI function: %s", n, wrong);
            return STATUS_BAD_ARG;
        }
        b->function[n] = *f;
        b->known |= device;
        server_changed(&vm.server, &b->function[n], sizeof b->function[n]);
    } else {
        log_warning("%s: device %u has failed, the guest does without", vm.config.name, n);
    }
    b->missing = f->vendor ? b->missing & ~device : b->missing | device;
    server_changed(&vm.server, b, offsetof(struct pci_bus, function));
    return STATUS_OK;
}

static enum status do_register(uint64_t n, const struct bus_function *f)
{
    if (n < BUS_FIRST_DEVICE || n >= BUS_DEVICES || !(vm.config.devices >> n & 1)) {
        log_error("a function wants to be device %llu, which %s does not have", (unsigned long long)n,
                  vm.config.name);
        return STATUS_BAD_ARG;
    }
    if (registered()->known >> n & 1)
        return f->vendor ? known_already((unsigned)n, f) : STATUS_OK;
    return add_function((unsigned)n, f);
}

enum reply_how bus_register(struct server *s, const struct message_in *in, struct message *answer)
{
    struct bus_function f;
    message_get(&in->message, 0, &f, sizeof f);
    bool whole = TAG_WORDS(in->message.tag) == BUS_FUNCTION_WORDS;
    answer->tag = TAG(whole ? do_register(in->badge - BUS_BADGE_DEVICE, &f) : STATUS_BAD_ARG, 0);
    if (bus.start_waits && all_registered())
        let_start(s);
    return REPLY_NOW;
}
