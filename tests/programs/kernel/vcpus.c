// VMs, spaces and vCPUs as objects; vCPU control; answers that are refused.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/time.h"
#include "tests/guests/guest.h"
#include "tests/programs/common/machine.h"
#include "tests/programs/kernel/topics.h"

static enum status create_vcpu(uint64_t vm, uint64_t space, uint64_t monitor, uint64_t exec)
{
    return sys_create(OBJECT_VCPU, slot_new(), SELF, vm, space, monitor, exec);
}

static void creation(void)
{
    uint32_t vm = make(OBJECT_VM, 0, 0, 0, 0), other = make(OBJECT_VM, 0, 0, 0, 0);
    uint32_t space = make(OBJECT_SPACE, vm, 0, 0, 0), e = make_endpoint(),
             mute = make_copy(e, RIGHT_RECEIVE, 0);
    uint32_t closed = make_copy(vm, RIGHT_READ, 0);
    EXPECT(sys_create(OBJECT_SPACE, slot_new(), SELF, EMPTY_SLOT, 0, 0, 0), STATUS_BAD_CAP,
           "create space: no VM");
    EXPECT(sys_create(OBJECT_SPACE, slot_new(), SELF, e, 0, 0, 0), STATUS_BAD_CAP,
           "create space: of what is no VM");
    EXPECT(sys_create(OBJECT_SPACE, slot_new(), SELF, closed, 0, 0, 0), STATUS_NO_RIGHT,
           "create space: without CONTROL");
    EXPECT(create_vcpu(EMPTY_SLOT, space, e, 0), STATUS_BAD_CAP, "create vCPU: no VM");
    EXPECT(create_vcpu(vm, EMPTY_SLOT, e, 0), STATUS_BAD_CAP, "create vCPU: no space");
    EXPECT(create_vcpu(vm, space, EMPTY_SLOT, 0), STATUS_BAD_CAP, "create vCPU: no monitor");
    EXPECT(create_vcpu(vm, space, mute, 0), STATUS_NO_RIGHT, "create vCPU: a monitor without SEND");
    EXPECT(create_vcpu(closed, space, e, 0), STATUS_NO_RIGHT, "create vCPU: without CONTROL of the VM");
    EXPECT(create_vcpu(other, space, e, 0), STATUS_BAD_ARG, "create vCPU: another VM's space");
    EXPECT(create_vcpu(vm, space, e, CREATE_EXEC(0, 64, 0)), STATUS_BAD_ARG,
           "create vCPU: too high a priority");
    EXPECT(create_vcpu(vm, space, e, CREATE_EXEC(0, 1, 99)), STATUS_UNSUPPORTED,
           "create vCPU: on a CPU that runs none");
    EXPECT(create_vcpu(vm, space, e, 0), STATUS_OK, "create vCPU");
    EXPECT(create_vcpu(vm, space, e, 0), STATUS_OK, "create vCPU: a second one");
    struct message m = {0};
    uint64_t badge;
    EXPECT(receive_call(e, make_reply(), &m, &badge), STATUS_OK, "its first exit");
    CHECK(TAG_LABEL(m.tag) == LABEL_EXIT + EXIT_START && EXIT_INFO_VCPU(m.words[EXIT_INFO]) == 0,
          "of vCPU 0");
    EXPECT(receive_call(e, make_reply(), &m, &badge), STATUS_OK, "the other one's");
    CHECK(EXIT_INFO_VCPU(m.words[EXIT_INFO]) == 1, "of vCPU 1");
}

static void wrong_control(void)
{
    struct machine m;
    machine_make(&m);
    uint32_t closed = make_copy(m.vcpu, RIGHT_READ, 0);
    EXPECT(sys_vcpu_ctl(EMPTY_SLOT, VCPU_KICK, 0), STATUS_BAD_CAP, "vCPU control: an empty slot");
    EXPECT(sys_vcpu_ctl(m.vm, VCPU_KICK, 0), STATUS_BAD_CAP, "vCPU control: what is no vCPU");
    EXPECT(sys_vcpu_ctl(closed, VCPU_KICK, 0), STATUS_NO_RIGHT, "vCPU control: without CONTROL");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_OPS, 0), STATUS_BAD_ARG, "vCPU control: an unknown operation");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_RESUME, 0), STATUS_BUSY, "resume: it is not stopped");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_SET_ACCOUNT, m.vm), STATUS_BAD_CAP, "set account: what is none");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_SET_ACCOUNT, make(OBJECT_ACCOUNT, 50, 0, 0, 0)), STATUS_OK,
           "set account");
}

static void running(void)
{
    struct machine m;
    machine_start(&m, "loop", GUEST_64);
    m.answer.deadline = deadline_in(NS_PER_MS);
    uint32_t kind = machine_go(&m);
    while (kind == EXIT_PIO) {
        machine_port(&m, 0);
        kind = machine_go(&m);
    }
    CHECK(kind == EXIT_KICK && (m.word[EXIT_INFO] & EXIT_DEADLINE), "a deadline ends the guest's run");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_KICK, 0), STATUS_OK, "kick: while its exit is not answered");
    CHECK(machine_go(&m) == EXIT_KICK && !(m.word[EXIT_INFO] & EXIT_DEADLINE), "kick: remembered");
    EXPECT(machine_answer(&m), STATUS_OK, "the guest runs");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_KICK, 0), STATUS_OK, "kick: while it runs");
    CHECK(machine_wait(&m) == EXIT_KICK, "kick: a KICK exit");
    EXPECT(machine_answer(&m), STATUS_OK, "the guest runs");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_CANCEL, 0), STATUS_OK, "cancel: while it runs");
    EXPECT(sys_info(m.vcpu, INFO_OBJECT), STATUS_OK, "info: the vCPU");
    CHECK(((const struct info_vcpu *)(const void *)utcb()->words)->running == 0, "cancel: it is stopped");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_CANCEL, 0), STATUS_OK, "cancel: twice");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_RESUME, 0), STATUS_OK, "resume");
    CHECK(machine_wait(&m) == EXIT_PIO, "resume: it goes on to its next exit");
    uint64_t sequence = utcb()->sequence;
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_CANCEL, 0), STATUS_OK, "cancel: its exit is taken back");
    EXPECT(machine_answer(&m), STATUS_STALE, "cancel: the answer is stale");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_RESUME, 0), STATUS_OK, "resume");
    CHECK(machine_wait(&m) == EXIT_PIO && m.word[EXIT_ADDRESS] == PORT_REPORT,
          "resume: the exit is delivered again");
    CHECK(utcb()->sequence == sequence && utcb()->deliveries == 1, "resume: under its number");
}

static volatile enum status monitor_status;

static void monitor(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    (void)argument;
    monitor_status = sys_reply_wait(1, 0, SLOT_NONE, 2, &m, &badge);
    (void)!sys_reply_wait(SLOT_NONE, 0, SLOT_NONE, SLOT_NONE, &m, &badge);
}

static void monitor_dies(void)
{
    struct machine m;
    struct child c;
    machine_start(&m, "cpuid", GUEST_64);
    EXPECT(machine_answer(&m), STATUS_OK, "a guest runs");
    child_make(&c, SLOT_NONE);
    child_give(&c, 1, m.endpoint, RIGHT_RECEIVE, 0);
    child_give(&c, 2, make_reply(), RIGHT_SEND | RIGHT_RECEIVE, 0);
    monitor_status = STATUS_COUNT;
    child_run(&c, PRIORITY_HIGH, monitor, NULL);
    settle();
    EXPECT(monitor_status, STATUS_OK, "another monitor gets its exit");
    child_end(&c);
    CHECK(machine_wait(&m) == EXIT_CPUID && utcb()->deliveries == 1, "it dies: the exit comes again");
    CHECK(machine_state()->gpr[GPR_RAX] == 0x40000000, "with all its state");
    EXPECT(sys_destroy(m.endpoint), STATUS_OK, "its endpoint dies");
    m.endpoint = SLOT_NONE;
    machine_skip(&m, 2);
    EXPECT(machine_answer(&m), STATUS_OK, "the exit that was received can be answered");
    settle();
    EXPECT(sys_info(m.vcpu, INFO_OBJECT), STATUS_OK, "info: the vCPU");
    const struct info_vcpu *i = (const struct info_vcpu *)(const void *)utcb()->words;
    CHECK(i->running == 0 && i->pending == PENDING_EXIT, "at its next exit it stops");
}

static void destruction(void)
{
    struct machine m;
    machine_start(&m, "loop", GUEST_64);
    EXPECT(machine_answer(&m), STATUS_OK, "a guest runs");
    EXPECT(sys_destroy(m.vcpu), STATUS_OK, "destroy: its vCPU");
    machine_start(&m, "loop", GUEST_64);
    EXPECT(machine_answer(&m), STATUS_OK, "another guest runs");
    EXPECT(sys_destroy(m.space), STATUS_OK, "destroy: its space");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_KICK, 0), STATUS_BAD_CAP, "destroy: that takes the vCPU along");
    machine_make(&m);
    EXPECT(sys_destroy(m.vm), STATUS_OK, "destroy: a VM with an exit that is not answered");
    EXPECT(machine_answer(&m), STATUS_STALE, "destroy: the answer is stale");
    EXPECT(sys_unmap(m.space, 0), STATUS_BAD_CAP, "destroy: that takes the spaces along");
}

static void refused(const char *what, struct machine *m, uint64_t groups, uint64_t *field, uint64_t value)
{
    uint64_t was = *field;
    *field = value;
    m->answer.groups = groups;
    EXPECT(machine_answer(m), STATUS_BAD_ARG, "answer: %s", what);
    *field = was;
}

static void answers(void)
{
    struct machine m;
    struct vcpu_state *s = machine_state();
    machine_start(&m, "cpuid", GUEST_64);
    struct machine_answer good = m.answer;
    refused("a reserved bit of CR0", &m, GROUP_ALL, &s->cr0, 0x80010031 | UINT64_C(1) << 40);
    refused("paging without protection", &m, GROUP_ALL, &s->cr0, 0x80000010);
    refused("a reserved bit of CR4", &m, GROUP_ALL, &s->cr4, 0x220 | UINT64_C(1) << 31);
    refused("a reserved bit of CR3", &m, GROUP_ALL, &s->cr3, UINT64_C(1) << 63);
    refused("a reserved bit of EFER", &m, GROUP_ALL, &s->efer, 0xd00 | 1 << 20);
    refused("CR8 of 16", &m, GROUP_ALL, &s->cr8, 16);
    refused("an XCR0 without x87", &m, GROUP_ALL, &s->xcr0, 2);
    refused("a PAT that does not exist", &m, GROUP_ALL, &s->pat, 2);
    refused("an LSTAR that is not canonical", &m, GROUP_ALL, &s->lstar, UINT64_C(1) << 63);
    refused("an exception 40", &m, GROUP_ALL, &s->event, EVENT_MAKE(EVENT_EXCEPTION, 40));
    refused("unknown groups", &m, GROUP_ALL + 1, &s->cr2, 0);
    m.answer = good;
    m.answer.action = (enum vcpu_action)3;
    EXPECT(machine_answer(&m), STATUS_BAD_ARG, "answer: an unknown action");
    m.answer = good;
    m.answer.offer = 0x10000;
    EXPECT(machine_answer(&m), STATUS_BAD_ARG, "answer: an unknown offer");
    m.answer = good;
    m.answer.event = EVENT_MAKE(5, 3);
    EXPECT(machine_answer(&m), STATUS_BAD_ARG, "answer: an unknown event");
    m.answer = good;
    CHECK(machine_go(&m) == EXIT_CPUID, "answer: a good one, after all that");
}

static void images(void)
{
    struct machine m;
    static union {
        struct vcpu_image image;
        uint8_t bytes[16384];
    } first;
    machine_start(&m, "cpuid", GUEST_64);
    CHECK(machine_go(&m) == EXIT_CPUID, "a guest at an exit");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_CANCEL, 0), STATUS_OK, "cancel");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_EXPORT, 0), STATUS_OK, "export");
    memcpy(first.bytes, utcb()->words, sizeof utcb()->words);
    uint32_t size = first.image.size;
    CHECK(first.image.version == VCPU_IMAGE_VERSION && size > sizeof first.image && size <= sizeof first,
          "export: version and size");
    unsigned wrong = 0;
    for (uint64_t at = 0; at < size; at += sizeof utcb()->words) {
        wrong += sys_vcpu_ctl(m.vcpu, VCPU_EXPORT, at) != STATUS_OK;
        memcpy(first.bytes + at, utcb()->words, sizeof utcb()->words);
    }
    CHECK(wrong == 0, "export: piece by piece");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_EXPORT, size), STATUS_BAD_ARG, "export: behind the end");
    CHECK(first.image.state.gpr[GPR_RAX] == 0x40000000 && first.image.exit.kind == EXIT_CPUID &&
              first.image.pending == PENDING_EXIT,
          "export: registers and the exit that was not answered");
}

// Bytes of the XSAVE area behind the image, as IMPORT takes them.
static uint64_t area(uint64_t first, uint64_t bytes)
{
    return (sizeof(struct vcpu_image) + first) | bytes << 32;
}

// XMM1 begins at byte 176 of the area [SDM] 1 13.4.1.
static void vector_registers(void)
{
    enum { XMM1 = 176, BYTES = 16, MXCSR = 24, HEADER = 512 };
    static const struct {
        uint64_t first, bytes;
    } refused[] = {{MXCSR, 8},    {16, 16},          {400, 32},
                   {HEADER, 8},   {HEADER + 56, 16}, {UINT32_MAX - 4096, 8},
                   {32, 384 + 1}, {576, 1 << 20}};
    struct machine m;
    machine_start(&m, "cpuid", GUEST_64);
    CHECK(machine_go(&m) == EXIT_CPUID, "a guest at an exit");
    memset(utcb()->words, 0x5a, BYTES);
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_IMPORT, area(XMM1, BYTES)), STATUS_OK, "import: a vector register");
    unsigned wrong = 0;
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++)
        wrong +=
            sys_vcpu_ctl(m.vcpu, VCPU_IMPORT, area(refused[i].first, refused[i].bytes)) != STATUS_BAD_ARG;
    wrong += sys_vcpu_ctl(m.vcpu, VCPU_IMPORT, 8ul << 32) != STATUS_BAD_ARG;
    CHECK(wrong == 0,
          "import: neither the mask of MXCSR, nor the header, nor beyond, nor a part of the image");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_IMPORT, area(MXCSR, 4)), STATUS_OK, "import: MXCSR");
    machine_skip(&m, 2);
    machine_go(&m);
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_EXPORT, (uint32_t)area(MXCSR, 0)), STATUS_OK, "export: at an exit");
    CHECK((uint32_t)utcb()->words[0] == 0x5a5a, "the guest had it without the reserved bits");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_EXPORT, (uint32_t)area(XMM1, 0)), STATUS_OK, "export: at an exit");
    const uint8_t *byte = (const uint8_t *)utcb()->words;
    CHECK(byte[0] == 0x5a && byte[BYTES - 1] == 0x5a && byte[BYTES] == 0, "the guest had it, and kept it");
    m.answer.action = VCPU_HALT;
    EXPECT(machine_answer(&m), STATUS_OK, "halted");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_EXPORT, 0), STATUS_BUSY, "export: nobody waits for an answer");
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_IMPORT, area(XMM1, BYTES)), STATUS_BUSY, "import: the same");
}

static struct vcpu_image exported;

static void take(struct machine *m)
{
    EXPECT(sys_vcpu_ctl(m->vcpu, VCPU_CANCEL, 0), STATUS_OK, "cancel");
    EXPECT(sys_vcpu_ctl(m->vcpu, VCPU_EXPORT, 0), STATUS_OK, "export: a stopped guest");
    memcpy(&exported, utcb()->words, sizeof exported);
}

static enum status put(const struct machine *m, const struct vcpu_image *image)
{
    memcpy(utcb()->words, image, sizeof *image);
    return sys_vcpu_ctl(m->vcpu, VCPU_IMPORT, (uint64_t)sizeof *image << 32);
}

// A second machine goes on from where the first was stopped, under the number of the first's exit.
static void moves(void)
{
    struct machine from, to;
    machine_start(&from, "cpuid", GUEST_64);
    CHECK(machine_go(&from) == EXIT_CPUID, "a guest at an exit");
    uint64_t sequence = utcb()->sequence;
    machine_make(&to);
    machine_load(&to, "cpuid", GUEST_64);
    take(&from);
    EXPECT(put(&to, &exported), STATUS_BUSY, "import: not while it is not stopped");
    EXPECT(sys_vcpu_ctl(to.vcpu, VCPU_CANCEL, 0), STATUS_OK, "cancel: the other one");
    EXPECT(put(&to, &exported), STATUS_OK, "import: all of it");
    EXPECT(sys_vcpu_ctl(to.vcpu, VCPU_RESUME, 0), STATUS_OK, "resume");
    CHECK(machine_wait(&to) == EXIT_CPUID && utcb()->sequence == sequence && utcb()->deliveries == 1,
          "the exit comes again, from there");
    to.answer.groups = GROUP_GPR | GROUP_RIP;
    machine_state()->gpr[GPR_RAX] = 0x11;
    machine_state()->gpr[GPR_RBX] = 0x22;
    machine_skip(&to, 2);
    CHECK(machine_reports(&to, 0x11) && machine_reports(&to, 0x22), "the guest goes on");
}

// Halted, with a deadline and an offered interrupt: these go along, and nothing is sent before their time.
static void moves_halted(void)
{
    struct machine from, to;
    machine_start(&from, "cpuid", GUEST_64);
    CHECK(machine_go(&from) == EXIT_CPUID, "a guest at an exit");
    machine_skip(&from, 2);
    from.answer.action = VCPU_HALT;
    from.answer.deadline = deadline_in(NS_PER_S);
    from.answer.offer = OFFER_MAKE(0x41);
    EXPECT(machine_answer(&from), STATUS_OK, "halted");
    take(&from);
    CHECK(exported.pending == PENDING_HALT && exported.deadline && exported.offer == OFFER_MAKE(0x41),
          "export: what it waits for");
    exported.deadline = deadline_in(NS_PER_MS);
    machine_make(&to);
    EXPECT(sys_vcpu_ctl(to.vcpu, VCPU_CANCEL, 0), STATUS_OK, "cancel: the other one");
    EXPECT(put(&to, &exported), STATUS_OK, "import: all of it");
    EXPECT(sys_vcpu_ctl(to.vcpu, VCPU_RESUME, 0), STATUS_OK, "resume");
    CHECK(machine_wait(&to) == EXIT_KICK && (to.word[EXIT_INFO] & EXIT_DEADLINE) &&
              (to.word[EXIT_INFO] & EXIT_OFFER_PENDING),
          "its deadline ends the halt, its interrupt waits");
}

static void wrong_images(void)
{
    struct machine m;
    struct vcpu_image i[13];
    machine_start(&m, "cpuid", GUEST_64);
    CHECK(machine_go(&m) == EXIT_CPUID, "a guest at an exit");
    take(&m);
    for (unsigned k = 0; k < sizeof i / sizeof *i; k++)
        i[k] = exported;
    i[0].version++;
    i[1].size--;
    i[2].exit.kind = EXIT_KINDS;
    i[3].pending = PENDING_HALT + 1;
    i[4].offer = 1 << 10;
    i[5].state.cr0 |= 1ul << 63;
    i[6].state.efer ^= 1 << 10;
    i[7].state.event = EVENT_MAKE(5, 3);
    i[8].state.xcr0 = 0;
    i[9].state.blocking = 1 << 7;
    i[10].pending = i[11].pending = i[12].pending = PENDING_ACCESS;
    i[10].exit.info = 3;
    i[11].exit.info = 4;
    i[11].exit.address = 0x10000;
    i[12].access_by_monitor = 1;
    i[12].access.size = 16;
    unsigned wrong = 0;
    for (unsigned k = 0; k < sizeof i / sizeof *i; k++)
        wrong += put(&m, &i[k]) != STATUS_BAD_ARG;
    CHECK(wrong == 0, "import: no image that cannot be (%u taken)", wrong);
    EXPECT(sys_vcpu_ctl(m.vcpu, VCPU_RESUME, 0), STATUS_OK, "resume");
    CHECK(machine_wait(&m) == EXIT_CPUID && machine_state()->gpr[GPR_RAX] == 0x40000000,
          "and nothing has changed");
}

const struct part vcpu_parts[] = {{"create", creation},
                                  {"wrong control", wrong_control},
                                  {"running", running},
                                  {"monitor dies", monitor_dies},
                                  {"destroy", destruction},
                                  {"answers", answers},
                                  {"images", images},
                                  {"vector registers", vector_registers},
                                  {"a guest moves", moves},
                                  {"a halted guest moves", moves_halted},
                                  {"wrong images", wrong_images},
                                  {0}};
