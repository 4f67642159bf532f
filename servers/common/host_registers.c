// The device's BAR, which the process has in a window.
// SPDX-License-Identifier: MIT
#include "servers/common/host_registers.h"

#include "libipc/proto/layout.h"

#define AT(type, offset) (*(volatile type *)(VIRTIO_DRIVER_MAP_BAR + (offset)))

uint32_t host_register_read(uint32_t offset, uint32_t bytes)
{
    return bytes == 1 ? AT(uint8_t, offset) : bytes == 2 ? AT(uint16_t, offset) : AT(uint32_t, offset);
}

void host_register_write(uint32_t offset, uint32_t bytes, uint32_t value)
{
    if (bytes == 1)
        AT(uint8_t, offset) = (uint8_t)value;
    else if (bytes == 2)
        AT(uint16_t, offset) = (uint16_t)value;
    else
        AT(uint32_t, offset) = value;
}
