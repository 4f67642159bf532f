// What the firmware's ACPI tables tell
// SPDX-License-Identifier: MIT
//
// One temporary window serves everything, so a pointer into a table is good until the next table is asked
// for.

#include "kernel/platform/acpi.h"

#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/platform.h"

#define RSDP_LENGTH_1 20
#define RSDP_LENGTH_2 36

#define ROOT_ENTRIES_MAX 256

#define EBDA_SEGMENT 0x40e // BIOS data area: segment of the extended one
#define EBDA_SIZE    0x400
#define BIOS_START   0xe0000
#define BIOS_SIZE    0x20000

struct __attribute__((packed)) rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
    uint8_t checksum_2, reserved[3];
};
_Static_assert(sizeof(struct rsdp) == RSDP_LENGTH_2, "[ACPI] 5.2.5.3");

struct __attribute__((packed)) header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[26];
};
_Static_assert(sizeof(struct header) == 36, "[ACPI] 5.2.6");

struct __attribute__((packed)) fadt {
    struct header header;
    uint32_t facs, dsdt;
    uint8_t model, profile;
    uint16_t sci;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4bios, pstate;
    uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
    uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
    uint8_t gpe0_length, gpe1_length, gpe1_base, cst;
    uint16_t c2_latency, c3_latency, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    uint16_t boot_arch;
    uint8_t reserved;
    uint32_t flags;
    struct acpi_address reset;
    uint8_t reset_value;
    uint16_t arm_boot_arch;
    uint8_t minor;
    uint64_t x_facs, x_dsdt;
    struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control, x_pm_timer;
};
_Static_assert(offsetof(struct fadt, flags) == 112 && offsetof(struct fadt, x_pm_timer) == 208,
               "[ACPI] 5.2.9");

#define FADT_LENGTH_1      offsetof(struct fadt, reset)
#define FADT_TIMER_32      (1u << 8)
#define FADT_RESET         (1u << 10)
#define FADT_HAS(f, field) ((f)->header.length >= offsetof(struct fadt, field) + sizeof(f)->field)

// Where the tables are: the root table's entries, copied out of it.
struct root {
    uint32_t count;
    uint64_t table[ROOT_ENTRIES_MAX];
};

static bool sum_is_zero(const void *p, size_t length)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)p)[i]);
    return sum == 0;
}

static bool is_rsdp(const struct rsdp *r)
{
    return memcmp(r->signature, "RSD PTR ", 8) == 0 && sum_is_zero(r, RSDP_LENGTH_1);
}

static uint64_t scan_for_rsdp(uint64_t start, size_t size)
{
    const char *area = temp_map(start, size);
    for (size_t at = 0; area && at + RSDP_LENGTH_1 <= size; at += 16)
        if (is_rsdp((const void *)(area + at)))
            return start + at;
    return 0;
}

static uint64_t find_rsdp(void)
{
    const uint16_t *segment = temp_map(EBDA_SEGMENT, sizeof *segment);
    uint64_t ebda = segment ? (uint64_t)*segment << 4 : 0;
    uint64_t found = ebda ? scan_for_rsdp(ebda, EBDA_SIZE) : 0;
    return found ? found : scan_for_rsdp(BIOS_START, BIOS_SIZE);
}

// A whole and checked table, or NULL. `signature` NULL takes any.
static const struct header *map_table(uint64_t phys, const char *signature)
{
    const struct header *h = phys ? temp_map(phys, sizeof *h) : NULL;
    if (!h || (signature && memcmp(h->signature, signature, sizeof h->signature) != 0))
        return NULL;
    uint32_t length = h->length;
    char name[5] = {h->signature[0], h->signature[1], h->signature[2], h->signature[3], '\0'};
    h = length >= sizeof *h ? temp_map(phys, length) : NULL;
    if (h && h->length == length && sum_is_zero(h, length))
        return h;
    kprintf("acpi: table %s at %lx is damaged, ignored\n", name, phys);
    return NULL;
}

static const struct header *find_table(const struct root *root, const char *signature)
{
    for (uint32_t i = 0; i < root->count; i++) {
        const struct header *h = map_table(root->table[i], signature);
        if (h)
            return h;
    }
    return NULL;
}

static void read_root(struct root *root, const struct header *h, size_t width)
{
    const char *entries = (const char *)(h + 1);
    size_t count = (h->length - sizeof *h) / width;
    root->count = (uint32_t)(count < ROOT_ENTRIES_MAX ? count : ROOT_ENTRIES_MAX);
    for (uint32_t i = 0; i < root->count; i++) {
        root->table[i] = 0;
        memcpy(&root->table[i], entries + i * width, width);
    }
}

static const char *read_rsdp(uint64_t at, struct root *root)
{
    const struct rsdp *r = at ? temp_map(at, sizeof *r) : NULL;
    if (!r || !is_rsdp(r))
        return "no ACPI root pointer (RSDP)";
    uint64_t rsdt = r->rsdt;
    uint64_t xsdt = r->revision >= 2 && sum_is_zero(r, RSDP_LENGTH_2) ? r->xsdt : 0;
    const struct header *h = map_table(xsdt, "XSDT");
    if (h) {
        read_root(root, h, sizeof(uint64_t));
        return NULL;
    }
    h = map_table(rsdt, "RSDT");
    if (!h)
        return "no ACPI root table (XSDT or RSDT)";
    read_root(root, h, sizeof(uint32_t));
    return NULL;
}

// A port from the old field or the generic address that supersedes it; 0 when it is not a port.
static uint16_t port_of(uint32_t old, const struct acpi_address *x)
{
    if (x && x->address)
        return x->space == 1 && x->address <= 0xffff ? (uint16_t)x->address : 0;
    return old <= 0xffff ? (uint16_t)old : 0;
}

#define PORT(f, field) port_of((f)->field, FADT_HAS(f, x_##field) ? &(f)->x_##field : NULL)

// Returns the DSDT's address.
static uint64_t read_fadt(const struct fadt *f, struct acpi_info *info)
{
    info->sci = f->sci;
    info->smi_command = port_of(f->smi_command, NULL);
    info->acpi_enable = f->acpi_enable;
    info->pm1_control[0] = PORT(f, pm1a_control);
    info->pm1_control[1] = PORT(f, pm1b_control);
    info->pm_timer = PORT(f, pm_timer);
    info->pm_timer_32 = f->flags & FADT_TIMER_32;
    if (f->flags & FADT_RESET && FADT_HAS(f, reset_value)) {
        info->can_reset = true;
        info->reset = f->reset;
        info->reset_value = f->reset_value;
    }
    return FADT_HAS(f, x_dsdt) && f->x_dsdt ? f->x_dsdt : f->dsdt;
}

// An AML integer that fits a byte [ACPI 20.2.3]; moves the cursor behind it.
static bool aml_byte(const uint8_t **p, const uint8_t *end, uint8_t *value)
{
    if (end - *p >= 1 && **p <= 1) { // ZeroOp, OneOp
        *value = *(*p)++;
        return true;
    }
    if (end - *p < 2 || **p != 0x0a) // BytePrefix
        return false;
    *value = (*p)[1];
    *p += 2;
    return true;
}

// Name (_S5_, Package {SLP_TYPa, SLP_TYPb, ...}), found by its bytes: the only AML that is read. p is behind
// the name.
static bool read_s5(const uint8_t *p, const uint8_t *end, uint8_t type[2])
{
    if (end - p < 6 || *p++ != 0x12) // PackageOp, up to four bytes of length, one of count
        return false;
    p += 1 + (*p >> 6); // PkgLength: bits 7:6 of its first byte say how many bytes follow
    uint8_t elements = *p++;
    if (elements < 1 || !aml_byte(&p, end, &type[0]))
        return false;
    if (elements < 2 || !aml_byte(&p, end, &type[1]))
        type[1] = type[0];
    return type[0] < 8 && type[1] < 8; // three bits in PM1_CNT
}

static bool find_s5(const struct header *h, struct acpi_info *info)
{
    const uint8_t *start = (const uint8_t *)(h + 1), *end = (const uint8_t *)h + h->length;
    for (const uint8_t *p = start; end - p > 4; p++) {
        uint8_t type[2];
        bool named =
            p > start && (p[-1] == 0x08 || (p[-1] == '\\' && p - 1 > start && p[-2] == 0x08)); // NameOp
        if (named && memcmp(p, "_S5_", 4) == 0 && read_s5(p + 4, end, type)) {
            memcpy(info->sleep_type, type, sizeof type);
            return true;
        }
    }
    return false;
}

static void read_sleep(const struct root *root, uint64_t dsdt, struct acpi_info *info)
{
    const struct header *h = map_table(dsdt, "DSDT");
    bool found = h && find_s5(h, info);
    for (uint32_t i = 0; i < root->count && !found; i++) {
        h = map_table(root->table[i], "SSDT");
        found = h && find_s5(h, info);
    }
}

const char *acpi_read(uint64_t rsdp, struct acpi_info *info)
{
    static struct root root;
    *info = (struct acpi_info){.sleep_type = {ACPI_NO_SLEEP, ACPI_NO_SLEEP}};
    const char *error = read_rsdp(rsdp ? rsdp : find_rsdp(), &root);
    if (error)
        return error;
    const struct header *madt = find_table(&root, "APIC");
    error = madt ? madt_read(madt, madt->length, info) : "no ACPI table of interrupt controllers (MADT)";
    if (error)
        return error;
    const struct header *fadt = find_table(&root, "FACP");
    if (fadt && fadt->length >= FADT_LENGTH_1)
        read_sleep(&root, read_fadt((const void *)fadt, info), info);
    temp_unmap();
    return NULL;
}
