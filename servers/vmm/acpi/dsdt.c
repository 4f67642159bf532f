// The differentiated system description table's content
// SPDX-License-Identifier: MIT
//
// What it says, in ASL:
//   Name (PICM, 0)                          Method (_PIC, 1) { PICM = Arg0 }
//   Name (_S5, Package () { 5, 5, 0, 0 })
//   Scope (_SB) { Device (Cnnn) ...         one a processor
//                 Device (PCI0) { _CRS, _PRT by PICM, Device (ISA) { RTC, timer, 8259s, speaker, COM1 } } }
#include "servers/vmm/acpi/dsdt.h"

#include "servers/vmm/dev/pci_host.h"
#include "servers/vmm/dev/pm.h"

enum { VGA_FIRST = 0xa0000, VGA_LAST = 0xbffff };

static void sleep_states(struct aml *aml)
{
    aml_name(aml, "_S5");
    aml_open_package(aml, 4);
    aml_integer(aml, PM_SLEEP_TYPE_S5);
    aml_integer(aml, PM_SLEEP_TYPE_S5);
    aml_integer(aml, 0);
    aml_integer(aml, 0);
    aml_close(aml);
}

// The guest says here which interrupt controller it uses: 0 the 8259s, 1 the I/O APIC.
static void interrupt_model(struct aml *aml)
{
    aml_name_integer(aml, "PICM", 0);
    aml_open_method(aml, "_PIC", 1);
    aml_store_argument(aml, "PICM");
    aml_close(aml);
}

static void processors(struct aml *aml, uint32_t cpus)
{
    static const char digit[] = "0123456789ABCDEF";
    for (uint32_t i = 0; i < cpus; i++) {
        const char name[] = {'C', digit[i >> 8 & 15], digit[i >> 4 & 15], digit[i & 15], 0};
        aml_open_device(aml, name);
        aml_name(aml, "_HID");
        aml_string(aml, "ACPI0007");
        aml_name_integer(aml, "_UID", i);
        aml_close(aml);
    }
}

static void pci_windows(struct aml *aml, const struct acpi_config *config)
{
    aml_open_resources(aml, "_CRS");
    aml_window16(aml, AML_BUS, 0, 0);
    aml_io(aml, PCI_ADDRESS_PORT, 8);
    aml_window16(aml, AML_IO, 0, PCI_ADDRESS_PORT - 1);
    aml_window16(aml, AML_IO, PCI_ADDRESS_PORT + 8, 0xffff);
    if (config->vga)
        aml_window32(aml, AML_MEMORY, VGA_FIRST, VGA_LAST);
    aml_window32(aml, AML_MEMORY, config->pci_memory, config->pci_memory_last);
    if (config->pci_memory64_last)
        aml_window64(aml, AML_MEMORY, config->pci_memory64, config->pci_memory64_last);
    aml_close_resources(aml);
}

static void pci_routes(struct aml *aml, const char *name, uint32_t devices,
                       unsigned (*input)(uint8_t, unsigned))
{
    aml_name(aml, name);
    aml_open_package(aml, 4 * (unsigned)__builtin_popcount(devices));
    for (unsigned entry = 0; entry < 128; entry++) {
        unsigned device = entry / 4, pin = entry % 4;
        if (!(devices >> device & 1))
            continue;
        aml_open_package(aml, 4);
        aml_integer(aml, device << 16 | 0xffff); // all functions
        aml_integer(aml, pin);
        aml_integer(aml, 0);
        aml_integer(aml, input((uint8_t)(device << 3), pin));
        aml_close(aml);
    }
    aml_close(aml);
}

static void pci_interrupts(struct aml *aml, uint32_t devices)
{
    pci_routes(aml, "PRTA", devices, pci_intx_gsi);
    pci_routes(aml, "PRTP", devices, pci_intx_irq);
    aml_open_method(aml, "_PRT", 0);
    aml_open_if(aml, "PICM");
    aml_return(aml, "PRTA");
    aml_close(aml);
    aml_return(aml, "PRTP");
    aml_close(aml);
}

#define NO_IRQ 0xff

struct isa_device {
    char name[5], id[8];
    uint8_t irq;
    struct {
        uint16_t port;
        uint8_t ports;
    } io[3];
};

static void isa_device(struct aml *aml, const struct isa_device *device)
{
    aml_open_device(aml, device->name);
    aml_name(aml, "_HID");
    aml_eisa_id(aml, device->id);
    aml_name_integer(aml, "_UID", 0);
    aml_open_resources(aml, "_CRS");
    for (unsigned i = 0; i < 3 && device->io[i].ports; i++)
        aml_io(aml, device->io[i].port, device->io[i].ports);
    if (device->irq != NO_IRQ)
        aml_irq(aml, device->irq);
    aml_close_resources(aml);
    aml_close(aml);
}

static void isa_bus(struct aml *aml, const struct acpi_config *config)
{
    static const struct isa_device devices[] = {
        {"PIC", "PNP0000", 2, {{0x20, 2}, {0xa0, 2}, {0x4d0, 2}}},
        {"TIMR", "PNP0100", 0, {{0x40, 4}}},
        {"RTC", "PNP0B00", 8, {{0x70, 2}}},
        {"SPKR", "PNP0800", NO_IRQ, {{0x61, 1}}},
        {"PM", "PNP0C02", NO_IRQ, {{PM_PORT, PM_PORTS}}}, // keeps the bus from giving these ports away
    };
    static const struct isa_device com1 = {"COM1", "PNP0501", 4, {{0x3f8, 8}}};
    aml_open_device(aml, "ISA");
    aml_name_integer(aml, "_ADR", PCI_DEVFN_ISA >> 3 << 16);
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
        isa_device(aml, &devices[i]);
    if (config->com1)
        isa_device(aml, &com1);
    aml_close(aml);
}

void dsdt_write(struct aml *aml, const struct acpi_config *config)
{
    interrupt_model(aml);
    sleep_states(aml);
    aml_open_scope(aml, "_SB");
    processors(aml, config->cpus);
    aml_open_device(aml, "PCI0");
    aml_name(aml, "_HID");
    aml_eisa_id(aml, "PNP0A03");
    aml_name_integer(aml, "_UID", 0);
    aml_name_integer(aml, "_BBN", 0);
    pci_windows(aml, config);
    pci_interrupts(aml, config->pci_devices);
    isa_bus(aml, config);
    aml_close(aml);
    aml_close(aml);
}
