// cmd: the commands of rulemill, and what several of them need.
//
// Each command stands in a file of its own (cmd_NAME.c) and is one entry of the table in cmd.c.
#ifndef OPS_CMD_H
#define OPS_CMD_H

#include "base/json.h"
#include "model/rulepool.h"
#include "ops/cli.h"
#include "ops/exit_codes.h"
#include "storage/dataset.h"
#include "storage/run.h"

// What a command does. *exit_code is EXIT_COMPLETE before; on a fault, which is printed, its code decides:
// ERR_USAGE is EXIT_USAGE, ERR_STOPPED EXIT_RESUMABLE, any other EXIT_FAILED.
typedef status_t command_fn (const cli_t *cli, int *exit_code, fault_t *fault);

typedef struct { cli_command_t cli; command_fn *run; } command_t;

extern const command_t command_label, command_coordinator, command_worker, command_keygen, command_synth, command_export,
    command_status, command_inspect, command_report, command_retry, command_verify, command_rules, command_judge, command_adapter, command_reward, command_evaluate, command_version, command_help;

// Run the command that argv names and return the process's exit code (ops/exit_codes.h).
int cmd_main (int argc, char **argv);

// All commands in the order of the help page, ended by NULL; the page itself.
const command_t *const *cmd_all (void);
void cmd_overview (buf_t *out);

// --- helpers ---

extern const cli_flag_t cmd_run_flag [];        // --run NAME
extern const cli_flag_t cmd_json_flag [];       // --json

// All of it to standard output. ERR_IO where that can't be written.
status_t cmd_print (const buf_t *text, fault_t *fault) MUST_USE;

// Ask the job that runs on dir, if one does. *running false, OK: nothing runs. What it refuses comes back as a fault.
// On OK with *running, answer holds its line and *members its object (owned by doc).
status_t cmd_ask (const char *dir, const buf_t *request, bool *running, buf_t *answer,
                  json_doc_t *doc, const json_value_t **members, fault_t *fault) MUST_USE;

// Does a job run on dir?
status_t cmd_runs (const char *dir, bool *running, fault_t *fault) MUST_USE;

// A request: {"command": NAME, "run": RUN} without its closing brace; run may be NULL.
void cmd_request (buf_t *request, const char *command, const char *run);

// A run of a store that nobody else has open, with its rule pool.
typedef struct {
    store_t *store;
    Rulemill__RunRecord *run;
    rulepool_t *pool;
    dataset_rule_t *rules;      // pool->count, borrowing from pool
    digest_t *digests;          // pool->count
} opened_t;

// run: a name, a prefix of its digest, or NULL for the last one. ERR_USAGE: there is no such folder or run; ERR_NOT_FOUND: no run at all. What was opened must be closed also after a fault.
status_t cmd_open (const char *dir, const char *run, bool read_only, opened_t *out, fault_t *fault) MUST_USE;
// As run_find; ERR_USAGE: there is no run of this name.
status_t cmd_find_run (store_t *store, const char *name, Rulemill__RunRecord **out, fault_t *fault) MUST_USE;
// Read only, beside the job that has started this process.
status_t cmd_open_beside (const char *dir, const char *run, opened_t *out, fault_t *fault) MUST_USE;
// Read only, one of n that are open at once: within its share of memory and descriptors.
status_t cmd_open_among (const char *dir, const char *run, size_t n, opened_t *out, fault_t *fault) MUST_USE;
void cmd_close (opened_t *opened);

// What a judge is called wherever people read of it.
const char *cmd_judge_note (const char *judge);

// Call handler (async-signal-safe) on SIGINT and SIGTERM.
void cmd_on_interrupt (void (*handler) (void));

#endif
