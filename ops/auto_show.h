// auto_show: what the policy auto chose, why, and what it saved, for people and for scripts.
#ifndef OPS_AUTO_SHOW_H
#define OPS_AUTO_SHOW_H

#include "base/buf.h"
#include "coordinator/auto_plan.h"
#include "ops/outcome.h"

// Lines of the price of each choice, the first one begun by this word; nothing where it is not known.
void auto_show_price (const auto_price_t *price, const char *head, const char *currency, buf_t *out);

// Lines of the summary, each begun by a word; nothing for another policy.
void auto_show_text (const outcome_t *outcome, buf_t *out);

// The same of where a run stands: what was chosen, why, and what audits say. by_adapter: pairs labelled through adapters, where that is known;
// sampled: the share of the prompts that was sampled.
void auto_show_state (const auto_state_t *state, const char *head, double sampled, const uint64_t *by_adapter, buf_t *out);

// A member "auto" with all figures, or null.
void auto_show_json (const outcome_t *outcome, buf_t *out);

#endif
