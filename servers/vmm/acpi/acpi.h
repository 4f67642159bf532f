// The ACPI tables of a virtual machine, as an image to be put into guest memory
// SPDX-License-Identifier: MIT
//
// RSDP, RSDT, XSDT, FADT, FACS, MADT and DSDT, addresses and checksums filled in. The RSDP comes first: where
// the image lies is where the root pointer lies. Below 1 MiB, at a multiple of 16 from 0xe0000 on, guests
// find it by scanning; elsewhere the boot protocol must name it. The guest's memory map must not offer the
// image as free memory.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACPI_IMAGE_ALIGN = 64, ACPI_CPUS = 4096 };

struct acpi_config {
    uint64_t gpa;                             // of the image, a multiple of ACPI_IMAGE_ALIGN, below 4 GiB
    uint32_t cpus;                            // 1 to ACPI_CPUS; local APIC ids count from 0
    uint32_t pci_devices;                     // bit d: device d of bus 0 may use an interrupt pin
    uint32_t pci_memory, pci_memory_last;     // window below 4 GiB, `last` inclusive
    uint64_t pci_memory64, pci_memory64_last; // window above; both 0: none
    uint8_t ioapic_id;
    bool com1; // a 16550 at 0x3f8, IRQ 4
    bool vga;  // the window from 0xa0000 to 0xbffff belongs to the PCI bus, and text mode may be probed
};

// Returns the size of the image; 0: it does not fit into `size` bytes, or the configuration is none.
size_t acpi_build(void *image, size_t size, const struct acpi_config *config);
