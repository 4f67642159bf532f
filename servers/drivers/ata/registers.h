// Registers, bits and commands of ATA devices.
// SPDX-License-Identifier: MIT
//
// Source: [ATA], by their names: registers and commands in volume 1, protocols in volume 2.
#pragma once

// Offsets from the channel's first port.
enum {
    ATA_DATA,
    ATA_ERROR,
    ATA_COUNT,
    ATA_LBA_LOW,
    ATA_LBA_MID,
    ATA_LBA_HIGH,
    ATA_DEVICE,
    ATA_STATUS,
    ATA_COMMAND = ATA_STATUS,
    ATA_PORTS
};

// The channel's control port reads as the status, without acknowledging the interrupt.
enum { ATA_CONTROL_RESET = 1 << 2 };

enum {
    ATA_ERR = 1 << 0, // CHK of ATAPI
    ATA_DRQ = 1 << 3,
    ATA_DF = 1 << 5,
    ATA_DRDY = 1 << 6,
    ATA_BSY = 1 << 7
};
enum { ATA_ABRT = 1 << 2, ATA_IDNF = 1 << 4, ATA_UNC = 1 << 6, ATA_ICRC = 1 << 7 };
enum { ATA_DEVICE_OBSOLETE = 0xa0, ATA_DEVICE_LBA = 1 << 6, ATA_DEVICE_SLAVE = 1 << 4 };

enum {
    ATA_READ_SECTORS = 0x20,
    ATA_READ_SECTORS_EXT = 0x24,
    ATA_READ_MULTIPLE_EXT = 0x29,
    ATA_WRITE_SECTORS = 0x30,
    ATA_WRITE_SECTORS_EXT = 0x34,
    ATA_WRITE_MULTIPLE_EXT = 0x39,
    ATA_READ_MULTIPLE = 0xc4,
    ATA_WRITE_MULTIPLE = 0xc5,
    ATA_SET_MULTIPLE = 0xc6,
    ATA_FLUSH_CACHE = 0xe7,
    ATA_FLUSH_CACHE_EXT = 0xea,
    ATA_IDENTIFY = 0xec
};
