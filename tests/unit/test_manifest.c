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

#define NEW_OBJECTS                                                                                          \
    "{\"name\": \"q2\", \"type\": \"quota\", \"bytes\": 100},"                                               \
    "{\"name\": \"n2\", \"type\": \"notification\", \"payer\": \"q2\"}"
#define NEW_VM "{\"name\": \"v2\", \"quota\": \"q2\", \"memory\": []}"
#define NEW_SERVER(more)                                                                                     \
    "{\"name\": \"s2\", \"image\": \"i\", \"account\": \"a\", \"priority\": 3, \"quota\": 9, \"slots\": "    \
    "64, \"heap\": 0, \"caps\": [], \"maps\": []" more "}"
#define OWN ", \"vm\": \"v2\", \"payer\": \"q2\""

// A part that is wrong changes nothing; the good one can be added behind it.
static void parts(void **state)
{
    static const struct {
        const char *objects, *vms, *servers, *more, *error;
    } rows[] = {
        {NEW_OBJECTS, "", "", "", "vms: 0 of them"},
        {NEW_OBJECTS, NEW_VM, NEW_SERVER(""), "", "is not the VM's"},
        {NEW_OBJECTS, "{\"name\": \"v2\", \"quota\": \"q\", \"memory\": []}", "", "", "another VM's"},
        {NEW_OBJECTS ", {\"name\": \"e\", \"type\": \"endpoint\"}", NEW_VM, "", "", "a second object"},
        {NEW_OBJECTS ", {\"name\": \"e2\", \"type\": \"endpoint\"}", NEW_VM, "", "", "is not paid by"},
        {NEW_OBJECTS ", {\"name\": \"i2\", \"type\": \"irq\", \"gsi\": 4, \"payer\": \"q2\"}", NEW_VM, "", "",
         "only when the machine starts"},
        {NEW_OBJECTS, NEW_VM, "", ", \"extends\": [{\"server\": \"t\"}]", "there is no server"},
        {NEW_OBJECTS, NEW_VM, "",
         ", \"extends\": [{\"server\": \"s\", \"caps\": [{\"slot\": 4, \"object\": \"n2\", \"rights\": "
         "\"s\"}, "
         "{\"slot\": 3, \"object\": \"n2\", \"rights\": \"s\"}]}]",
         "is taken already"},
        {NEW_OBJECTS, NEW_VM, "", ", \"names\": [{\"memory\": \"m\", \"entry\": 1, \"text\": \"x\"}]",
         "a table of names"},
        {NEW_OBJECTS, NEW_VM, "", ", \"faults\": []", "unknown key"},
        {NEW_OBJECTS, NEW_VM, NEW_SERVER(OWN),
         ", \"extends\": [{\"server\": \"s\", \"caps\": [{\"slot\": 4, \"object\": \"n2\", \"rights\": "
         "\"s\"}]}]",
         NULL},
    };
    static char text[2048];
    struct manifest m;
    char error[JSON_ERROR_MAX];
    (void)state;
    assert_true(read_parts(&m, (struct parts){0}, error));
    manifest_settle(&m);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int n = snprintf(text, sizeof text, "{\"objects\": [%s], \"vms\": [%s], \"servers\": [%s]%s}",
                         rows[i].objects, rows[i].vms, rows[i].servers, rows[i].more);
        bool added = manifest_add(&m, text, (size_t)n, error);
        if (added != !rows[i].error || (!added && !strstr(error, rows[i].error)))
            fail_msg("%s: %s", text, error);
        assert_int_equal(m.server[0].program.cap_count, added ? 2 : 1);
        for (uint32_t k = 5; k < m.object_count; k++)
            assert_int_equal(m.object[k].type == MANIFEST_FREE, !added || k >= 7);
    }
    assert_true(json_is(m.server[1].name, "s2"));
    assert_int_equal(m.server[1].vm, 0);
    manifest_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good),      cmocka_unit_test(failed),
                                       cmocka_unit_test(all_types), cmocka_unit_test(mistakes),
                                       cmocka_unit_test(too_many),  cmocka_unit_test(parts)};
    return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
