// The monitor of one VM.
// SPDX-License-Identifier: MIT
//
// Life: read the configuration, open the state object (a fresh one is laid out; the guest is loaded at its
// first exit), say which state comes with which exit, look at all interrupt lines again, then answer exits
// for ever.
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "servers/vmm/vm.h"

const char program_name[] = "vmm";
struct vm vm;

enum { KIND = 0x6d6d7601, VERSION = 3, LOG_BYTES = 128 << 10 };
enum section { SECTION_MACHINE = 1, SECTION_CPU };

static const struct state_section sections[] = {{SECTION_MACHINE, sizeof(struct vm_machine)},
                                                {SECTION_CPU, VM_CPUS * sizeof(struct vm_cpu)}};
static const struct state_layout layout = {KIND, VERSION, LOG_BYTES, 2, sections};

static void open_state(void)
{
    enum state_status s =
        state_open(&vm.state, (void *)MAP_STATE, VMM_STATE_BYTES, &layout, program_start.kind);
    if (s == STATE_EMPTY)
        state_adopt(&vm.state);
    else if (s != STATE_OK)
        die("the state object cannot be used (%u, damage %u)", s, vm.state.damage);
    vm.machine = state_section(&vm.state, SECTION_MACHINE);
    vm.cpu = state_section(&vm.state, SECTION_CPU);
    eoi_start();
}

static void *ram(void *ctx, uint64_t gpa, size_t length, bool write)
{
    (void)ctx, (void)write;
    return memory_at(gpa, length);
}

static void read_features(void)
{
    if (sys_info(SLOT_PROCESS, INFO_SYSTEM) != STATUS_OK)
        die("no system information");
    const struct info_system *i = (const struct info_system *)utcb()->words;
    vm.lengths_told = i->vcpu_features & VCPU_FEATURE_LENGTHS;
    vm.xsave_features = i->xsave_features;
    vm.xsave_bytes = i->xsave_bytes;
    uint32_t a = 0x80000008, b, c = 0, d;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    vm.env = (struct emu_env){.ram = ram,
                              .vector_get = vector_get,
                              .vector_set = vector_set,
                              .read_own = io_read_own,
                              .fetch_system = io_fetch_system,
                              .cache = &vm.cache,
                              .physical_bits = (uint8_t)a,
                              .gigabyte_pages = true};
    emu_cache_reset(&vm.cache);
}

// Device servers told us of their pages; a button: the vCPU comes out, and its KICK exit looks.
static void bits(struct server *s, uint64_t bits)
{
    (void)s;
    if (bits & VMM_BIT_LINES)
        interrupts_signalled();
    if (bits & VMM_BIT_PANEL)
        interrupts_kick((1u << VM_CPUS) - 1);
}

// The kernel cannot enter the state that the guest asked for: the guest's instruction faults, as on a
// processor that lacks the feature. Our own answer is good, or there is nothing more to say.
static void refused(struct server *s, enum status why, struct message *answer)
{
    enum { VECTOR_GP = 13 };
    (void)s;
    if (!answer->words[REPLY_GROUPS])
        die("%s: the kernel refuses an answer without state: %s", vm.config.name, status_name(why));
    log_debug("the guest asks for a state that cannot be entered: #GP");
    answer->tag = TAG(VCPU_RUN, REPLY_WORDS);
    answer->words[REPLY_GROUPS] = 0;
    answer->words[REPLY_EVENT] = EVENT_MAKE(EVENT_EXCEPTION, VECTOR_GP) | EVENT_ERROR(0);
    for (unsigned n = 0; n < VM_CPUS; n++) // the exception goes first now
        eoi_withdraw(n);
}

// Once the end is committed, the supervisor learns of it; after a restart again.
static void publish(struct server *s)
{
    (void)s;
    eoi_publish();
    bus_publish();
    power_report();
}

int main(void)
{
    static const struct server_handler handlers[] = {
        {LABEL_EXIT + EXIT_START + 1, LABEL_EXIT + EXIT_KINDS - 1, vm_exit},
        {LABEL_EXIT + EXIT_START, LABEL_EXIT + EXIT_START, bus_vm_start},
        {LABEL_BUS_REGISTER, LABEL_BUS_REGISTER, bus_register},
    };
    log_use_ring(SLOT_LOG_SIGNAL);
    const char *wrong = config_read(&vm.config, (const char *)MAP_CONFIG);
    if (wrong)
        die("%s", wrong);
    vm.server = (struct server){.endpoint = SLOT_ENDPOINT,
                                .replies = SLOT_REPLY,
                                .reply_count = 4,
                                .handlers = handlers,
                                .handler_count = sizeof handlers / sizeof *handlers,
                                .bits = bits,
                                .publish = publish,
                                .refused = refused,
                                .state = &vm.state};
    open_state();
    read_features();
    enum status s = exits_init();
    if (s == STATUS_OK)
        s = server_init(&vm.server);
    if (s == STATUS_OK)
        s = sys_thread_ctl(SLOT_THREAD, THREAD_BIND, SLOT_NOTIFICATION);
    if (s != STATUS_OK)
        die("%s: cannot start: %s", vm.config.name, status_name(s));
    if (program_start.kind != START_FRESH) {
        bus_start();
        interrupts_start();
        panel_start();
    }
    power_report();
    s = server_run(&vm.server);
    die("%s: the endpoint is gone: %s", vm.config.name, status_name(s));
}
