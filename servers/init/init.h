// The supervisor: what its parts share.
// SPDX-License-Identifier: MIT
//
// Life: read the manifest, make every object, load the programs, start the servers, let the guests run; then
// notice deaths and hangs for ever. It knows no kind of server: all that differs between them is in the
// manifest. Its memory is fixed once the manifest is read, but for VMs that are added.
#pragma once

#include "libipc/abi/info.h"
#include "libipc/abi/status.h"
#include "libipc/abi/utcb.h"
#include "libipc/archive.h"
#include "libipc/proto/clock.h"
#include "libipc/proto/init.h"
#include "libipc/start.h"
#include "libipc/syscall.h"
#include "servers/init/manifest.h"
#include "servers/init/policy.h"
#include "servers/init/program.h"

// Its capability table. Objects and servers follow by number.
enum init_slot {
    SLOT_OWN_ENDPOINT = ROOT_SLOT_FREE, // of faults, and of what servers tell
    SLOT_OWN_REPLY,
    SLOT_OWN_LOG_SIGNAL, // the console's notification
    SLOT_OWN_CONTROL_SIGNAL,
    SLOT_RESERVE,      // memory for VMs that are added later
    SLOT_SCRATCH,      // a capability with a badge, for the next call
    SLOT_CLOCK_PORTS,  // those of the real-time clock, while it is read
    SLOT_PORTS,        // the machine's, at its end
    SLOT_PROBED,       // a PCI function that is looked at
    SLOT_TEXT = 64,    // + image
    SLOT_OBJECT = 192, // + object
    SLOT_SERVER = SLOT_OBJECT + MANIFEST_OBJECTS_MAX,
    // + SERVER_SLOTS * server
    SERVER_PROCESS = 0,
    SERVER_THREAD,
    SERVER_ENDPOINT, // the own endpoint with the server's badge
    SERVER_DATA,
    SERVER_SLOTS,
    IMAGES_MAX = SLOT_OBJECT - SLOT_TEXT,
    PROGRAM_NAME_MAX = 64 // characters
};

// Its windows, beside its program's.
#define INIT_MAP_SCRATCH       UINT64_C(0x20000000)   // what is being filled or read, up to 2 MiB
#define INIT_MAP_EVENTS        UINT64_C(0x20200000)   // ring of struct init_event
#define INIT_MAP_ARCHIVE       UINT64_C(0x4000000000) // read-only
#define INIT_MAP_SCRATCH_LARGE UINT64_C(0x8000000000) // what is being filled, larger

struct image {
    struct json_text name; // a copy: VMs come and go, programs stay
    char copy[PROGRAM_NAME_MAX];
    struct program program;
    struct archive_file file, symbols;
    uint32_t instances;
};

enum { SERVER_THREADS_MAX = 32 }; // that are looked at

enum server_state { SERVER_OFF, SERVER_RUNS, SERVER_BACKS_OFF, SERVER_FAILED };

struct server_run {
    enum server_state state;
    const struct manifest_program *program; // the server's own, or what stands in for it
    uint32_t image, failed_image;           // of either
    uint32_t starts;
    bool ready;              // an incarnation adopted a state, or waited once: the next ones go on from there
    bool death_told;         // by an event
    uint64_t died_at;        // address of the last death that was recorded
    uint32_t barren;         // deaths in a row without a completed request
    uint64_t restart_at;     // SERVER_BACKS_OFF: TSC
    struct info_thread past; // what its dead incarnations did: times and counts
    uint64_t endpoint;       // kernel's number of the endpoint that it receives from, 0: none
    struct watch watch[SERVER_THREADS_MAX]; // one each of its threads
};

struct vm_run {
    enum init_vm_state state;
    char *text;           // its definition, of one that was added; NULL: the manifest's
    uint32_t end, status; // enum vm_end; what the guest itself said
};

struct supervisor {
    struct manifest m;
    struct host_clock clock; // when the machine began
    uint64_t ram_pages;      // that guests can have in all
    bool shutting_down;
    bool ending;  // as soon as nobody waits for an answer
    bool talking; // the log and the guests' output go through servers
    struct archive archive;
    struct info_system info;
    uint32_t image_count;
    struct image *image;
    struct server_run *server; // one each of m.server
    struct vm_run *vm;         // one each of m.vm
    struct schedule *schedule; // one each of m.injection
};

extern struct supervisor init;

static inline uint32_t object_slot(uint16_t object)
{
    return SLOT_OBJECT + object;
}

static inline uint32_t server_slot(uint32_t server, uint32_t which)
{
    return SLOT_SERVER + SERVER_SLOTS * server + which;
}

// What the kernel tells of an object, until the next system call; NULL: it is not there.
static inline const void *info_of(uint32_t slot)
{
    return sys_info(slot, INFO_OBJECT) == STATUS_OK ? utcb()->words : NULL;
}

// end.c: one line, then the machine stops with a status that is not 0.
__attribute__((format(printf, 1, 2))) _Noreturn void fatal(const char *format, ...);
// Does something that may end in fatal(): false, and `text` says why. What was done is not undone.
bool attempt(void (*what)(uint32_t), uint32_t argument, char *text, size_t size);
// Waits until the logs are printed, then stops the machine.
_Noreturn void end_machine(uint8_t status);

// power.c: switches the machine off by ACPI; returns if it cannot.
void power_off(void);

// stock.c: free RAM. The supervisor takes what it needs before anybody else does.
void stock_init(void);
void stock_take(uint32_t memory, uint64_t page, uint64_t pages, struct json_text why);
void stock_give(uint32_t memory); // all pages that it has
void stock_reserve(void);         // the last that is taken before the pager begins
uint64_t stock_pages(void);
void stock_table(struct pool_table *table);

// objects.c
void objects_create(void); // those that are fresh in the manifest
void pools_write(void);    // when all that the supervisor takes is taken
enum status with_badge(uint32_t own, uint64_t badge, uint32_t *slot); // a capability for the next call
// Maps a memory object to fill or read it. One at a time.
void *scratch_open(uint32_t memory, uint64_t pages);
void scratch_close(void);
void scratch_drop(void);            // if it is open
void machine_renew(uint16_t quota); // of a VM: what it runs on is made anew

// devices.c: PCI functions of the host
bool device_find(uint32_t id, uint32_t index, uint16_t *function);
const char *device_bar(uint32_t slot, uint32_t bar, uint64_t *address); // NULL, or what is wrong
const char *device_interrupt(uint32_t slot, uint32_t *gsi);

// clock.c: what the host's real-time clock says
void clock_read(struct host_clock *to);

// images.c
void images_load(void);
void image_use(uint32_t server);            // once
uint32_t image_find(struct json_text name); // loaded if it is not there yet
const char *image_symbol(uint32_t image, uint64_t address, uint64_t *offset);

// launch.c
void server_prepare(uint32_t n); // once: the memory of its data
// A status: its payer cannot afford the process just now.
MUST_CHECK enum status server_start(uint32_t n, enum start_kind kind);
void server_extend(uint32_t n); // one that runs gets what is fresh in its entry
void server_stop(uint32_t n);
void server_renew(uint32_t n);                   // its next start is its first again
MUST_CHECK enum status server_begin(uint32_t n); // its first start
// From now on what stands in for it is started. False: there is nothing, or it does already.
bool server_stand_in(uint32_t n);
bool server_lacks(uint32_t n);                     // a device that this machine lacks
bool server_has_state(uint32_t n);                 // a closed one, good or damaged; of a stopped server
bool server_receives(uint32_t n, uint16_t object); // from this endpoint

// crash.c; no fault: where it was is not known
void crash_log(uint32_t n, const char *why, const struct fault_message *fault,
               const struct info_thread *info);
struct crash {
    struct init_crash head;
    uint32_t bytes;
    char text[3072];
};
const struct crash *crash_find(uint64_t index); // of those kept, the oldest first; NULL: no more

// events.c
void events_open(void);
void event_send(enum init_event_kind kind, struct json_text name, uint64_t value, const char *text);
uint64_t unix_now(void); // nanoseconds since 1970, UTC

// query.c: LABEL_INIT_STATUS to LABEL_INIT_ROUTE; *m becomes the answer
void query(uint32_t label, struct message *m);
void name_copy(char to[INIT_NAME], struct json_text name);

// routes.c: the first route from that place on that something took. False: there is none.
bool route_find(uint64_t vm, uint64_t place, struct init_route *to);

// The answer's words from number `at` on; it is a good one.
void answer_put(struct message *m, uint32_t at, const void *from, size_t bytes);

// command.c: LABEL_INIT_COMMAND
void command(struct message *m);
__attribute__((format(printf, 3, 4))) bool refuse(struct init_answer *a, enum init_outcome outcome,
                                                  const char *format, ...); // false

// life.c: what becomes of a VM by command
void vm_start(uint32_t vm, const struct init_command *c, struct init_answer *a);
void vm_stop(uint32_t vm, const struct init_command *c, struct init_answer *a);
void vm_pause(uint32_t vm, const struct init_command *c, struct init_answer *a);
void vm_resume(uint32_t vm, const struct init_command *c, struct init_answer *a);
void vm_reset(uint32_t vm, const struct init_command *c, struct init_answer *a);
void vm_destroy(uint32_t vm, const struct init_command *c, struct init_answer *a);
void vm_create(const struct init_command *c, struct init_answer *a); // create.c
void vm_leave(uint32_t vm);                                          // destroy.c: is it time for the rest?
void vm_undo(uint32_t vm);                                           // of one that was half made
#define VM_IN(state) (1u << (state))
bool vm_is_in(uint32_t vm, uint32_t states, struct init_answer *a);
void vms_shut_down(bool force, struct init_answer *a);
// The server of another that has failed for good and without which the VM cannot go on; NULL: none.
const struct manifest_server *vm_lacks(uint32_t vm);

// supervise.c
_Noreturn void supervise(void);
struct info_thread server_info(uint32_t n);     // what its threads did; of messages the last unanswered one
void server_kill(uint32_t n, const char *why);  // as if it had died
bool server_is_needed(uint32_t n, uint32_t vm); // without it the VM cannot go on
void server_count_requests(uint32_t n);         // of a new incarnation, where a fault counts them
void faults_end(void);                          // those that are not through

static inline bool server_exists(uint32_t n)
{
    return init.m.server[n].name.length;
}

// vms.c
void vms_check(void); // does all their memory fit?
void vms_start(void);
void vms_look(void); // does the machine go on?
_Noreturn void vms_end(void);

static inline bool vm_exists(uint32_t vm)
{
    return init.m.vm[vm].name.length;
}

// It runs, or may go on.
static inline bool vm_lives(uint32_t vm)
{
    return vm_exists(vm) && (init.vm[vm].state == INIT_VM_RUNNING || init.vm[vm].state == INIT_VM_PAUSED);
}

void vm_end(uint32_t vm, enum vm_end end, uint8_t status);

// names.c
void names_begin(void);                            // of what is fresh in the manifest
void names_end(uint32_t vm);                       // before anything is taken away
uint32_t names_free(uint32_t first, uint32_t end); // entries from there on are free; counted from `first`

// rams.c
uint32_t ram_number(uint16_t object);
uint32_t rams_free(void);         // numbers from there on are free
void rams_write(uint32_t vm);     // what its guest may have of the archive
void rams_tell(void);             // the pager
uint32_t rams_empty(uint32_t vm); // how many are to be emptied now
bool rams_are_empty(uint32_t vm);

// overhead.c
uint64_t overhead_bytes(uint32_t vm);
void overhead_log(uint32_t vm); // prints what the VM costs beyond its RAM
void memory_log(uint32_t vm);   // and how much of its RAM is there
void exits_log(uint32_t vm);    // and the exits of its vCPUs, by kind
