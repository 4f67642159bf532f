// The table of the subcommands.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "tools/command/command.h"

#define O(name) OPTION_BIT(OPTION_##name)
#define TALKS   (O(RUN) | O(TIMEOUT)) // with a machine's control
#define MANY    1000

static const char config_text[] =
    "CONFIG is a file, or a name in config/. docs/configuration.md describes it.";

const struct command commands[] = {
    {"run", "CONFIG [-- QEMU-ARGUMENT...]", "boots a configuration; the terminal is the machine's",
     "The machine's first serial line is standard input and output, or with --headless a socket for\n"
     "`bulkhead console`; what happens until its VMs run is then shown here. The other commands talk to it "
     "from\n"
     "elsewhere. Ctrl-A X stops it. The variables MACHINE, MEMORY and SMP give defaults.\n"
     "CONFIG is a file, or a name in config/.",
     O(MACHINE) | O(MEMORY) | O(SMP) | O(HEADLESS) | O(RUN) | O(DISK) | O(PROGRAMS) | O(RESTART_EVERY), 1, 1,
     ARGUMENT_CONFIG, true, command_run},
    {"check", "CONFIG", "says what is wrong with a configuration, a line each", config_text, O(MEMORY), 1, 1,
     ARGUMENT_CONFIG, false, command_check},
    {"manifest", "CONFIG [VM]", "prints all that it stands for: objects, capabilities, windows",
     "With VM: the part that this VM is, as control's vm-create takes it.\n"
     "CONFIG is a file, or a name in config/.",
     O(MACHINE) | O(RESTART_EVERY), 1, 2, ARGUMENT_CONFIG, false, command_manifest},
    {"archive", "CONFIG OUT.cpio", "makes its boot archive (also of a manifest, FILE.json)", config_text,
     O(MACHINE) | O(PROGRAMS) | O(RESTART_EVERY), 2, 2, ARGUMENT_CONFIG, false, command_archive},
    {"disk-image", "CONFIG FILE [PARTITION=FILE...]",
     "makes the image of the machine's disk, or brings it up to date",
     "One partition for each disk that is stored there. What is there by that name and size keeps its data;\n"
     "a new one begins with the file that is named for it, or is empty. Of others' data nothing is lost "
     "without\n"
     "--replace. `bulkhead run` does this, too.\n"
     "CONFIG is a file, or a name in config/.",
     O(REPLACE), 2, MANY, ARGUMENT_CONFIG, false, command_disk_image},
    {"ps", "", "lists VMs and servers: state, restarts, CPU time, memory", NULL, O(JSON) | TALKS, 0, 0,
     ARGUMENT_FILE, false, command_ps},
    {"vm create", "CONFIG NAME...", "adds VMs of a configuration to a machine that runs",
     "Their images must be in the machine's boot archive: those of VMs that were there from the beginning.",
     TALKS, 2, MANY, ARGUMENT_CONFIG, false, command_vm_create},
    {"vm start", "NAME...", "switches VMs on that are off, failed or new", NULL, TALKS, 1, MANY, ARGUMENT_VM,
     false, command_vm_start},
    {"vm stop", "NAME...", "presses their power buttons, and waits until they are off", NULL,
     O(FORCE) | TALKS, 1, MANY, ARGUMENT_VM, false, command_vm_stop},
    {"vm pause", "NAME...", "holds VMs where they are", NULL, TALKS, 1, MANY, ARGUMENT_VM, false,
     command_vm_pause},
    {"vm resume", "NAME...", "lets paused VMs go on", NULL, TALKS, 1, MANY, ARGUMENT_VM, false,
     command_vm_resume},
    {"vm reset", "NAME...", "presses their reset buttons", NULL, TALKS, 1, MANY, ARGUMENT_VM, false,
     command_vm_reset},
    {"vm destroy", "NAME...", "gives back all that VMs had which are off, failed or new", NULL, TALKS, 1,
     MANY, ARGUMENT_VM, false, command_vm_destroy},
    {"console", "[NAME]", "attaches to a console of a machine without terminal, or to the overview",
     "NAME is a VM, for its COM1, VM.PORT, or log. Ctrl-] q leaves; Ctrl-] ? tells of the terminal's own "
     "keys.",
     TALKS, 0, 1, ARGUMENT_VM, false, command_console},
    {"log", "[NAME]", "prints the system's log, or what a console has printed", NULL, O(FOLLOW) | TALKS, 0, 1,
     ARGUMENT_VM, false, command_log},
    {"crashes", "", "prints the records of the last deaths of servers", NULL, O(JSON) | TALKS, 0, 0,
     ARGUMENT_FILE, false, command_crashes},
    {"kill", "SERVER...", "kills servers, which start again on their state", NULL, TALKS, 1, MANY,
     ARGUMENT_SERVER, false, command_kill},
    {"stats", "[NAME]", "prints what has been counted: exits, messages, requests, memory, CPU time", NULL,
     O(JSON) | TALKS, 0, 1, ARGUMENT_VM, false, command_stats},
    {"disk", "", "lists the disks of all VMs", NULL, O(JSON) | TALKS, 0, 0, ARGUMENT_FILE, false,
     command_disk},
    {"shutdown", "", "presses the power buttons of all VMs, and waits for the machine's end",
     "With --force at once, and if its control does not answer the emulator is stopped.", O(FORCE) | TALKS, 0,
     0, ARGUMENT_FILE, false, command_shutdown},
    {"completion", "[-- WORD...]", "prints what bash needs to complete this command",
     "    source <(build/bulkhead completion)\n"
     "With words it prints what the last of them may become.",
     0, 0, 0, ARGUMENT_FILE, true, command_completion},
    {0},
};

const struct command *command_find(char *const *words, int count, int *length)
{
    for (const struct command *c = commands; c->name; c++) {
        size_t first = strcspn(c->name, " ");
        const char *second = c->name[first] ? c->name + first + 1 : NULL;
        *length = second ? 2 : 1;
        if (count >= *length && strlen(words[0]) == first && strncmp(words[0], c->name, first) == 0 &&
            (!second || strcmp(words[1], second) == 0))
            return c;
    }
    return NULL;
}
