// The buttons of the VM's front panel.
// SPDX-License-Identifier: MIT
//
// A press makes the vCPU come out; its KICK exit acts on it. After a start of the monitor the counts tell
// what was missed.
#include "libipc/proto/panel.h"
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "servers/vmm/vm.h"

static struct vm_panel counts(void)
{
    const struct vm_panel *panel = (const struct vm_panel *)VMM_MAP_PANEL;
    return (struct vm_panel){__atomic_load_n(&panel->resets, __ATOMIC_ACQUIRE),
                             __atomic_load_n(&panel->powers, __ATOMIC_ACQUIRE)};
}

void panel_power_up(void)
{
    if (vm.config.panel)
        vm.machine->panel = counts();
}

void panel_start(void)
{
    const struct vm_panel *seen = &vm.machine->panel, now = vm.config.panel ? counts() : *seen;
    if (now.powers != seen->powers || now.resets != seen->resets)
        interrupts_kick((1u << VM_CPUS) - 1);
}

void panel_look(struct vm_exit *x)
{
    struct vm_panel *seen = &vm.machine->panel, now = vm.config.panel ? counts() : *seen;
    if (now.powers != seen->powers) {
        log_info("%s: power button", vm.config.name);
        pm_press_power_button(&vm.machine->platform.pm);
        interrupts_effects(x, PORT_LINE);
    }
    seen->powers = now.powers;
    // A reset is a checkpoint of its own: only the answer behind it says that it was done.
    if (now.resets != seen->resets)
        power_reset(x, "its button");
    seen->resets = now.resets;
    vm.changed |= 1 << PART_HEAD;
}
