// A configuration as a human writes it: its schema.
// SPDX-License-Identifier: MIT
#include "tools/config.h"

#include <stddef.h>

#include "libipc/proto/disk.h"
#include "libipc/proto/manifest.h"
#include "libipc/proto/net.h"
#include "libipc/proto/random.h"
#include "tools/check.h"

#define KEY(type, member) .key = #member, .offset = offsetof(struct type, member)

enum { FRAMES_MAX = 1000000000 /* a second */ };

#define US 1000ull
#define MS 1000000ull
#define S  1000000000ull

static const struct schema log_keys[] = {
    {KEY(config_log, level), SCHEMA_CHOICE, .choices = log_level_names, .otherwise = 2},
    {0},
};

static const struct schema hang_keys[] = {
    {KEY(config_hang, poll), SCHEMA_TIME, .least = MS, .most = 60 * S, .otherwise = 100 * MS},
    {KEY(config_hang, cpu), SCHEMA_TIME, .least = MS, .most = 3600 * S, .otherwise = 5 * S},
    {0},
};

static const struct schema disk_keys[] = {
    {KEY(config_disk, name), SCHEMA_NAME, .required = true},
    {KEY(config_disk, base), SCHEMA_TEXT},
    {KEY(config_disk, size), SCHEMA_SIZE},
    {KEY(config_disk, store), SCHEMA_CHOICE, .choices = disk_store_names},
    {KEY(config_disk, partition), SCHEMA_TEXT},
    {KEY(config_disk, space), SCHEMA_SIZE},
    {KEY(config_disk, queues), SCHEMA_NUMBER, .least = 1, .most = DISK_QUEUES_MAX, .otherwise = 1},
    {KEY(config_disk, serial), SCHEMA_TEXT},
    {0},
};

static const struct schema net_keys[] = {
    {KEY(config_net, name), SCHEMA_NAME, .required = true},
    {KEY(config_net, mac), SCHEMA_TEXT},
    {KEY(config_net, group), SCHEMA_NAME, .text = "all"},
    {KEY(config_net, vlan), SCHEMA_NUMBER, .least = 1, .most = NET_VLAN_MAX},
    {KEY(config_net, vlans), SCHEMA_TEXT},
    {KEY(config_net, source_check), SCHEMA_BOOL, .otherwise = true},
    {KEY(config_net, frames), SCHEMA_NUMBER, .least = 1, .most = FRAMES_MAX},
    {KEY(config_net, bytes), SCHEMA_SIZE},
    {0},
};

static const struct schema vm_keys[] = {
    {KEY(config_vm, name), SCHEMA_NAME, .required = true},
    {KEY(config_vm, memory), SCHEMA_SIZE, .required = true},
    {KEY(config_vm, cpus), SCHEMA_NUMBER, .otherwise = 1},
    {KEY(config_vm, kernel), SCHEMA_TEXT, .required = true},
    {KEY(config_vm, initrd), SCHEMA_TEXT},
    {KEY(config_vm, cmdline), SCHEMA_TEXT, .text = ""},
    {KEY(config_vm, console), SCHEMA_BOOL, .otherwise = 1},
    {KEY(config_vm, test_devices), SCHEMA_BOOL},
    {KEY(config_vm, rng), SCHEMA_CHOICE, .choices = random_source_names},
    {KEY(config_vm, disks), SCHEMA_LIST, .sub = disk_keys, .item_bytes = sizeof(struct config_disk),
     .item = "a disk"},
    {KEY(config_vm, ports), SCHEMA_NAMES, .item_bytes = sizeof(struct value)},
    {KEY(config_vm, nets), SCHEMA_LIST, .sub = net_keys, .item_bytes = sizeof(struct config_net),
     .item = "a NIC"},
    {KEY(config_vm, weight), SCHEMA_NUMBER, .least = 1, .most = 1000, .otherwise = 100},
    {KEY(config_vm, priority), SCHEMA_NUMBER, .least = 1, .most = 15, .otherwise = 10},
    {KEY(config_vm, autostart), SCHEMA_BOOL, .otherwise = true},
    {0},
};

static const struct schema uplink_keys[] = {
    {KEY(config_uplink, groups), SCHEMA_NAMES, .item_bytes = sizeof(struct value)},
    {0},
};

static const struct schema fault_keys[] = {
    {KEY(config_fault, server), SCHEMA_TEXT, .required = true},
    {KEY(config_fault, kind), SCHEMA_CHOICE, .choices = manifest_fault_names},
    {KEY(config_fault, every), SCHEMA_TIME, .least = 10 * US, .most = 3600 * S},
    {KEY(config_fault, requests), SCHEMA_NUMBER, .least = 1, .most = 1000000},
    {KEY(config_fault, count), SCHEMA_NUMBER, .least = 1, .most = FAULT_COUNT_MAX, .otherwise = 1},
    {0},
};

static const struct schema config_keys[] = {
    {KEY(config, name), SCHEMA_NAME, .required = true},
    {KEY(config, log), SCHEMA_MAPPING, .sub = log_keys, .item = "the log"},
    {KEY(config, hang), SCHEMA_MAPPING, .sub = hang_keys, .item = "the hang limits"},
    {KEY(config, keep), SCHEMA_BOOL},
    {KEY(config, uplink), SCHEMA_MAPPING, .sub = uplink_keys, .item = "the uplink"},
    {KEY(config, control), SCHEMA_BOOL, .otherwise = true},
    {KEY(config, vms), SCHEMA_LIST, .required = true, .sub = vm_keys, .item_bytes = sizeof(struct config_vm),
     .item = "a VM"},
    {KEY(config, faults), SCHEMA_LIST, .sub = fault_keys, .item_bytes = sizeof(struct config_fault),
     .item = "a fault"},
    {0},
};

bool config_read(struct arena *a, struct report *r, const char *path, struct config *config)
{
    *config = (struct config){0};
    r->file = path;
    return schema_read(a, r, path, config_keys, config) && check_config(a, r, path, config);
}
