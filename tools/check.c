// What a schema cannot say about a configuration: sizes, names, files.
// SPDX-License-Identifier: MIT
#include "tools/check.h"

#include <errno.h>
#include <string.h>

#include "libipc/proto/disk.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/manifest.h"
#include "tools/file.h"

#define MIB        (1ull << 20)
#define GIB        (1ull << 30)
#define MEMORY_MIN MIB
#define MEMORY_MAX (64 * GIB)

enum { CMDLINE_MAX = 2047 /* what Linux keeps of it (COMMAND_LINE_SIZE - 1) */ };

const char *check_path(struct arena *a, const char *config, const char *name)
{
    const char *slash = strrchr(config, '/');
    if (name[0] == '/' || !slash)
        return name;
    return arena_format(a, "%.*s/%s", (int)(slash - config), config, name);
}

static void check_memory(struct report *r, const struct value *memory)
{
    uint64_t bytes = memory->number;
    if (bytes < MEMORY_MIN || bytes > MEMORY_MAX)
        report_error(r, memory->line, "memory: %s, expected 1M to 64G", memory->text);
    else if (bytes % MANIFEST_ALIGN)
        report_error(r, memory->line, "memory: %s, expected a multiple of 4K", memory->text);
}

static void check_kernel(struct arena *a, struct report *r, const char *config, struct config_vm *vm)
{
    struct file f;
    vm->kernel_path = check_path(a, config, vm->kernel.text);
    if (!file_open(&f, vm->kernel_path)) {
        report_error(r, vm->kernel.line, "kernel: %s: %s, expected a guest kernel", vm->kernel_path,
                     strerror(errno));
        return;
    }
    if (!guest_image_check(&vm->image, f.bytes, f.size))
        report_error(r, vm->kernel.line, "kernel: %s: %s", vm->kernel_path, vm->image.error);
    else if (vm->image.protocol > GUEST_PROTOCOL_KNOWN)
        report_warning(r, vm->kernel.line, "kernel: %s: Linux boot protocol %u.%02u is newer than 2.%02u",
                       vm->kernel_path, vm->image.protocol >> 8, vm->image.protocol & 0xff,
                       GUEST_PROTOCOL_KNOWN & 0xff);
    vm->kernel_bytes = f.size;
    file_close(&f);
}

static void check_initrd(struct arena *a, struct report *r, const char *config, struct config_vm *vm)
{
    struct file f;
    if (!vm->initrd.line)
        return;
    vm->initrd_path = check_path(a, config, vm->initrd.text);
    if (!file_open(&f, vm->initrd_path)) {
        report_error(r, vm->initrd.line, "initrd: %s: %s, expected an initial RAM disk", vm->initrd_path,
                     strerror(errno));
        return;
    }
    vm->initrd_bytes = f.size;
    if (!f.size)
        report_error(r, vm->initrd.line, "initrd: %s is empty, expected an initial RAM disk",
                     vm->initrd_path);
    file_close(&f);
}

// Names of servers, which objects of theirs begin with.
static void check_name(struct report *r, const struct value *name)
{
    static const char *const taken[] = {"init",       "memory",     "uart",   "uart2",    "virtio-blk",
                                        "virtio-rng", "virtio-net", "ata",    "terminal", "control",
                                        "console",    "log",        "vmm",    "self",     "ram",
                                        "archive",    "clock",      "switch", "uplink"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcmp(name->text, taken[i]) == 0)
            report_error(r, name->line, "name: '%s' is a name of the system, expected another", name->text);
}

void check_twice(struct report *r, const char *key, const char *what, const struct value *before,
                 const struct value *name)
{
    if (strcmp(before->text, name->text) == 0)
        report_error(r, name->line, "%s: a %s %s is in line %u already, expected another name", key, what,
                     name->text, before->line);
}

void check_length(struct report *r, const struct config_vm *vm, const struct value *name, size_t others)
{
    size_t both = strlen(vm->name.text) + strlen(name->text), most = MANIFEST_NAME_MAX - others;
    if (both > most)
        report_error(r, name->line,
                     "name: '%s' and that of VM %s have %zu characters together, expected at most %zu",
                     name->text, vm->name.text, both, most);
}

static void check_ports(struct report *r, const struct config_vm *vm)
{
    for (size_t i = 0; i < vm->ports.count; i++) {
        const struct value *name = config_port(vm, i);
        for (size_t j = 0; j < i; j++)
            check_twice(r, "ports", "port", config_port(vm, j), name);
        if (i == PORTS_MAX)
            report_error(r, name->line, "ports: more than %d, as many as a device has", PORTS_MAX);
    }
}

static void check_vm(struct arena *a, struct report *r, const char *config, struct config_vm *vm)
{
    check_name(r, &vm->name);
    check_memory(r, &vm->memory);
    if (vm->cpus.number != 1)
        report_error(r, vm->cpus.line, "cpus: %s, expected 1: a VM has one virtual CPU so far",
                     vm->cpus.text);
    if (strlen(vm->cmdline.text) > CMDLINE_MAX)
        report_error(r, vm->cmdline.line, "cmdline: %zu characters, expected at most %d",
                     strlen(vm->cmdline.text), CMDLINE_MAX);
    check_kernel(a, r, config, vm);
    check_initrd(a, r, config, vm);
    for (size_t i = 0; i < vm->disks.count; i++)
        check_disk(a, r, config, vm, i);
    for (size_t i = 0; i < vm->nets.count; i++)
        check_net(a, r, vm, i);
    check_ports(r, vm);
    uint64_t images = vm->kernel_bytes + vm->initrd_bytes;
    if (images && images > vm->memory.number)
        report_error(r, vm->memory.line, "memory: %s, expected more than kernel and initrd take (%llu KiB)",
                     vm->memory.text, (unsigned long long)(images >> 10));
}

static void check_fault(struct report *r, const struct config_fault *f)
{
    if (!f->every.line == !f->requests.line)
        report_error(r, f->line, "a fault has %s, expected 'every' or 'requests'",
                     f->every.line ? "a time and a number of requests" : "no time");
    if (f->requests.line && f->kind.number != INJECT_KILL)
        report_error(r, f->kind.line, "kind: fail, expected kill, as it has a number of requests");
}

bool check_config(struct arena *a, struct report *r, const char *path, struct config *config)
{
    unsigned errors = r->errors;
    if (!config->vms.count || config->vms.count > MANIFEST_VMS_MAX)
        report_error(r, config->line, "vms: %zu VMs, expected 1 to %d", config->vms.count, MANIFEST_VMS_MAX);
    for (size_t i = 0; i < config->vms.count; i++) {
        check_vm(a, r, path, config_vm(config, i));
        for (size_t j = 0; j < i; j++)
            check_twice(r, "name", "VM", &config_vm(config, j)->name, &config_vm(config, i)->name);
    }
    check_partitions(r, config);
    check_nets(r, config);
    for (size_t i = 0; i < config->faults.count; i++)
        check_fault(r, config_fault(config, i));
    if (config->faults.count > MANIFEST_FAULTS_MAX)
        report_error(r, config->line, "faults: %zu, expected at most %d", config->faults.count,
                     MANIFEST_FAULTS_MAX);
    return r->errors == errors;
}

// What it takes of the machine: RAM, and disks that are kept in memory.
static uint64_t memory_of(const struct config_vm *vm)
{
    uint64_t bytes = vm->memory.number;
    for (size_t i = 0; i < vm->disks.count; i++) {
        const struct config_disk *d = config_disk(vm, i);
        if (d->store.number == DISK_STORE_RAM)
            bytes += d->base_path ? disk_overlay_bytes(d->size.number, d->space.number) : d->size.number;
    }
    return bytes;
}

bool check_machine(struct report *r, const struct config *config, uint64_t bytes)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < config->vms.count; i++) {
        const struct config_vm *vm = config_vm(config, i);
        uint64_t more = memory_of(vm);
        if (sum < bytes && sum + more >= bytes)
            report_error(
                r, vm->memory.line,
                "memory: %llu MiB with its disks, and %llu MiB of the VMs before it, expected less than "
                "the machine's %llu MiB",
                (unsigned long long)(more >> 20), (unsigned long long)(sum >> 20),
                (unsigned long long)(bytes >> 20));
        sum += more;
    }
    return sum < bytes;
}
