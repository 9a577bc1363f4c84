// judge_setup: how a judge behind HTTP is asked, from the configuration, and what it is called in the store.
//
// The identity covers what decides an answer: the model, the prompt and how it is decoded. Where the model is reached, with
// which key, how fast and how patiently are none of it, so cells stay good when a server moves.
#ifndef OPS_JUDGE_SETUP_H
#define OPS_JUDGE_SETUP_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/spend.h"
#include "ops/config.h"
#include "proto/record.pb-c.h"
#include "proto/wire.pb-c.h"

typedef struct {
    Rulemill__JudgeSetup message;   // borrows from the configuration and from this struct, which must not move
    buf_t template_text;
    buf_t extra;                    // without spaces
    double *weights;
} judge_setup_t;

bool judge_is_http (const config_t *config);

// --judge's value: a judge's name, or URLs of endpoints with commas between, which mean the judge openai. ERR_USAGE.
status_t judge_setup_flag (config_t *config, const char *value, fault_t *fault) MUST_USE;

// Where no endpoint is given, that of OPENAI_BASE_URL. ERR_USAGE where there is none at all.
status_t judge_setup_endpoint (config_t *config, fault_t *fault) MUST_USE;

// Read the template and hold the settings against each other. ERR_USAGE, ERR_IO, ERR_FORMAT. What was filled must be
// cleared also after a fault.
status_t judge_setup_fill (const config_t *config, judge_setup_t *out, fault_t *fault) MUST_USE;
void judge_setup_clear (judge_setup_t *setup);

// What the run may spend, 0 in a unit: no limit. ERR_USAGE where a limit can't be kept: cost of a judge without prices, tokens of
// answers whose length nothing bounds.
status_t judge_setup_budget (const config_t *config, const Rulemill__JudgeSetup *const *judges, size_t n, spend_t *out, fault_t *fault) MUST_USE;

digest_t judge_setup_identity (const judge_setup_t *setup);

// What a judge is called wherever people read of it: "openai: MODEL" for those behind HTTP. The caller frees it.
char *judge_setup_note (const config_t *config);

// The same of a run that a store has, with its stored configuration; of a run's panel.
char *judge_setup_note_stored (const Rulemill__RunSpec *spec, const char *yaml);
char *judge_setup_panel_note (const Rulemill__RunSpec *spec);

#endif
