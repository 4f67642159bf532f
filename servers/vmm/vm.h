// The monitor's view of its VM: what survives it, and what it makes anew at each start.
// SPDX-License-Identifier: MIT
//
// An exit is handled in one order: settle what became of the last offer, compute, choose the next offer and
// deadline, commit what changed together with the answer, answer. An exit that is delivered again after it
// was committed is answered from struct vm_answer; its interrupts are offered anew.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/panel.h"
#include "libipc/server.h"
#include "servers/vmm/config.h"
#include "servers/vmm/dev/pci_bus.h"
#include "servers/vmm/dev/platform.h"
#include "servers/vmm/emulate/control.h"
#include "servers/vmm/emulate/decode.h"
#include "servers/vmm/emulate/emulate.h"
#include "servers/vmm/irq/irqchip.h"

enum { VM_CPUS = 1, VM_LINES = 32 };

enum vm_nmi { NMI_NONE, NMI_INJECTED };

struct vm_cpu {
    // What nearly every exit changes lies together. First what the last exit was answered with, for when it
    // is delivered again; offer and deadline are chosen anew each time.
    uint64_t sequence; // of that exit
    uint64_t rip, rflags;
    uint16_t groups; // of state that go back
    uint8_t action;  // enum vcpu_action
    uint8_t blocking;
    uint8_t halted;       // parked by HLT: runs on when an interrupt goes in
    uint8_t offered;      // the kernel holds an offer of ours
    uint8_t injected;     // enum vm_nmi: an NMI went with the last answer
    uint8_t eoi_promised; // the guest may end its interrupt by its word (eoi.c)
    uint64_t event;

    struct vcpu_access access;    // with action VCPU_ACCESS
    struct vcpu_state state;      // the part that the groups name, but RIP and RFLAGS
    uint64_t emulating;           // progress is valid
    struct emu_progress progress; // of the instruction whose access is under way
    uint64_t eoi_word;            // MSR_KVM_PV_EOI as written
    uint64_t clock_page;          // MSR_KVM_SYSTEM_TIME as written
    uint64_t clock_version;
    uint64_t tsc_adjust; // IA32_TSC_ADJUST: the TSC is so far ahead of power-on's
    uint64_t misc_enable;
    uint64_t mtrr_default;
    uint64_t mtrr[28]; // fixed ranges, then pairs of variable ones
    uint64_t debug_control;
};

// Parts of the state that an exit may change. Its handler names them; what differs is committed.
enum vm_part {
    PART_ANSWER,   // of struct vm_cpu: what nearly every exit changes
    PART_GPR,      // the registers of the answer
    PART_STATE,    // all of its state
    PART_ACCESS,   // the access of the answer
    PART_PROGRESS, // and emulating
    PART_VECTORS,  // of the local APIC: what taking, ending and timing an interrupt changes
    PART_LAPIC,    // all of it
    PART_CHIPS,    // interrupt controllers that all vCPUs share
    PART_PIT,
    PART_DEVICES, // RTC and those behind it, but PCI
    PART_PCI,     // the function that was written to, as PART_MSIX: see exits_widen()
    PART_PCI_ADDRESS,
    PART_MSIX,
    PART_HEAD, // of struct vm_machine, before the chips
    PARTS
};

struct vm_machine {
    uint64_t power_on;               // host TSC when guest time began; the guest's TSC counts from there
    uint64_t unix_ns;                // wall clock then, UTC
    uint64_t wall_page;              // MSR_KVM_WALL_CLOCK as written
    uint64_t timer_debt;             // PIT edges that wait for their turn
    uint32_t lines;                  // levels of the fixed devices' lines as the chips know them
    uint32_t line_changes[VM_LINES]; // of each record of the line pages, as last seen
    struct vm_panel panel;           // presses that were acted on
    uint32_t off;                    // enum vm_off: the VM does not run any more
    struct irqchip chip;
    struct platform platform;
    struct pci_bus bus;
};

enum vm_off { VM_ON, VM_POWERED_OFF, VM_TRIPLE_FAULT, VM_STOPPED_BY_ERROR };

struct vm {
    struct vm_machine *machine; // in the state object's working copy
    struct vm_cpu *cpu;         // [VM_CPUS], ditto
    struct vm_config config;
    struct server server;
    struct state state;
    struct emu_cache cache;
    struct emu_env env;
    uint32_t changed; // by this exit: bits 1 << enum vm_part
    struct state_range parts[VM_CPUS][PARTS];
    uint8_t *eoi[VM_CPUS]; // the guest's words; NULL: it has none
    bool eoi_due[VM_CPUS]; // to be written once the promise is committed
    struct vm_calm { // what the last answer to a vCPU offered: an exit that changes nothing gets it again
        bool valid;
        uint64_t offer, deadline; // words of the answer
    } calm[VM_CPUS];
    uint64_t platform_due;   // guest ns of the fixed devices' next event
    bool lines_told;         // a line page may have changed
    bool lengths_told;       // exits tell how long their instructions are
    uint64_t xsave_features; // XCR0 bits that the guest may set
    uint32_t xsave_bytes;
};
extern struct vm vm;

// The exit being handled.
struct vm_exit {
    unsigned n; // vCPU
    struct vm_cpu *cpu;
    enum exit_kind kind;
    uint64_t address, value, info, raw; // enum exit_word
    struct vcpu_state *state;           // as it came; handlers change it and name the groups in `groups`
    uint32_t have, groups;              // that are in it; that go back
    uint64_t event;                     // to be injected
    enum vcpu_action action;
    bool pure; // nothing but the vCPU's registers changes: it may be computed again
    struct vclock now;
    struct vcpu_access access; // action VCPU_ACCESS
};

// exits.c
enum status exits_init(void);
void exits_name_changes(unsigned n); // vm.changed, to the server loop
// A part that is too large to be looked through each time is what was changed of it, from the first such
// bytes to the last.
void exits_widen(unsigned n, enum vm_part part, const void *from, uint32_t bytes);
enum reply_how vm_exit(struct server *s, const struct message_in *in, struct message *answer);
void exit_bring(struct vm_exit *x, uint32_t missing);     // groups, as the kernel has them; for exit_need()
void exit_dump(const struct vm_exit *x, const char *why); // registers to the log

// Before the handler looks at groups that exits of its kind do not bring, or not always.
static inline void exit_need(struct vm_exit *x, uint32_t groups)
{
    uint32_t missing = groups & ~x->have;
    if (missing)
        exit_bring(x, missing);
}

// instruction.c
// What it takes to find and decode the instruction at RIP.
#define EXIT_DECODES (GROUP_GPR_ABCD | GROUP_RIP | GROUP_CR | GROUP_EFER | GROUP_SEG_CODE)
// The instruction that caused the exit: as the exit tells it, else as it is decoded at RIP. False: the exit
// is answered already (an event, or run it again).
bool exit_decode(struct vm_exit *x, struct emu_control *control);
void exit_skip(struct vm_exit *x, unsigned length); // it is done: RIP behind it
void exit_step(struct vm_exit *x);                  // it is done, and was a single step
// An exception; a page fault's address.
void exit_event(struct vm_exit *x, uint64_t event, uint64_t address);
void exit_fault(struct vm_exit *x, unsigned vector); // an exception without an error code
void exit_fault_error(struct vm_exit *x, unsigned vector, uint32_t error);

// One handler an exit kind, each in the file that its name begins with.
void instruction_hlt_exit(struct vm_exit *x);
void instruction_skip_exit(struct vm_exit *x);
void instruction_vmcall_exit(struct vm_exit *x);
void instruction_undefined_exit(struct vm_exit *x);
void cpuid_exit(struct vm_exit *x);
void msr_power_up(struct vm_cpu *cpu);
void msr_read_exit(struct vm_exit *x);
void msr_write_exit(struct vm_exit *x);
void control_exit(struct vm_exit *x);
void control_debug_exit(struct vm_exit *x);
void control_xsetbv_exit(struct vm_exit *x);
void io_port_exit(struct vm_exit *x);
void io_memory_exit(struct vm_exit *x);
void io_access_done(struct vm_exit *x);
bool io_read_own(void *ctx, const struct vcpu_access *a, uint64_t *value); // for the emulator
void io_fetch_system(void *ctx);                                           // ditto
void io_firmware_write(uint16_t port, uint8_t value);                      // before the guest runs

// interrupts.c
// What became of the last offer. True: nothing did, and nothing is due.
bool interrupts_settle(struct vm_exit *x, bool again);
void interrupts_signalled(void); // by a device server
void interrupts_told(void);      // pages of device servers have something: the vCPU comes out to look
void interrupts_answer(struct vm_exit *x, struct message *answer);
void interrupts_answer_calm(const struct vm_exit *x, struct message *answer);
void interrupts_effects(struct vm_exit *x, uint32_t effects); // enum port_effect
void interrupts_start(void);                                  // after a start of ours
void interrupts_kick(uint32_t cpus);
void interrupts_show_priority(struct vm_exit *x); // after a write to the local APIC; wants GROUP_CR

// bus.c: the PCI bus of device servers
enum reply_how bus_register(struct server *s, const struct message_in *in, struct message *answer);
enum reply_how bus_vm_start(struct server *s, const struct message_in *in, struct message *answer);
void bus_start(void);                                        // after a start of ours
void bus_power_up(bool cold);                                // the functions as after power-on, or a reset
uint32_t bus_pins(void);                                     // bit n: device n has an interrupt pin
void bus_changed(struct vm_exit *x, uint32_t effects);       // a function's registers: enum port_effect
bool bus_look(unsigned n);                                   // at the devices' pages; true: a line moved
bool bus_waits(void);                                        // there is something to see there
void bus_publish(void);                                      // what was committed: routes, pages
bool bus_read(const struct vcpu_access *a, uint64_t *value); // memory of the bus's own; false: none is there
bool bus_write(unsigned n, const struct vcpu_access *a);

// eoi.c: KVM's paravirtual end of interrupt
void eoi_start(void);                              // after a start of ours
bool eoi_skipped(const struct vm_exit *x);         // the guest has ended its interrupt by its word
void eoi_promise(struct vm_exit *x, bool at_once); // for the answer; at_once: what is offered goes in first
void eoi_withdraw(unsigned n);                     // the promise, before anything else is committed
void eoi_publish(void);                            // what was committed, to the guest's words
bool eoi_write(struct vm_exit *x, uint64_t value); // the MSR; false: #GP

// vector.c: for the emulator; ctx is the struct vm_exit
void vector_get(void *ctx, unsigned index, uint8_t value[EMU_VECTOR_BYTES]);
void vector_set(void *ctx, unsigned index, const uint8_t value[EMU_VECTOR_BYTES]);

// clock.c
struct vclock clock_now(const struct vm_cpu *cpu);
uint64_t clock_tsc_offset(const struct vm_cpu *cpu);   // the guest's TSC beyond the host's
void clock_adjust(struct vm_exit *x, uint64_t adjust); // IA32_TSC_ADJUST
uint64_t clock_host_tsc(uint64_t guest_ns);            // the host's TSC at a guest time
void clock_power_up(void);
bool clock_write_system_time(struct vm_cpu *cpu, uint64_t value);
bool clock_write_wall(uint64_t value);

// memory.c
void *memory_at(uint64_t gpa, uint64_t bytes); // NULL: not all of it is RAM
// Pages of RAM become those of an image, from its page `first` on, as the pager knows it; shared until they
// are written. False: not all of them did.
bool memory_share(uint64_t image, uint64_t first, uint64_t page, uint64_t pages);
void memory_e820(void (*add)(void *ctx, uint64_t base, uint64_t bytes, uint32_t type), void *ctx);

// boot.c: loads the guest and sets the boot processor's registers. False: logged why.
bool boot_load(struct vcpu_state *state);

// panel.c
void panel_start(void);             // after a start of ours
void panel_power_up(void);          // what was pressed before does not count
void panel_look(struct vm_exit *x); // acts on presses

// power.c
void power_up(struct vcpu_state *state); // the machine as after power-on, the guest loaded
void power_off(struct vm_exit *x, enum vm_off why);
void power_reset(struct vm_exit *x, const char *by);
void power_report(void); // the supervisor learns of the end
