// batch_run: a stored run with what its judge is asked by, for requests that go through files.
#ifndef OPS_BATCH_RUN_H
#define OPS_BATCH_RUN_H

#include "ops/cmd.h"
#include "ops/config.h"
#include "ops/judge_setup.h"
#include "worker/chat.h"

typedef struct {
    const char *dir;            // borrowed
    opened_t opened;            // to be written
    config_t *config;           // as the run was begun
    judge_setup_t judge;
    digest_t identity;
    chat_template_t *template;
    chat_settings_t settings;
    constrain_t constrain;      // what an unreadable answer is asked again with
    unsigned samples;           // answers that make a cell
    uint32_t *rule_number;      // [pool->count]: dense numbers in the store
} batch_run_t;

// Borrows from itself, so it must not move. ERR_USAGE where the run's judge is not behind HTTP, ERR_MISMATCH where the prompt is not
// that of the run any more, ERR_BUSY while a job runs. What was opened must be closed also after a fault.
status_t batch_run_open (const char *dir, const char *run, batch_run_t *out, fault_t *fault) MUST_USE;
void batch_run_close (batch_run_t *run);

// The key of a response that the store has; *found false where it has none of that number.
status_t batch_run_response (batch_run_t *run, uint64_t number, content_key_t *key, bool *found, fault_t *fault) MUST_USE;

#endif
