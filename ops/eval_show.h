// eval_show: the figures of `rulemill judge eval` as people and scripts read them.
#ifndef OPS_EVAL_SHOW_H
#define OPS_EVAL_SHOW_H

#include "base/buf.h"
#include "ops/eval_preferences.h"
#include "ops/eval_propositions.h"

// What was evaluated, for the head of a table.
typedef struct {
    const char *judge, *map;
    parity_t parity;
    uint64_t read;                  // rows of the file, whatever their parity
    const eval_judged_t *told;
} eval_shown_t;

// Text ends with a newline, and so does JSON, which is one object.
void eval_propositions_text (const eval_propositions_t *figures, const eval_shown_t *shown, buf_t *out);
void eval_propositions_json (const eval_propositions_t *figures, const eval_shown_t *shown, buf_t *out);
void eval_preferences_text (const eval_preferences_t *figures, const eval_preferences_options_t *options, buf_t *out);
void eval_preferences_json (const eval_preferences_t *figures, const eval_preferences_options_t *options, buf_t *out);

#endif
