// Lies in registers: of the common configuration, of the BARs at every width and offset, of configuration
// space. SPDX-License-Identifier: MIT
#include "tests/kernels/hostile.h"
#include "tests/kernels/pci.h"

enum { QUEUES_LIMIT = 16 /* no device has more */, RESERVED_STATUS = 0x30 };
// Where the registers lie in their BAR: docs/virtio.md.
enum { AT_COMMON = 0, AT_ISR = 0x1000, AT_CONFIG = 0x2000, BAR_BYTES = 0x4000, AREA = 72 };

static bool reset(void)
{
    common->status = 0;
    return common->status == 0;
}

// ---- the status, and features ----

static bool status_at_once(uint64_t value)
{
    bool good = reset();
    common->status = (uint8_t)value;
    return good && !(common->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET | RESERVED_STATUS));
}

static bool status_taken_away(uint64_t value)
{
    common->status = (uint8_t)value;
    return common->status == ALL_SET && is_well();
}

static bool feature_refused(uint64_t features)
{
    struct plan p = honest_plan();
    p.features = features;
    return !virtio_up(&p) && !(common->status & (VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK));
}

static bool feature_added(uint64_t feature)
{
    bool refused = feature_refused(kind->features | feature);
    common->status = 0;
    return refused;
}

static bool features_later(uint64_t value)
{
    common->driver_feature_select = 0;
    common->driver_feature = (uint32_t)value;
    return common->driver_feature == (uint32_t)kind->features && is_well();
}

static bool feature_words(uint64_t select)
{
    bool good = reset();
    common->status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER;
    common->driver_feature_select = (uint32_t)select;
    common->device_feature_select = (uint32_t)select;
    common->driver_feature = UINT32_MAX;
    return good && common->driver_feature == 0 && common->device_feature == 0;
}

static const struct lie statuses[] = {
    {"writes-ignored", "a driver that is ready before it is there", status_at_once, VIRTIO_DRIVER_OK},
    {"writes-ignored", "all bits of the status at once", status_at_once, 0xff},
    {"writes-ignored", "features agreed on by none", status_at_once, VIRTIO_FEATURES_OK},
    {"writes-ignored", "bits of the status taken away", status_taken_away, VIRTIO_ACKNOWLEDGE},
    {"writes-ignored", "bits of the status taken away", status_taken_away, RESERVED_STATUS},
    {"writes-ignored", "bits of the status taken away", status_taken_away, VIRTIO_NEEDS_RESET},
    {"writes-ignored", "no VERSION_1", feature_refused, 0},
    {"writes-ignored", "a feature that is not offered", feature_added, VIRTIO_F(0)},
    {"writes-ignored", "a feature that is not offered", feature_added, VIRTIO_F_ACCESS_PLATFORM},
    {"writes-ignored", "a feature that is not offered", feature_added, VIRTIO_F(34)},
    {"writes-ignored", "a feature that is not offered", feature_added, VIRTIO_F(63)},
    {"writes-ignored", "features changed behind FEATURES_OK", features_later, 0xffffffff},
    {"writes-ignored", "features changed behind FEATURES_OK", features_later, 0},
    {"writes-ignored", "words of features", feature_words, 2},
    {"writes-ignored", "words of features", feature_words, 0xffffffff},
};

// ---- queues ----

// Nothing of an enabled queue changes, nor is there one beyond the last.
static bool queue_changed(uint64_t unused)
{
    (void)unused;
    struct plan p = honest_plan(), wrong = p;
    wrong.size = 2;
    wrong.descriptors = wrong.driver = wrong.device = 0x200000;
    virtio_place(&wrong);
    common->queue_vector = p.vector; // which may be
    common->queue_enable = 1;
    common->queue_enable = 0;
    common->queue_enable = 0xffff;
    return common->queue_size == p.size && common->queue_descriptors == p.descriptors &&
           common->queue_driver == p.driver && common->queue_device == p.device &&
           common->queue_enable == 1 && is_well();
}

static bool queue_absent(uint64_t number)
{
    struct plan p = honest_plan();
    p.queue = (uint16_t)number;
    virtio_place(&p);
    common->queue_enable = 1;
    common->queue_reset = 1;
    return common->queue_select == (uint16_t)number && common->queue_size == 0 &&
           common->queue_vector == VIRTIO_NO_VECTOR && common->queue_descriptors == 0 &&
           common->queue_enable == 0 && common->queue_reset == 0 && is_well();
}

static bool queue_enabled_early(uint64_t unused)
{
    (void)unused;
    bool good = reset();
    struct plan p = honest_plan();
    virtio_place(&p);
    common->queue_enable = 1;
    return good && common->queue_enable == 0;
}

static bool queue_reset_wrongly(uint64_t value)
{
    common->queue_select = kind->queue;
    common->queue_reset = (uint16_t)value;
    return common->queue_enable == 1 && is_well();
}

static bool no_queue_at_all(uint64_t unused)
{
    (void)unused;
    struct plan p = honest_plan();
    p.queues = 0;
    bool good = virtio_up(&p);
    for (unsigned q = 0; q < QUEUES_MAX; q++)
        ring_bell(q);
    return good && common->status == ALL_SET;
}

static bool vector_out(uint64_t number)
{
    common->queue_select = kind->queue;
    common->queue_vector = (uint16_t)number;
    common->config_vector = (uint16_t)number;
    return common->queue_vector == VIRTIO_NO_VECTOR && common->config_vector == VIRTIO_NO_VECTOR;
}

static const struct lie queues[] = {
    {"writes-ignored", "all of a queue that is enabled", queue_changed, 0},
    {"writes-ignored", "all of a queue beyond the last", queue_absent, QUEUES_LIMIT},
    {"writes-ignored", "all of a queue beyond the last", queue_absent, 0x7fff},
    {"writes-ignored", "all of a queue beyond the last", queue_absent, 0xffff},
    {"writes-ignored", "a queue enabled before FEATURES_OK", queue_enabled_early, 0},
    {"writes-ignored", "a queue reset by", queue_reset_wrongly, 2},
    {"writes-ignored", "a queue reset by", queue_reset_wrongly, 0xffff},
    {"", "a driver that is ready without queues, and rings", no_queue_at_all, 0},
    {"", "a vector beyond the last", vector_out, QUEUES_LIMIT + 1},
    {"", "a vector beyond the last", vector_out, 0xfffe},
};

// ---- accesses of every width, everywhere ----

static uint64_t read_at(const volatile uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    if (bytes == 8)
        asm volatile("movq %1, %%xmm0; movq %%xmm0, %0" : "=m"(value) : "m"(*at) : "memory");
    else if (bytes == 4)
        value = *(const volatile uint32_t *)(const volatile void *)at;
    else
        value = bytes == 2 ? *(const volatile uint16_t *)(const volatile void *)at : *at;
    return value;
}

static void write_at(volatile uint8_t *at, unsigned bytes, uint64_t value)
{
    if (bytes == 8)
        asm volatile("movq %1, %%xmm0; movq %%xmm0, %0" : "=m"(*at) : "m"(value) : "memory");
    else if (bytes == 4)
        *(volatile uint32_t *)(volatile void *)at = (uint32_t)value;
    else if (bytes == 2)
        *(volatile uint16_t *)(volatile void *)at = (uint16_t)value;
    else
        *at = (uint8_t)value;
}

static volatile uint8_t *area(uint64_t offset)
{
    return (volatile uint8_t *)common - AT_COMMON + offset;
}

// However wide, a read gives the bytes that lie there.
static bool reads_agree(uint64_t offset)
{
    const volatile uint8_t *at = area(offset);
    uint8_t byte[AREA + 8];
    bool good = true;
    for (unsigned i = 0; i < sizeof byte; i++)
        byte[i] = (uint8_t)read_at(at + i, 1);
    for (unsigned from = 0; from < AREA; from++)
        for (unsigned bytes = 2; bytes <= 8; bytes *= 2) {
            uint64_t whole = 0;
            for (unsigned i = bytes; i--;)
                whole = whole << 8 | byte[from + i];
            good = good && read_at(at + from, bytes) == whole;
        }
    return good && is_well();
}

static uint64_t noise(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

// The device may need a reset, or be reset, by what is written; it must be there, with the queues that it
// has.
static bool written_anywhere(uint64_t offset)
{
    volatile uint8_t *at = area(offset);
    uint16_t count = common->queues;
    for (unsigned from = 0; from < AREA; from++)
        for (unsigned bytes = 1; bytes <= 8; bytes *= 2)
            write_at(at + from, bytes, noise());
    return common->queues == count;
}

static bool read_only(uint64_t value)
{
    uint16_t count = common->queues;
    uint8_t generation = common->generation;
    uint32_t feature = common->device_feature;
    common->device_feature = (uint32_t)value;
    common->queues = (uint16_t)value;
    common->generation = (uint8_t)value;
    common->queue_notify_off = (uint16_t)value;
    *isr = (uint8_t)value;
    return common->queues == count && common->generation == generation && common->device_feature == feature &&
           is_well();
}

static bool no_such_doorbell(uint64_t unused)
{
    (void)unused;
    for (unsigned q = common->queues; doorbell_step * q < pci_size(0); q++)
        ring_bell(q);
    out(doorbells, 4, 0xffffffff);
    out((uint16_t)(doorbells + 1), 2, 0xffff);
    return is_well();
}

static const struct lie accesses[] = {
    {"", "reads of every width from", reads_agree, AT_COMMON},
    {"", "reads of every width from", reads_agree, AT_CONFIG},
    {"", "reads of every width from", reads_agree, BAR_BYTES - AREA - 8},
    {"writes-ignored", "writes of every width from", written_anywhere, AT_COMMON},
    {"writes-ignored", "writes of every width from", written_anywhere, AT_ISR},
    {"writes-ignored", "writes of every width from", written_anywhere, AT_CONFIG},
    {"writes-ignored", "writes of every width from", written_anywhere, BAR_BYTES - AREA - 8},
    {"writes-ignored", "registers that are only read, written", read_only, 0xffffffff},
    {"writes-ignored", "doorbells that do not exist", no_such_doorbell, 0},
};

// ---- PCI ----

enum { CONFIG_BYTES = 256, WINDOW_BAR = 4, WINDOW_OFFSET = 8, WINDOW_BYTES = 12, WINDOW_DATA = 16 };

// What cannot be written stays; BARs and command are put back.
static bool configuration_space(uint64_t unused)
{
    (void)unused;
    static uint8_t was[CONFIG_BYTES];
    uint32_t id = pci_read(PCI_ID, 4), capabilities = pci_read(PCI_CAPABILITY, 1);
    for (unsigned i = 0; i < CONFIG_BYTES; i++)
        was[i] = (uint8_t)pci_read(i, 1);
    for (unsigned i = 0; i < CONFIG_BYTES; i++)
        for (unsigned bytes = 1; bytes <= 4; bytes *= 2)
            if (i % bytes == 0)
                pci_write(i, bytes, (uint32_t)noise());
    bool good = pci_read(PCI_ID, 4) == id && pci_read(PCI_CAPABILITY, 1) == capabilities;
    pci_write(PCI_COMMAND, 2, 0);
    for (unsigned i = 0; i < CONFIG_BYTES; i++)
        if (i < PCI_COMMAND || i >= PCI_STATUS + 2)
            pci_write(i, 1, was[i]);
    pci_write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);
    return good && reset();
}

static bool window(uint64_t offset)
{
    const unsigned at = window_at;
    bool good = true;
    for (unsigned b = 0; b < 256; b = b * 2 + 1)
        for (unsigned bytes = 0; bytes < 9; bytes++) {
            pci_write(at + WINDOW_BAR, 1, b);
            pci_write(at + WINDOW_OFFSET, 4, (uint32_t)offset);
            pci_write(at + WINDOW_BYTES, 4, bytes);
            pci_write(at + WINDOW_DATA, 4, 0);
            good = good && pci_read(at + WINDOW_DATA, 4) == 0;
        }
    return good && is_well();
}

static const struct lie bus[] = {
    {"", "all of configuration space written", configuration_space, 0},
    {"", "through the window, at", window, BAR_BYTES},
    {"", "through the window, at", window, 0xfffffffc},
};

void lies_about_registers(void)
{
    TELL_ALL(statuses);
    TELL_ALL(queues);
    TELL_ALL(accesses);
    TELL_ALL(bus);
}
