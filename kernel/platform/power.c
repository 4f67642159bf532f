// Off and reset
// SPDX-License-Identifier: MIT
//
// [ACPI] 4.8.3.2 and 7.4 (S5 by PM1 control), 4.8.3.6 (reset register).

#include "kernel/platform/power.h"

#include "kernel/lib/print.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"

#define PM1_SCI_ENABLE  (1u << 0)
#define PM1_SLEEP_SHIFT 10
#define PM1_SLEEP_MASK  (7u << PM1_SLEEP_SHIFT)
#define PM1_SLEEP       (1u << 13)

#define ACPI_SPACE_PORT 1
#define ACPI_WAIT_US    300000 // for the firmware to hand over
#define SETTLE_US       50000

#define PORT_I8042  0x64
#define I8042_RESET 0xfe
#define PORT_RESET  0xcf9 // of Intel's chipsets since the PIIX
#define RESET_HARD  0x06

static const struct acpi_info *acpi_info;

void power_init(const struct acpi_info *acpi)
{
    acpi_info = acpi;
}

// Hardware belongs to the firmware until ACPI mode is on.
static void enable_acpi(void)
{
    if (!acpi_info->smi_command || !acpi_info->acpi_enable)
        return;
    if (inw(acpi_info->pm1_control[0]) & PM1_SCI_ENABLE)
        return;
    outb(acpi_info->smi_command, acpi_info->acpi_enable);
    for (uint32_t us = 0; us < ACPI_WAIT_US && !(inw(acpi_info->pm1_control[0]) & PM1_SCI_ENABLE); us += 1000)
        delay_us(1000);
}

static void sleep_off(void)
{
    enable_acpi();
    for (int i = 0; i < 2; i++) {
        uint16_t port = acpi_info->pm1_control[i];
        if (!port)
            continue;
        uint32_t type = (uint32_t)acpi_info->sleep_type[i] << PM1_SLEEP_SHIFT;
        outw(port, (uint16_t)((inw(port) & ~(PM1_SLEEP_MASK | PM1_SLEEP)) | type | PM1_SLEEP));
    }
    delay_us(SETTLE_US);
}

void platform_poweroff(uint8_t status)
{
    interrupts_off();
    console_flush();
    if (option("exit-port"))
        outb(DEBUG_EXIT_PORT, status);
    if (acpi_info && acpi_info->pm1_control[0] && acpi_info->sleep_type[0] != ACPI_NO_SLEEP)
        sleep_off();
    panic("platform: this machine cannot be switched off by software");
}

void platform_reset(void)
{
    interrupts_off();
    console_flush();
    if (acpi_info && acpi_info->can_reset && acpi_info->reset.space == ACPI_SPACE_PORT) {
        outb((uint16_t)acpi_info->reset.address, acpi_info->reset_value);
        delay_us(SETTLE_US);
    }
    outb(PORT_RESET, RESET_HARD);
    delay_us(SETTLE_US);
    outb(PORT_I8042, I8042_RESET);
    delay_us(SETTLE_US);
    static const struct descriptor_table none;
    load_idt(&none);
    asm volatile("ud2"); // no handler, no double fault handler: shutdown, which resets a PC
    panic("platform: this machine cannot be reset by software");
}
