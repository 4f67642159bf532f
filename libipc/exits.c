// The names of exit kinds, in lower case.
// SPDX-License-Identifier: MIT
#include "libipc/exits.h"

const char *const exit_names[EXIT_KINDS] = {
    [EXIT_START] = "start",
    [EXIT_PIO] = "pio",
    [EXIT_MMIO] = "mmio",
    [EXIT_CPUID] = "cpuid",
    [EXIT_RDMSR] = "rdmsr",
    [EXIT_WRMSR] = "wrmsr",
    [EXIT_HLT] = "hlt",
    [EXIT_CR] = "cr",
    [EXIT_DR] = "dr",
    [EXIT_XSETBV] = "xsetbv",
    [EXIT_INVALIDATE] = "invalidate",
    [EXIT_VMCALL] = "vmcall",
    [EXIT_PRIVILEGED] = "privileged",
    [EXIT_EXCEPTION] = "exception",
    [EXIT_NMI_WINDOW] = "nmi_window",
    [EXIT_TRIPLE_FAULT] = "triple_fault",
    [EXIT_KICK] = "kick",
    [EXIT_ACCESS_DONE] = "access_done",
    [EXIT_ERROR] = "error",
};
