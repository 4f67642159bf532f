// Starting a guest: firmware tables, then whichever format the kernel image has.
// SPDX-License-Identifier: MIT
#include "servers/vmm/boot.h"

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "servers/vmm/acpi/acpi.h"
#include "servers/vmm/vm.h"

static const struct boot_format *const formats[] = {&boot_linux, &boot_pvh, &boot_multiboot};

static bool write_acpi(void)
{
    const struct acpi_config acpi = {.gpa = BOOT_ACPI,
                                     .cpus = (uint32_t)vm.config.cpus,
                                     .pci_devices = bus_pins(),
                                     .pci_memory = PCI_MEMORY_FIRST,
                                     .pci_memory_last = PCI_MEMORY_LAST,
                                     .ioapic_id = (uint8_t)vm.config.cpus,
                                     .com1 = true};
    void *at = memory_at(BOOT_ACPI, BOOT_ACPI_BYTES);
    return at && acpi_build(at, BOOT_ACPI_BYTES, &acpi);
}

static struct boot_image image_at(uint64_t window, const struct config_image *image)
{
    return (struct boot_image){(const uint8_t *)window + image->offset, image->bytes, image->number,
                               image->offset};
}

// The images come first: pages that something was written to are not shared any more.
bool boot_load(struct vcpu_state *state)
{
    const struct vm_config *c = &vm.config;
    const struct boot_image kernel = image_at(VMM_MAP_KERNEL, &c->kernel);
    const struct boot_image initrd = image_at(VMM_MAP_INITRD, &c->initrd);
    boot_reset_state(state);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!formats[i]->recognise(&kernel))
            continue;
        const char *wrong = formats[i]->load(&kernel, &initrd, state);
        if (wrong)
            log_error("%s: kernel (%s): %s", c->name, formats[i]->name, wrong);
        else if (!write_acpi())
            log_error("%s: %s", c->name, wrong = "the ACPI tables do not fit");
        return !wrong;
    }
    log_error("%s: the kernel image is no bzImage, no ELF file with a PVH note, and has no Multiboot header",
              c->name);
    return false;
}
