// reward_apply: a reward model on the rows of a file.
#ifndef OPS_REWARD_APPLY_H
#define OPS_REWARD_APPLY_H

#include <stdio.h>

#include "model/reward.h"
#include "proto/text.pb-c.h"

// One conversation at a time. Borrows the model.
typedef struct reward_scorer reward_scorer_t;
reward_scorer_t *reward_scorer_new (const reward_t *reward);
void reward_scorer_destroy (reward_scorer_t **scorer);
void reward_scorer_prompt (reward_scorer_t *scorer, const Rulemill__Conversation *prompt);
double reward_scorer_response (reward_scorer_t *scorer, const Rulemill__Conversation *response);

// The same; watch is told each n-gram, and *x are the features (until the next response).
double reward_scorer_watched (reward_scorer_t *scorer, const Rulemill__Conversation *response, features_watch_fn *watch, void *ctx,
                              const features_t **x);

typedef struct { uint64_t rows, bad; char first_bad [512]; } reward_apply_report_t;

// Copy JSON Lines to out with rewards added (a member of that name is replaced):
//
//   prompt, response                  reward
//   chosen, rejected                  reward_chosen, reward_rejected     (a prompt where there is one; else what both share)
//   response_a, response_b            reward_a, reward_b
//   responses                         rewards: a list, null for one that can't be used
//
// A row that can't be read gets "reward": null, is counted, and the first is described; a line that is no JSON object is left out.
status_t reward_apply_file (const reward_t *reward, const char *path, FILE *out, const char *out_name, reward_apply_report_t *report,
                            fault_t *fault) MUST_USE;

#endif
