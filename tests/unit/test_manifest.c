// The manifest's reader: what it makes of a good one, and one line for each kind of mistake
// SPDX-License-Identifier: MIT
//
// LINK: libipc/json.c servers/init/manifest.c servers/init/manifest_objects.c
// LINK: servers/init/manifest_change.c servers/init/manifest_servers.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/abi/syscall.h"
#include "servers/init/manifest.h"

// A manifest of parts, each of which a test may replace: one line each, so that errors name it.
struct parts {
    const char *head, *objects, *vms, *servers, *faults;
};

#define HEAD "\"version\": 1, \"name\": \"t\", \"log\": \"info\", \"hang\": {\"poll_us\": 5, \"cpu_us\": 9}"
#define OBJECTS                                                                                              \
    "{\"name\": \"q\", \"type\": \"quota\", \"bytes\": 100}, {\"name\": \"e\", \"type\": \"endpoint\"},"     \
    "{\"name\": \"a\", \"type\": \"account\", \"weight\": 10}, {\"name\": \"n\", \"type\": "                 \
    "\"notification\"},"                                                                                     \
    "{\"name\": \"m\", \"type\": \"memory\", \"pages\": 3, \"fill\": \"none\", \"pager\": \"e\", "           \
    "\"badge\": 4}"
#define SERVER                                                                                               \
    "\"name\": \"s\", \"image\": \"i\", \"account\": \"a\", \"priority\": 3, \"quota\": 9, \"slots\": 64, "  \
    "\"heap\": 0"
#define SERVERS                                                                                              \
    "{" SERVER                                                                                               \
    ", \"caps\": [{\"slot\": 3, \"object\": \"e\", \"rights\": \"sv\", \"badge\": 7}], \"maps\": []}"

#define CAP(text)    "{" SERVER ", \"caps\": [" text "], \"maps\": []}"
#define MAP(text)    "{" SERVER ", \"caps\": [], \"maps\": [" text "]}"
#define FAILED(text) "{" SERVER ", \"caps\": [], \"maps\": [], \"failed\": {" text "}}"
#define OBJECT(text) OBJECTS ", " text
#define DEVICE(text)                                                                                         \
    "{\"name\": \"d\", \"type\": \"device\", \"vendor\": \"0x1af4\", \"device\": \"0x1042\", " text "}"
#define PART(text) OBJECTS ", " DEVICE("\"index\": 0") ", {\"name\": \"x\", " text "}"

#define TWO_PAGES PART("\"type\": \"memory\", \"pages\": 2, \"fill\": \"zero\"")

#define NO_TIME "line 5: a fault: expected either \"every_us\" or, to kill, \"requests\""

static bool read_parts(struct manifest *m, struct parts p, char error[JSON_ERROR_MAX])
{
    static char text[8192]; // what was read points into it
    int n = snprintf(text, sizeof text,
                     "{%s,\n\"objects\": [%s],\n\"vms\": [%s],\n\"servers\": [%s],\n\"faults\": [%s]}",
                     p.head ? p.head : HEAD, p.objects ? p.objects : OBJECTS, p.vms ? p.vms : "",
                     p.servers ? p.servers : SERVERS, p.faults ? p.faults : "");
    return manifest_read(m, text, (size_t)n, error);
}

static void good(void **state)
{
    (void)state;
    struct manifest m;
    char error[JSON_ERROR_MAX];
    assert_true(read_parts(
        &m,
        (struct parts){.vms = "{\"name\": \"v\", \"quota\": \"q\", \"memory\": [\"m\"]}",
                       .faults = "{\"server\": \"s\", \"kind\": \"kill\", \"every_us\": 8, \"count\": 2}"},
        error));
    assert_int_equal(m.object_count, 5);
    assert_int_equal(m.object[4].memory.pager, 1);
    assert_int_equal(m.object[4].memory.badge, 4);
    assert_int_equal(m.object[4].payer, MANIFEST_NONE);
    assert_int_equal(m.log_signal, MANIFEST_NONE);
    assert_int_equal(m.vm[0].memory[0], 4);
    assert_int_equal(m.server[0].program.cap[0].rights, RIGHT_SEND | RIGHT_RECEIVE);
    assert_int_equal(m.server[0].program.cap[0].badge, 7);
    assert_int_equal(m.server[0].account, 2);
    assert_int_equal(m.server[0].failed.image.length, 0);
    assert_int_equal(m.injection[0].every_us, 8);
    manifest_free(&m);
}

static void failed(void **state)
{
    (void)state;
    struct manifest m;
    char error[JSON_ERROR_MAX];
    assert_true(read_parts(
        &m,
        (struct parts){.servers = FAILED("\"image\": \"f\", \"caps\": [{\"slot\": 5, \"object\": \"e\", "
                                         "\"rights\": \"v\"}], \"maps\": [{\"address\": 8192, "
                                         "\"memory\": \"m\", \"rights\": \"r\"}]")},
        error));
    assert_true(json_is(m.server[0].program.image, "i"));
    assert_int_equal(m.server[0].program.cap_count, 0);
    assert_true(json_is(m.server[0].failed.image, "f"));
    assert_int_equal(m.server[0].failed.cap[0].slot, 5);
    assert_int_equal(m.server[0].failed.maps.map[0].address, 8192);
    manifest_free(&m);
}

static void all_types(void **state)
{
    (void)state;
    struct manifest m;
    char error[JSON_ERROR_MAX];
    bool read = read_parts(
        &m,
        (struct parts){
            .objects = OBJECTS
            ", {\"name\": \"c\", \"type\": \"vcpu\", \"vm\": \"v\", \"space\": \"sp\", \"monitor\": \"e\", "
            "\"badge\": 1,"
            " \"account\": \"a\", \"priority\": 5, \"payer\": \"q\"},"
            "{\"name\": \"sp\", \"type\": \"space\", \"vm\": \"v\", \"maps\": [{\"address\": \"0x40000000\", "
            "\"memory\": "
            "\"m\", \"rights\": \"rwx\"}]},"
            "{\"name\": \"v\", \"type\": \"vm\", \"routes\": [{\"space\": \"port\", \"first\": 1, \"last\": "
            "2, \"rights\": "
            "\"w\", \"target\": \"n\"}]},"
            "{\"name\": \"f\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"file\", \"file\": \"x/y\"},"
            "{\"name\": \"t\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"text\", \"text\": {\"k\": "
            "[1]}},"
            "{\"name\": \"na\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"names\", \"names\": "
            "[{\"entry\": 7, \"text\": \"seven\"}]},"
            "{\"name\": \"i\", \"type\": \"irq\", \"gsi\": 4}, {\"name\": \"p\", \"type\": \"ioports\", "
            "\"first\": 1, "
            "\"last\": 1},"
            "{\"name\": \"di\", \"type\": \"irq\", \"device\": \"d\"},"
            "{\"name\": \"db\", \"type\": \"memory\", \"pages\": 4, \"fill\": \"bar\", \"device\": \"d\", "
            "\"bar\": 4}," DEVICE("\"index\": 2, \"optional\": true")},
        error);
    if (!read)
        fail_msg("%s", error);
    assert_int_equal(m.object[5].vcpu.space, 6);
    assert_int_equal(m.object[5].payer, 0);
    assert_int_equal(m.object[6].space.maps.map[0].address, 0x40000000);
    assert_int_equal(m.object[7].vm.route[0].target, 3);
    assert_true(json_is(m.object[8].memory.content, "x/y"));
    assert_true(json_is(m.object[9].memory.content, "{\"k\": [1]}"));
    assert_int_equal(m.object[10].memory.name_count, 1);
    assert_int_equal(m.object[10].memory.name[0].entry, 7);
    assert_true(json_is(m.object[10].memory.name[0].text, "seven"));
    assert_int_equal(m.object[11].gsi, 4);
    assert_int_equal(m.object[11].device, MANIFEST_NONE);
    assert_int_equal(m.object[13].device, 15);
    assert_int_equal(m.object[14].device, 15);
    assert_int_equal(m.object[14].memory.bar, 4);
    assert_int_equal(m.object[15].function.id, 0x10421af4);
    assert_int_equal(m.object[15].function.index, 2);
    assert_true(m.object[15].function.optional);
    manifest_free(&m);
}

static const struct {
    struct parts parts;
    const char *error;
} wrong[] = {
    {{.head =
          "\"version\": 2, \"name\": \"t\", \"log\": \"info\", \"hang\": {\"poll_us\": 5, \"cpu_us\": 9}"},
     "line 1: version: 2, expected 1"},
    {{.head = HEAD ", \"colour\": 1"}, "line 1: unknown key \"colour\" of the manifest"},
    {{.head =
          "\"version\": 1, \"name\": \"t\", \"log\": \"loud\", \"hang\": {\"poll_us\": 5, \"cpu_us\": 9}"},
     "line 1: log: 'loud', expected one of error, warning, info, debug"},
    {{.head = HEAD ", \"log_signal\": \"e\""},
     "line 1: log_signal: \"e\" is of another type, expected notification"},
    {{.head = HEAD ", \"drain\": [\"archive\"]"}, "line 1: expected a memory object of the list \"objects\""},
    {{.objects = OBJECT("{\"name\": \"x\", \"type\": \"thing\"}")},
     "line 2: type: 'thing', expected one of quota, account, endpoint, notification, device, memory, vm, "
     "space, vcpu, irq, ioports"},
    {{.objects = PART("\"type\": \"irq\"")}, "line 2: an irq has a \"gsi\" or a \"device\""},
    {{.objects = PART("\"type\": \"irq\", \"gsi\": 4, \"device\": \"d\"")},
     "line 2: an irq has a \"gsi\" or a \"device\""},
    {{.objects = PART("\"type\": \"irq\", \"device\": \"e\"")},
     "line 2: device: \"e\" is of another type, expected device"},
    {{.objects = PART("\"type\": \"memory\", \"pages\": 1, \"fill\": \"bar\", \"device\": \"d\"")},
     "line 2: device, bar: expected with the fill \"bar\", and only there"},
    {{.objects = PART("\"type\": \"memory\", \"pages\": 1, \"fill\": \"zero\", \"bar\": 1")},
     "line 2: device, bar: expected with the fill \"bar\", and only there"},
    {{.objects =
          PART("\"type\": \"memory\", \"pages\": 1, \"fill\": \"bar\", \"device\": \"d\", \"bar\": 6")},
     "line 2: bar: a PCI function has 0 to 5"},
    {{.objects = OBJECT("{\"name\": \"d\", \"type\": \"device\", \"vendor\": 70000, \"device\": 1}")},
     "line 2: vendor: 70000, expected 1 to 65534"},
    {{.objects = OBJECT("{\"name\": \"x\"}")}, "line 2: an object lacks \"type\""},
    {{.objects = OBJECT("{\"name\": \"e\", \"type\": \"endpoint\"}")}, "line 2: name: a second object \"e\""},
    {{.objects = OBJECT("{\"name\": \"ram\", \"type\": \"endpoint\"}")},
     "line 2: name: a second object \"ram\""},
    {{.objects = OBJECT("{\"name\": \"x\", \"type\": \"endpoint\", \"pages\": 1}")},
     "line 2: unknown key \"pages\" of an endpoint"},
    {{.objects = OBJECT("{\"name\": \"x\", \"type\": \"endpoint\", \"payer\": \"e\"}")},
     "line 2: payer: \"e\" is of another type, expected quota"},
    {{.objects = OBJECT("{\"name\": \"x\", \"type\": \"quota\", \"payer\": \"q\", \"bytes\": 1}")},
     "line 2: payer: only the supervisor pays for a quota"},
    {{.objects = OBJECT("{\"name\": \"x\", \"type\": \"memory\", \"pages\": 0, \"fill\": \"zero\"}")},
     "line 2: pages: 0, expected 1 to 134217728"},
    {{.objects = OBJECT("{\"name\": \"x\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"file\"}")},
     "line 2: file: expected with the fill \"file\", and only there"},
    {{.objects = OBJECT("{\"name\": \"x\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"names\"}")},
     "line 2: names: expected with the fill \"names\", and only there"},
    {{.objects = OBJECT("{\"name\": \"x\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"names\", "
                        "\"names\": [{\"entry\": 102, \"text\": \"t\"}]}")},
     "line 2: entry: 102, the pages hold 102"},
    {{.objects = OBJECT(
          "{\"name\": \"x\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"none\", \"pager\": \"z\"}")},
     "line 2: pager: there is no object \"z\""},
    {{.objects = OBJECT("{\"name\": \"x\", \"type\": \"ioports\", \"first\": 2, \"last\": 1}")},
     "line 2: last: less than first"},
    {{.vms = "{\"name\": \"v\", \"quota\": \"q\", \"memory\": [\"ram\"]}"},
     "line 3: expected a memory object of the list \"objects\""},
    {{.vms = "{\"name\": \"v\", \"quota\": \"q\", \"memory\": []}, {\"name\": \"v\", \"quota\": \"q\", "
             "\"memory\": []}"},
     "line 3: name: a second VM \"v\""},
    {{.servers = SERVERS ", " SERVERS}, "line 4: name: a second server \"s\""},
    {{.servers = "{\"name\": \"s\", \"caps\": []}"}, "line 4: a server lacks \"image\""},
    {{.servers = CAP("{\"slot\": 3, \"object\": \"z\", \"rights\": \"s\"}")},
     "line 4: object: there is no object \"z\""},
    {{.servers = CAP("{\"slot\": 64, \"object\": \"e\", \"rights\": \"s\"}")},
     "line 4: slot: 64, the server has 64"},
    {{.servers = CAP("{\"slot\": 0, \"object\": \"e\", \"rights\": \"s\"}")},
     "line 4: slot: 0, expected 1 to 4095"},
    {{.servers = CAP("{\"slot\": 3, \"object\": \"e\", \"rights\": \"s\"}, {\"slot\": 3, \"object\": \"n\", "
                     "\"rights\": \"s\"}")},
     "line 4: slot: 3 is taken already"},
    {{.servers = CAP("{\"slot\": 3, \"object\": \"e\", \"rights\": \"sz\"}")},
     "line 4: rights: 'z' is no right that fits here, expected some of rwxsvcgpd"},
    {{.servers = MAP("{\"address\": 4096, \"memory\": \"e\", \"rights\": \"r\"}")},
     "line 4: memory: \"e\" is of another type, expected memory"},
    {{.servers = MAP("{\"address\": 4096, \"memory\": \"m\", \"rights\": \"rs\"}")},
     "line 4: rights: 's' is no right that fits here, expected some of rwx"},
    {{.servers = MAP("{\"address\": 4096, \"memory\": \"m\", \"right\": \"r\"}")},
     "line 4: unknown key \"right\" of a map"},
    {{.servers = FAILED("\"image\": \"f\", \"caps\": []")},
     "line 4: what is there when it failed lacks \"maps\""},
    {{.servers =
          FAILED("\"image\": \"f\", \"maps\": [], \"caps\": [{\"slot\": 64, \"object\": \"e\", \"rights\": "
                 "\"v\"}]")},
     "line 4: slot: 64, the server has 64"},
    {{.servers = MAP("{\"address\": \"0x10000000\", \"memory\": \"m\", \"rights\": \"rw\"}")},
     "line 4: object \"m\": for this it must be filled \"zero\""},
    {{.servers = MAP("{\"address\": \"0x10400000\", \"memory\": \"m\", \"rights\": \"rw\"}")},
     "line 4: object \"m\": for this it must be filled \"zero\""},
    {{.servers = MAP("{\"address\": \"0x10200000\", \"memory\": \"m\", \"rights\": \"r\"}")},
     "line 4: object \"m\": for this it must be filled \"text\""},
    {{.servers = MAP("{\"address\": \"0x10000000\", \"memory\": \"archive\", \"rights\": \"r\"}")},
     "line 4: expected a memory object of the list \"objects\""},
    {{.objects = TWO_PAGES,
      .servers = MAP("{\"address\": \"0x10800000\", \"memory\": \"x\", \"rights\": \"rw\"}")},
     "line 4: object \"x\": for this it must be filled \"zero\" and have one page"},
    {{.objects = TWO_PAGES,
      .vms = "{\"name\": \"v\", \"quota\": \"q\", \"memory\": [], \"panel\": \"x\", \"signal\": \"n\"}"},
     "line 3: object \"x\": for this it must be filled \"zero\" and have one page"},
    {{.head = HEAD ", \"drain\": [\"m\"]"}, "line 1: object \"m\": for this it must be filled \"zero\""},
    {{.servers = MAP("{\"address\": 4096, \"memory\": \"m\", \"rights\": \"r\"}, {\"address\": 4096, "
                     "\"memory\": \"m\", \"rights\": \"w\"}")},
     "line 4: address: 1000 is taken already"},
    {{.faults = "{\"server\": \"t\", \"kind\": \"kill\", \"every_us\": 8, \"count\": 2}"},
     "line 5: server: there is no server \"t\""},
    {{.faults = "{\"server\": \"s\", \"kind\": \"kill\", \"count\": 2}"}, NO_TIME},
    {{.faults = "{\"server\": \"s\", \"kind\": \"kill\", \"every_us\": 8, \"requests\": 1, \"count\": 2}"},
     NO_TIME},
    {{.faults = "{\"server\": \"s\", \"kind\": \"fail\", \"requests\": 1, \"count\": 2}"}, NO_TIME},
};

static void mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct manifest m;
        char error[JSON_ERROR_MAX];
        if (read_parts(&m, wrong[i].parts, error))
            fail_msg("accepted what should give: %s", wrong[i].error);
        assert_string_equal(error, wrong[i].error);
        manifest_free(&m);
    }
}

static void too_many(void **state)
{
    (void)state;
    static char objects[MANIFEST_OBJECTS_MAX * 40 + 100];
    struct manifest m;
    char error[JSON_ERROR_MAX];
    size_t n = 0;
    for (unsigned i = 0; i <= MANIFEST_OBJECTS_MAX; i++)
        n += (size_t)sprintf(objects + n, "%s{\"name\": \"%u\", \"type\": \"endpoint\"}", i ? "," : "", i);
    static char text[sizeof objects + 300];
    int length = snprintf(text, sizeof text, "{" HEAD ", \"objects\": [%s], \"servers\": []}", objects);
    assert_false(manifest_read(&m, text, (size_t)length, error));
    assert_string_equal(error, "line 1: 1025 objects, expected at most 1024");
    manifest_free(&m);
}

// What is there when a part comes: a VM "v" with a server and an entry in a table of names.
#define THERE                                                                                                \
    OBJECTS                                                                                                  \
    ", {\"name\": \"z\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"zero\", \"payer\": \"q\"},"         \
    "{\"name\": \"t\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"names\", \"names\": [{\"entry\": 0, " \
    "\"text\": \"v\"}, {\"entry\": 1, \"text\": \"v2.of\"}]},"                                               \
    "{\"name\": \"ve\", \"type\": \"endpoint\", \"payer\": \"q\"}"
#define THERE_VM "{\"name\": \"v\", \"quota\": \"q\", \"memory\": []}"
#define THERE_SERVERS                                                                                        \
    SERVERS ", {\"name\": \"v2.of\", \"image\": \"i\", \"account\": \"a\", \"priority\": 3, \"quota\": 9, "  \
            "\"slots\": 64, \"heap\": 0, \"caps\": [], \"maps\": [], \"vm\": \"v\"}"
enum { THERE_OBJECTS = 8 };

#define NEW_OBJECTS                                                                                          \
    "{\"name\": \"q2\", \"type\": \"quota\", \"bytes\": 100},"                                               \
    "{\"name\": \"n2\", \"type\": \"notification\", \"payer\": \"q2\"},"                                     \
    "{\"name\": \"a2\", \"type\": \"account\", \"payer\": \"q2\", \"weight\": 1},"                           \
    "{\"name\": \"z2\", \"type\": \"memory\", \"pages\": 1, \"fill\": \"zero\", \"payer\": \"q2\"}"
#define NEW_VM "{\"name\": \"v2\", \"quota\": \"q2\", \"memory\": []}"
#define SERVER_NAMED(name, account, more)                                                                    \
    "{\"name\": \"" name "\", \"image\": \"i\", \"account\": \"" account                                     \
    "\", \"priority\": 3, \"quota\": 9, "                                                                    \
    "\"slots\": 64, \"heap\": 0, \"caps\": [], \"maps\": []" more "}"
#define NEW_SERVER(account, more) SERVER_NAMED("s2", account, more)
#define OWN                       ", \"vm\": \"v2\", \"payer\": \"q2\""
#define EXTEND(more)              ", \"extends\": [{\"server\": \"s\", " more "}]"
#define SLOT(n, of)               "{\"slot\": " n ", \"object\": \"" of "\", \"rights\": \"s\"}"
#define NAME(n, of)               ", \"names\": [{\"memory\": \"t\", \"entry\": " n ", \"text\": \"" of "\"}]"
#define NEW(text)                 NEW_OBJECTS ", {\"name\": \"x2\", \"payer\": \"q2\", " text "}"
#define ALL_OF_IT                                                                                            \
    EXTEND("\"caps\": [" SLOT("4", "n2") "], \"maps\": [{\"address\": 8192, \"memory\": \"z2\", "            \
                                         "\"rights\": \"rw\"}]")                                             \
    ", \"names\": [{\"memory\": \"t\", \"entry\": 2, \"text\": \"v2\"}, {\"memory\": \"t\", \"entry\": 3, "  \
    "\"text\": \"s2\"}], \"drain\": [\"z2\"]"

static void read_there(struct manifest *m)
{
    char error[JSON_ERROR_MAX];
    assert_true(
        read_parts(m, (struct parts){.objects = THERE, .vms = THERE_VM, .servers = THERE_SERVERS}, error));
    manifest_settle(m);
}

static bool add(struct manifest *m, const char *objects, const char *vms, const char *servers,
                const char *more, char error[JSON_ERROR_MAX])
{
    static char text[4096]; // what was read points into it
    int n = snprintf(text, sizeof text, "{\"objects\": [%s], \"vms\": [%s], \"servers\": [%s]%s}", objects,
                     vms, servers, more);
    return manifest_add(m, text, (size_t)n, error);
}

// Nothing but what was there at first.
static void assert_as_before(const struct manifest *m)
{
    assert_int_equal(m->server[0].program.cap_count, 1);
    assert_int_equal(m->server[0].program.maps.count, 0);
    assert_int_equal(m->object[6].memory.name_count, 2);
    assert_int_equal(m->drain_count, 0);
    for (uint32_t k = 0; k < m->object_count; k++)
        assert_int_equal(m->object[k].type == MANIFEST_FREE, k >= THERE_OBJECTS);
    for (uint32_t k = 0; k < m->server_count; k++)
        assert_int_equal(m->server[k].name.length != 0, k < 2);
    for (uint32_t k = 0; k < m->vm_count; k++)
        assert_int_equal(m->vm[k].name.length != 0, k < 1);
}

static const struct {
    const char *objects, *vms, *servers, *more, *error;
} wrong_part[] = {
    {NEW_OBJECTS, "", "", "", "vms: 0 of them"},
    {NEW_OBJECTS, NEW_VM, NEW_SERVER("a2", ""), "", "\"s2\" is not the VM's"},
    {NEW_OBJECTS, NEW_VM, NEW_SERVER("a", OWN), "", "\"s2\" is not the VM's"},
    {NEW_OBJECTS, "{\"name\": \"v2\", \"quota\": \"q\", \"memory\": []}", "", "",
     "quota: \"q\" is not the VM's"},
    {NEW_OBJECTS, "{\"name\": \"v2\", \"quota\": \"q2\", \"memory\": [\"z\"]}", "", "",
     "memory: \"z\" is not the VM's"},
    {NEW_OBJECTS,
     "{\"name\": \"v2\", \"quota\": \"q2\", \"memory\": [], \"panel\": \"z\", \"signal\": \"n2\"}", "", "",
     "panel: \"z\" is not the VM's"},
    {NEW_OBJECTS, "{\"name\": \"v2.of\", \"quota\": \"q2\", \"memory\": []}", "", "",
     "expected one without a point"},
    {NEW_OBJECTS ", {\"name\": \"e\", \"type\": \"endpoint\"}", NEW_VM, "", "", "a second object"},
    {NEW_OBJECTS ", {\"name\": \"e2\", \"type\": \"endpoint\"}", NEW_VM, "", "", "is not paid by"},
    {NEW("\"type\": \"irq\", \"gsi\": 4"), NEW_VM, "", "", "only when the machine starts"},
    {NEW("\"type\": \"vm\", \"routes\": [{\"space\": \"port\", \"first\": 1, \"last\": 2, \"rights\": "
         "\"w\", \"target\": \"n\"}]"),
     NEW_VM, "", "", "target: \"n\" is not the VM's"},
    {NEW("\"type\": \"vm\"}, {\"name\": \"sp\", \"payer\": \"q2\", \"type\": \"space\", \"vm\": \"x2\", "
         "\"maps\": [{\"address\": 0, \"memory\": \"m\", \"rights\": \"r\"}]"),
     NEW_VM, "", "", "memory: \"m\" is not the VM's"},
    {NEW("\"type\": \"memory\", \"pages\": 1, \"fill\": \"none\", \"pager\": \"ve\", \"badge\": 1"), NEW_VM,
     "", "", "a pager that is another VM's"},
    {NEW_OBJECTS, NEW_VM, "", ", \"extends\": [{\"server\": \"t\"}]", "there is no server"},
    {NEW_OBJECTS, NEW_VM, "", ", \"extends\": [{\"server\": \"v2.of\"}]", "\"v2.of\" is a VM's"},
    {NEW_OBJECTS, NEW_VM, "", EXTEND("\"caps\": [" SLOT("4", "n2") ", " SLOT("3", "n2") "]"),
     "is taken already"},
    {NEW_OBJECTS, NEW_VM, "", EXTEND("\"caps\": [" SLOT("4", "n2") ", " SLOT("5", "n") "]"),
     "object: \"n\" is not the VM's"},
    {NEW_OBJECTS, NEW_VM, "", EXTEND("\"caps\": [" SLOT("5", "init") "]"),
     "object: \"init\" is not the VM's"},
    {NEW_OBJECTS, NEW_VM, "",
     EXTEND("\"maps\": [{\"address\": 8192, \"memory\": \"z2\", \"rights\": \"r\"}, "
            "{\"address\": 4096, \"memory\": \"z\", \"rights\": \"r\"}]"),
     "memory: \"z\" is not the VM's"},
    {NEW_OBJECTS, NEW_VM, "",
     EXTEND("\"maps\": [{\"address\": 4096, \"memory\": \"archive\", \"rights\": \"r\"}]"),
     "memory: \"archive\" is not the VM's"},
    {NEW_OBJECTS, NEW_VM, "", ", \"names\": [{\"memory\": \"m\", \"entry\": 1, \"text\": \"v2\"}]",
     "a table of names"},
    {NEW_OBJECTS, NEW_VM, "", NAME("1", "v2"), "entry: 1 is taken already"},
    {NEW_OBJECTS, NEW_VM, "", NAME("2", "v"), "text: \"v\" is not the VM's"},
    {NEW_OBJECTS, NEW_VM, "", NAME("2", "v2.of"), "text: \"v2.of\" is not the VM's"},
    {NEW_OBJECTS, NEW_VM, "", ", \"drain\": [\"z2\", \"z\"]", "memory: \"z\" is not the VM's"},
    {NEW_OBJECTS, NEW_VM, NEW_SERVER("a2", OWN), ALL_OF_IT ", \"faults\": []", "unknown key"},
};

// A part that is wrong changes nothing; the good one can be added behind it.
static void wrong_parts(void **state)
{
    struct manifest m;
    char error[JSON_ERROR_MAX];
    (void)state;
    read_there(&m);
    for (size_t i = 0; i < sizeof wrong_part / sizeof wrong_part[0]; i++) {
        bool added = add(&m, wrong_part[i].objects, wrong_part[i].vms, wrong_part[i].servers,
                         wrong_part[i].more, error);
        if (added || !strstr(error, wrong_part[i].error))
            fail_msg("%s: %s", wrong_part[i].error, added ? "it was added" : error);
        assert_as_before(&m);
    }
    manifest_free(&m);
}

// All that a part gave goes with its VM, and of others nothing, whatever they are called.
static void good_part(void **state)
{
    struct manifest m;
    char error[JSON_ERROR_MAX];
    (void)state;
    read_there(&m);
    for (int i = 0; i < 3; i++) {
        if (!add(&m, NEW_OBJECTS, NEW_VM, NEW_SERVER("a2", OWN) ", " SERVER_NAMED("v", "a2", OWN), ALL_OF_IT,
                 error))
            fail_msg("%s", error);
        manifest_settle(&m);
        assert_true(json_is(m.server[2].name, "s2"));
        assert_int_equal(m.server[2].vm, 1);
        assert_int_equal(m.server[0].program.cap_count, 2);
        assert_int_equal(m.server[0].program.maps.count, 1);
        assert_int_equal(m.object[6].memory.name_count, 4);
        assert_int_equal(m.drain_count, 1);
        manifest_remove_vm(&m, 1);
        assert_as_before(&m);
        assert_int_equal(m.object[6].memory.name[1].entry, 1);
    }
    manifest_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good),      cmocka_unit_test(failed),
                                       cmocka_unit_test(all_types), cmocka_unit_test(mistakes),
                                       cmocka_unit_test(too_many),  cmocka_unit_test(wrong_parts),
                                       cmocka_unit_test(good_part)};
    return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
