// The subcommands of `bulkhead`: what each is called, takes and does.
// SPDX-License-Identifier: MIT
//
// docs/command.md is for who uses them; a test holds it against this table.
#pragma once

#include "tools/arena.h"
#include "tools/command/options.h"
#include "tools/config.h"
#include "tools/plan.h"
#include "tools/report.h"

// Exit statuses of every subcommand.
enum outcome {
    DONE,
    REFUSED,     // the input is wrong, or somebody refused what was asked
    WRONG_USE,   // of the command line
    NO_MACHINE,  // none runs, or none of that name
    NO_ANSWER,   // the machine did not answer in time, or ended meanwhile
    STOPPED,     // of `run`: the machine was stopped by hand, or reset
    ENDED_BADLY, // of `run`: the system ended with an error
};

struct invocation {
    const struct command *command;
    struct command_line line;
    char **words; // the command's own, behind its name
    int count;
    struct arena arena;
    struct report report;
    const char *build;    // the folder that this command lies in
    const char *programs; // where the machine's are
};

// What an argument is, for completion.
enum argument { ARGUMENT_FILE, ARGUMENT_CONFIG, ARGUMENT_VM, ARGUMENT_SERVER };

struct command {
    const char *name;      // one word or two
    const char *arguments; // as they stand in its usage
    const char *summary;   // a line
    const char *text;      // more lines, or NULL
    unsigned options;      // OPTION_BIT()s
    int least, most;       // how many arguments
    enum argument argument;
    bool rest; // arguments behind `--` are taken
    enum outcome (*run)(struct invocation *v);
};
extern const struct command commands[]; // ended by a row without name

static inline bool given(const struct invocation *v, enum option o)
{
    return v->line.options.value[o].text;
}

enum outcome command_check(struct invocation *v);
enum outcome command_manifest(struct invocation *v);
enum outcome command_archive(struct invocation *v);
enum outcome command_disk_image(struct invocation *v);
enum outcome command_run(struct invocation *v);
enum outcome command_ps(struct invocation *v);
enum outcome command_vm_create(struct invocation *v);
enum outcome command_vm_start(struct invocation *v);
enum outcome command_vm_stop(struct invocation *v);
enum outcome command_vm_pause(struct invocation *v);
enum outcome command_vm_resume(struct invocation *v);
enum outcome command_vm_reset(struct invocation *v);
enum outcome command_vm_destroy(struct invocation *v);
enum outcome command_console(struct invocation *v);
enum outcome command_log(struct invocation *v);
enum outcome command_crashes(struct invocation *v);
enum outcome command_kill(struct invocation *v);
enum outcome command_stats(struct invocation *v);
enum outcome command_disk(struct invocation *v);
enum outcome command_shutdown(struct invocation *v);
enum outcome command_completion(struct invocation *v);

// The command that the first words name, or NULL; *length: how many words that are.
const struct command *command_find(char *const *words, int count, int *length);

// help.c: usage of all commands, or of those of a group ("vm"); and of one.
void help_all(FILE *to, const char *group);
void help_command(FILE *to, const struct command *c);
bool help_is_group(const char *word);

// The file that a CONFIG stands for: itself, or of the name in config/.
const char *config_path(struct invocation *v, const char *config);
struct list config_names(struct invocation *v); // const char *: those in config/
// What it says. False: it was reported.
bool config_load(struct invocation *v, const char *config, struct config *c);
// Its plan. memory: MiB of the machine, 0 if that is not known; machine: as of --machine, NULL for the usual.
// False: it was reported.
bool config_plan(struct invocation *v, const char *config, uint64_t memory, const char *machine,
                 struct plan *plan);
