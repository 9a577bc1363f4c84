// auto_show: what the policy auto chose, why, and what it saved, for people and for scripts.
#ifndef OPS_AUTO_SHOW_H
#define OPS_AUTO_SHOW_H

#include "base/buf.h"
#include "ops/outcome.h"

// Lines of the summary, each begun by a word; nothing for another policy.
void auto_show_text (const outcome_t *outcome, buf_t *out);

// A member "auto" with all figures, or null.
void auto_show_json (const outcome_t *outcome, buf_t *out);

#endif
