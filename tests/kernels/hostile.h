// A hostile guest's devices, and the lies that it tells each of them.
// SPDX-License-Identifier: MIT
#pragma once

#include "tests/kernels/virtio.h"

// A kind of device, as an honest driver knows it.
struct kind {
    uint64_t features;
    uint16_t queues;            // that are used
    uint16_t queue;             // that lies about queues are told to
    bool line;                  // no MSI-X
    bool streams;               // nothing may run twice: used.idx is the device's own
    const char *(*begin)(void); // its name; everything is prepared
    bool (*honest)(void);       // a good request, and whether it was answered as it should
    void (*lies)(void);         // about its own requests
};
extern const struct kind disk_kind, ports_kind, random_kind;

// One lie. Behind it the device is reset, brought up honestly and asked for a good request.
struct lie {
    const char *counter; // that counts it; "fault-...": the device needs a reset, and interrupts
    const char *text;
    bool (*tell)(uint64_t argument); // False: the device did not do as it should
    uint64_t argument;               // for the text, too, unless it is 0
};
void tell_all(const struct lie *lies, unsigned count);
#define TELL_ALL(lies) tell_all(lies, sizeof(lies) / sizeof *(lies))

extern const struct kind *kind; // of the device that is lied to now
struct plan honest_plan(void);
bool is_well(void); // needs no reset, and serves

// Where none of the VM's memory is, which has 64 MiB: across its end, behind it, in devices, beyond what
// there can be.
enum { MEMORY = 64 << 20 };
#define NOWHERE                                                                                              \
    (MEMORY - 4), MEMORY, MEMORY + MEMORY / 2, 0xc0000000, 0xfec00000, 0xfee00000, 0xfffffffe,               \
        UINT64_C(1) << 32, UINT64_C(1) << 40, UINT64_C(1) << 52, UINT64_C(1) << 63, UINT64_MAX - 3

void lies_about_registers(void);
void lies_about_rings(void);
