// label_result: a selected label, or a failure, as the LabelResult that is sent.
#ifndef WORKER_LABEL_RESULT_H
#define WORKER_LABEL_RESULT_H

#include "base/buf.h"
#include "model/selection.h"
#include "proto/wire.pb-c.h"
#include "worker/judge.h"

// What a label was computed from. a and b: n_rules cells as the run presents A and B.
typedef struct {
    const selection_spec_t *spec;
    bool swapped;
    const cell_t *a, *b;
    const selected_t *selected;
    // where cells are returned, else NULL: which rules were needed, and of each side which of them the store had
    const bool *need, *stored_a, *stored_b;
} label_made_t;

// Append the packed LabelResult to out.
void label_result_pack (const label_made_t *made, buf_t *out);

// One judged cell of side A or B, without a label; and what requests cost, behind any of these.
void label_result_cell (bool side_a, uint32_t rule, const cell_t *cell, buf_t *out);
void label_result_usage (const judge_usage_t *usage, buf_t *out);

// The same for a pair of equal responses, and for one that can't be judged.
void label_result_identical (const selection_spec_t *spec, bool swapped, buf_t *out);
void label_result_quarantined (const selection_spec_t *spec, bool swapped, const char *reason, buf_t *out);

#endif
