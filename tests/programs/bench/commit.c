// One commit of 32 bytes into a state object, checkpoints and all.
// SPDX-License-Identifier: MIT
#include "libipc/state.h"
#include "libipc/time.h"
#include "tests/programs/bench/bench.h"
#include "tests/programs/common/tap.h"

enum { LOOPS = 1000, KIND = 1, BYTES = 32, STATE_BYTES = 4096, LOG_BYTES = 65536 };

static uint8_t object[4 * STATE_BYTES + 2 * LOG_BYTES] __attribute__((aligned(STATE_ALIGN)));

void bench_commit(void)
{
    static const struct state_section sections[] = {{.id = 1, .size = STATE_BYTES}};
    static const struct state_layout layout = {
        .kind = KIND, .version = 1, .log_bytes = LOG_BYTES, .count = 1, .sections = sections};
    static struct state s;
    if (state_open(&s, object, sizeof object, &layout, START_FRESH) != STATE_EMPTY)
        tap_bail_out("the state object cannot be opened");
    uint64_t *words = state_section(&s, 1);
    state_adopt(&s);
    uint64_t before = now();
    for (unsigned i = 0; i < LOOPS; i++) {
        words[i % 8]++;
        if (state_commit(&s, words, BYTES) != STATE_OK)
            tap_bail_out("a commit failed");
    }
    bench_line("commit", (now() - before) / LOOPS);
}
