// spec: the run that a configuration asks for.
#ifndef OPS_SPEC_H
#define OPS_SPEC_H

#include "model/rulepool.h"
#include "ops/adapter_setup.h"
#include "ops/config.h"
#include "ops/policy_weights.h"
#include "ops/judge_members.h"
#include "proto/record.pb-c.h"
#include "storage/scores.h"

// message borrows from the configuration, the judges and this struct, which must not move.
typedef struct {
    Rulemill__RunSpec message;
    digest_t pool, judge_identity, adapter;
    policy_weights_t weights;
    buf_t adapter_file;     // the bytes of policy.adapter
    buf_t recipe;           // of the policy auto
} spec_t;

// ERR_USAGE where the configuration contradicts itself or names a rule that the pool lacks (with the nearest one).
// Exclusions are left out: the job fills them in. judges: those of the configuration, where they are behind HTTP.
// adapter: of the configuration, where it is served; else NULL.
status_t spec_build (const config_t *config, judge_members_t *judges, const adapter_setup_t *adapter, const rulepool_t *pool, spec_t *out,
                     fault_t *fault) MUST_USE;

// Give back what a specification owns; also after a fault.
void spec_clear (spec_t *spec);

// Does each rule cost, as judge.cost says or the judge by itself?
bool spec_costly (const config_t *config);

// The replay judge's settings; rule ids and digests are not filled in. path is borrowed.
scores_options_t spec_scores (const config_t *config);

// The pool that a configuration names: its file, or the shipped one. yaml gets its text. *out is owned by the caller.
status_t spec_pool (const config_t *config, rulepool_t **out, buf_t *yaml, fault_t *fault) MUST_USE;

#endif
