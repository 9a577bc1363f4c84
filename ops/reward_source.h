// reward_source: where the rewards of an evaluation come from.
//
//   http://…, https://…   a served reward model (ops/served.h)
//   a file               an embedded reward model (model/reward.h)
//   judge                 the rules as a judge (ops/evaluate_judge.h): generative, no rewards
//   longer, shorter       the length of a response in bytes, or its negative: what a reward model has to beat
//   column:NAME, NAME     numbers that stand in the rows (ops/evaluate_rows.h)
#ifndef OPS_REWARD_SOURCE_H
#define OPS_REWARD_SOURCE_H

#include "ops/evaluate_rows.h"
#include "ops/served.h"

typedef enum { SOURCE_SERVED, SOURCE_EMBEDDED, SOURCE_JUDGE, SOURCE_LENGTH, SOURCE_COLUMN } source_kind_t;

typedef struct {
    source_kind_t kind;
    const char *text;           // as given
    const char *column;         // SOURCE_COLUMN: its name
} reward_source_t;

// ERR_USAGE: a URL that is none, or that holds what should not be seen. who: the flag.
status_t reward_source_read (const char *who, const char *text, reward_source_t *out, fault_t *fault) MUST_USE;

// Fill the rewards of a model of all rows; not for SOURCE_JUDGE. Columns are there already. note says what it was, for people (the
// caller frees it). served: for SOURCE_SERVED, url not filled in.
status_t reward_source_fill (const reward_source_t *source, evaluate_rows_t *rows, unsigned model, const served_options_t *served,
                             char **note, fault_t *fault) MUST_USE;

#endif
