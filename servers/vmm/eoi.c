// KVM's paravirtual end of interrupt [Linux Documentation/virt/kvm/x86/msr.rst, MSR_KVM_EOI_EN]
// SPDX-License-Identifier: MIT
//
// A word of the guest's memory, bit 0: "you may end the interrupt in service by clearing this". So an
// interrupt costs no exit at its end. The promise is part of the answer to an exit: committed first, then
// written; what the guest made of it is read at the next exit, before anything is settled. Between commit and
// answer the guest does not run, so an exit that is delivered again found nothing ended, and the promise is
// made anew.
//
// The word is set while the kernel only holds an offer. That is exact because such a promise is made only
// when the offered vector goes in before the guest's next instruction (lapic_eoi_skippable).
#include "libipc/proto/layout.h"
#include "servers/vmm/vm.h"

enum { EOI_ENABLED = 1, EOI_RESERVED = 2, EOI_BIT = 1, EOI_WORD_BYTES = 4 };

static uint8_t *word_at(uint64_t msr)
{
    return msr & EOI_ENABLED ? memory_at(msr & ~(uint64_t)EOI_ENABLED, EOI_WORD_BYTES) : NULL;
}

void eoi_start(void)
{
    for (unsigned n = 0; n < VM_CPUS; n++) {
        vm.eoi[n] = word_at(vm.cpu[n].eoi_word);
        vm.eoi_due[n] = false;
    }
}

bool eoi_skipped(const struct vm_exit *x)
{
    return x->cpu->eoi_promised && !(*vm.eoi[x->n] & EOI_BIT);
}

void eoi_promise(struct vm_exit *x, bool at_once)
{
    if (!vm.eoi[x->n])
        return;
    x->cpu->eoi_promised = lapic_eoi_skippable(&vm.machine->chip.cpu[x->n].lapic, at_once);
    vm.eoi_due[x->n] = true;
}

void eoi_publish(void)
{
    for (unsigned n = 0; n < VM_CPUS; n++) {
        if (!vm.eoi_due[n])
            continue;
        vm.eoi_due[n] = false;
        *vm.eoi[n] = (uint8_t)((*vm.eoi[n] & ~EOI_BIT) | vm.cpu[n].eoi_promised);
    }
}

void eoi_withdraw(unsigned n)
{
    if (!vm.eoi[n])
        return;
    vm.cpu[n].eoi_promised = false;
    vm.eoi_due[n] = true;
    vm.changed |= 1 << PART_ANSWER;
    exits_name_changes(n);
    server_commit(&vm.server);
}

// The guest goes on asking its old word when it has given it up: it must not find a promise there that nobody
// looks at.
bool eoi_write(struct vm_exit *x, uint64_t value)
{
    uint8_t *word = word_at(value);
    if ((value & EOI_RESERVED) || (!word && (value & EOI_ENABLED)))
        return false;
    eoi_withdraw(x->n);
    x->cpu->eoi_word = value;
    server_changed(&vm.server, &x->cpu->eoi_word, sizeof x->cpu->eoi_word);
    vm.eoi[x->n] = word;
    return true;
}
