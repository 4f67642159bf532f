// The bench: runs as root task, prints what it measured, ends the machine.
// SPDX-License-Identifier: MIT
#include "tests/programs/bench/bench.h"

#include <stdio.h>

#include "libipc/log.h"
#include "libipc/start.h"
#include "tests/programs/common/slate.h"

const char program_name[] = "bench";
const struct self_slots self_slots = {SELF, SELF_THREAD};

void bench_line(const char *name, uint64_t value)
{
    char line[LOG_LINE_MAX];
    int n = snprintf(line, sizeof line, "%s %llu\n", name, (unsigned long long)value);
    log_raw(line, (size_t)n);
}

int main(void)
{
    slate_init();
    bench_calls();
    bench_exits();
    bench_commit();
    (void)!sys_machine(ROOT_SLOT_SYSTEM, MACHINE_POWEROFF, 0);
    return 1;
}
