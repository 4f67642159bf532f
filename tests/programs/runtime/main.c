// The test of the programs' runtime: as root task, prints TAP, ends the machine.
// SPDX-License-Identifier: MIT
#include "libipc/start.h"
#include "tests/programs/common/slate.h"
#include "tests/programs/common/tap.h"
#include "tests/programs/runtime/parts.h"

const char program_name[] = "runtime-test";
const struct self_slots self_slots = {SELF, SELF_THREAD};

int main(void)
{
    slate_init();
    test_library();
    test_threads();
    test_server();
    unsigned failures = tap_end();
    (void)!sys_machine(ROOT_SLOT_SYSTEM, MACHINE_POWEROFF, failures ? 1 : 0);
    return 1;
}
