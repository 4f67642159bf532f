// The supervisor's beginning.
// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/manifest.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

const char program_name[] = "init";
const struct self_slots self_slots = {ROOT_SLOT_PROCESS, ROOT_SLOT_THREAD};

struct supervisor init;

static void must(enum status s, const char *what)
{
    if (s != STATUS_OK)
        fatal("%s: %s", what, status_name(s));
}

static void open_archive(void)
{
    must(sys_info(SLOT_NONE, INFO_SYSTEM), "no system information");
    memcpy(&init.info, utcb()->words, sizeof init.info);
    if (init.info.archive_offset)
        fatal("the boot archive does not begin at a page: it must be loaded to one");
    must(sys_map(ROOT_SLOT_PROCESS, INIT_MAP_ARCHIVE, ROOT_SLOT_ARCHIVE, RIGHT_READ), "the boot archive");
    init.archive = (struct archive){(const uint8_t *)INIT_MAP_ARCHIVE, init.info.archive_bytes};
    enum archive_status s = archive_check(&init.archive);
    if (s != ARCHIVE_OK)
        fatal("the boot archive is %s", archive_status_text(s));
}

static void read_manifest(void)
{
    static char error[JSON_ERROR_MAX];
    struct archive_file file;
    enum archive_status s = archive_find(&init.archive, "", MANIFEST_FILE, strlen(MANIFEST_FILE), &file);
    if (s != ARCHIVE_OK)
        fatal("the manifest is %s", archive_status_text(s));
    if (!manifest_read(&init.m, (const char *)file.bytes, file.size, error))
        fatal("manifest, %s", error);
    init.server = calloc(MANIFEST_SERVERS_MAX, sizeof *init.server);
    init.vm = calloc(MANIFEST_VMS_MAX, sizeof *init.vm);
    init.schedule = calloc(init.m.injection_count + 1, sizeof *init.schedule);
    if (!init.server || !init.vm || !init.schedule)
        fatal("the manifest is too large for the supervisor's memory");
    for (uint32_t i = 0; i < init.m.injection_count; i++)
        schedule_requests(&init.schedule[i], init.m.injection[i].count);
    log_level = (enum log_level)init.m.log;
}

// Its own endpoint is there first, since processes name it.
static void make_all(void)
{
    must(sys_create(OBJECT_ENDPOINT, SLOT_OWN_ENDPOINT, ROOT_SLOT_PROCESS, 0, 0, 0, 0), "its endpoint");
    must(sys_create(OBJECT_REPLY, SLOT_OWN_REPLY, ROOT_SLOT_PROCESS, 0, 0, 0, 0), "its reply object");
    clock_read(&init.clock);
    stock_init();
    vms_check(); // here, because it says best what is too large
    objects_create();
    images_load();
    for (uint32_t n = 0; n < init.m.server_count; n++)
        server_prepare(n);
    if (init.m.control.server != MANIFEST_NONE)
        stock_reserve();
    vms_check(); // and now without what the supervisor took
    pools_write();
    for (uint32_t v = 0; v < init.m.vm_count; v++)
        rams_write(v);
    init.ram_pages = stock_pages();
    manifest_settle(&init.m);
}

static void open_log(void)
{
    for (uint32_t i = 0; i < init.m.init_maps.count; i++) {
        const struct manifest_map *m = &init.m.init_maps.map[i];
        if (m->memory < BUILTIN_FIRST)
            must(sys_map(ROOT_SLOT_PROCESS, m->address, object_slot(m->memory), m->rights),
                 "its own windows");
    }
    if (init.m.log_signal == MANIFEST_NONE)
        return;
    must(sys_grant(ROOT_SLOT_PROCESS, SLOT_OWN_LOG_SIGNAL, object_slot(init.m.log_signal), RIGHT_SEND,
                   init.m.log_badge),
         "the log's notification");
    log_use_ring(SLOT_OWN_LOG_SIGNAL);
}

int main(void)
{
    open_archive();
    read_manifest();
    make_all();
    log_info("%.*s: %u servers, %u VMs", (int)init.m.name.length, init.m.name.at, init.m.server_count,
             init.m.vm_count);
    open_log();
    events_open();
    init.talking = true;
    for (uint32_t n = 0; n < init.m.server_count; n++) {
        const struct manifest_server *s = &init.m.server[n];
        if ((s->vm == MANIFEST_NONE || init.m.vm[s->vm].autostart) && server_begin(n) != STATUS_OK)
            fatal("server %.*s: its payer cannot afford it", (int)s->name.length, s->name.at);
    }
    vms_start();
    supervise();
}
