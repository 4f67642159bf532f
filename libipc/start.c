// From _start to main().
// SPDX-License-Identifier: MIT
#include "libipc/start.h"

#include <stdlib.h>

#include "libipc/abi/utcb.h"
#include "libipc/log.h"
#include "libipc/proto/init.h"
#include "libipc/proto/layout.h"
#include "libipc/runtime.h"
#include "libipc/time.h"

struct program_start program_start;

__attribute__((weak)) const struct self_slots self_slots = {SLOT_PROCESS, SLOT_THREAD};

void __libc_init_array(void); // newlib's
int main(void);

_Noreturn void start_program(struct utcb *own, uint64_t heap_end, enum start_kind kind, uint64_t argument)
{
    (void)own;
    program_start = (struct program_start){.heap_end = heap_end, .argument = argument, .kind = kind};
    thread_area_init();
    heap_init(heap_end);
    time_init();
    if (START_LOG_LEVEL(argument))
        log_level = START_LOG_LEVEL(argument) - 1;
    __libc_init_array();
    exit(main());
}
