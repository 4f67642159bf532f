// What a schema cannot say about NICs.
// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/proto/manifest.h"
#include "libipc/proto/net.h"
#include "tools/check.h"

#define BYTES_MAX (1ull << 40) // a second
#define BYTES_MIN (1ull << 10)
#define DERIVED   0x524248000000ull // locally administered, of one station

enum { NETS_MAX = 4, RANGES_MAX = 16, LONGEST_SUFFIX = sizeof "net...config" - 1 };

static void check_names(struct report *r, const struct config_vm *vm, size_t i)
{
    const struct config_net *n = config_net(vm, i);
    check_length(r, vm, &n->name, LONGEST_SUFFIX);
    for (size_t j = 0; j < i; j++)
        check_twice(r, "name", "NIC", &config_net(vm, j)->name, &n->name);
    if (i == NETS_MAX)
        report_error(r, n->line, "nets: more than %d, as many as a VM has places for", NETS_MAX);
}

// Of the names, the same whenever they are the same.
static uint64_t derived(const struct config_vm *vm, const struct config_net *n)
{
    uint64_t sum = 0xcbf29ce484222325ull; // FNV-1a
    for (const char *c = vm->name.text; *c; c++)
        sum = (sum ^ (unsigned char)*c) * 0x100000001b3ull;
    sum = (sum ^ '.') * 0x100000001b3ull;
    for (const char *c = n->name.text; *c; c++)
        sum = (sum ^ (unsigned char)*c) * 0x100000001b3ull;
    return DERIVED | (sum >> 40);
}

static bool read_mac(const char *text, uint64_t *address)
{
    static const char shape[] = "xx:xx:xx:xx:xx:xx";
    *address = 0;
    if (strlen(text) != strlen(shape))
        return false;
    for (const char *c = text, *s = shape; *c; c++, s++) {
        if (*s == ':' ? *c != ':' : !isxdigit((unsigned char)*c))
            return false;
        if (*s != ':')
            *address =
                *address << 4 | (unsigned)(isdigit((unsigned char)*c) ? *c - '0' : (*c | 0x20) - 'a' + 10);
    }
    return true;
}

static void check_mac(struct report *r, const struct config_vm *vm, struct config_net *n)
{
    if (!n->mac.line) {
        n->address = derived(vm, n);
        return;
    }
    if (!read_mac(n->mac.text, &n->address))
        report_error(r, n->mac.line, "mac: '%s', expected six bytes as 52:42:48:01:02:03", n->mac.text);
    else if (!n->address || n->address >> 40 & 1)
        report_error(r, n->mac.line, "mac: %s is no address of one card, expected an even first byte",
                     n->mac.text);
}

static bool read_number(const char **at, unsigned long *number)
{
    char *end;
    if (!isdigit((unsigned char)**at))
        return false;
    *number = strtoul(*at, &end, 10);
    *at = end;
    return *number >= 1 && *number <= NET_VLAN_MAX;
}

// "10,20-30". NULL: it is none.
static const char *read_ranges(struct arena *a, const char *text)
{
    const char *ranges = "";
    unsigned long first, last;
    for (unsigned i = 0;; i++) {
        if (i == RANGES_MAX || !read_number(&text, &first))
            return NULL;
        last = first;
        if (*text == '-' && (text++, !read_number(&text, &last) || last < first))
            return NULL;
        ranges = arena_format(a, "%s%s%lu, %lu", ranges, i ? ", " : "", first, last);
        if (!*text)
            return ranges;
        if (*text++ != ',')
            return NULL;
    }
}

static void check_vlans(struct arena *a, struct report *r, struct config_net *n)
{
    n->ranges = n->vlans.line ? read_ranges(a, n->vlans.text) : "";
    if (!n->ranges)
        report_error(r, n->vlans.line,
                     "vlans: '%s', expected up to %d numbers or ranges of 1 to %d, as 10,20-30",
                     n->vlans.text, RANGES_MAX, NET_VLAN_MAX);
}

void check_net(struct arena *a, struct report *r, const struct config_vm *vm, size_t i)
{
    struct config_net *n = config_net(vm, i);
    check_names(r, vm, i);
    check_mac(r, vm, n);
    check_vlans(a, r, n);
    if (n->bytes.line && (n->bytes.number < BYTES_MIN || n->bytes.number > BYTES_MAX))
        report_error(r, n->bytes.line, "bytes: %s, expected 1K to 1T a second", n->bytes.text);
}

// ---- all of them ----

static void check_pair(struct report *r, const struct config_net *before, const struct config_net *n)
{
    if (before->address == n->address)
        report_error(r, n->mac.line ? n->mac.line : n->line,
                     "mac: %012llx is that of the NIC in line %u already, expected another",
                     (unsigned long long)n->address, before->line);
}

static bool has_group(const struct config_net *const *nets, size_t count, const char *group)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(nets[i]->group.text, group) == 0)
            return true;
    return false;
}

static void check_uplink(struct report *r, const struct config_uplink *u,
                         const struct config_net *const *nets, size_t count)
{
    if (u->line && !count)
        report_error(r, u->line, "uplink: no VM has a NIC");
    for (size_t i = 0; count && i < u->groups.count; i++) {
        const struct value *group = (const struct value *)u->groups.items + i;
        if (!has_group(nets, count, group->text))
            report_error(r, group->line, "groups: no NIC is in the group '%s'", group->text);
    }
}

void check_nets(struct report *r, const struct config *c)
{
    const struct config_net *nets[NET_PORTS_MAX];
    const size_t most = NET_PORTS_MAX - (c->uplink.line != 0);
    size_t count = 0;
    for (size_t v = 0; v < c->vms.count; v++)
        for (size_t i = 0; i < config_vm(c, v)->nets.count; i++) {
            const struct config_net *n = config_net(config_vm(c, v), i);
            if (count == most) {
                report_error(r, n->line, "nets: more than %zu in all, as many as the switch has ports for",
                             most);
                return;
            }
            for (size_t k = 0; k < count; k++)
                check_pair(r, nets[k], n);
            nets[count++] = n;
        }
    check_uplink(r, &c->uplink, nets, count);
}
