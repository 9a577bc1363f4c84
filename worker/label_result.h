// label_result: a selected label, or a failure, as the LabelResult that is sent.
#ifndef WORKER_LABEL_RESULT_H
#define WORKER_LABEL_RESULT_H

#include "base/buf.h"
#include "model/selection.h"
#include "proto/wire.pb-c.h"
#include "worker/judge.h"

// A label and what it was computed from, [0] being A as the run presents it.
typedef struct {
    const selection_spec_t *spec;
    const char *selected_by;        // "exhaustive", ..., "adapter"
    uint32_t adapter;               // 1 + the place of the one that chose its rules; 0: none did
    bool swapped;
    const cell_t *combined [2];     // n_rules, of which the label was made
    const selected_t *selected;
    const uint32_t *chosen;         // n_chosen rules that an adapter had judged, in place of all; those that were not selected stand in the label too
    size_t n_chosen;
    // where cells are returned (need is not NULL): the cells of all layers, which of them were needed and which the store had
    const bool *need, *stored [2];
    const cell_t *cells [2];
    size_t n_cells, n_label;        // the first n_label ones are those that were combined
} label_made_t;

// Append the packed LabelResult to out.
void label_result_pack (const label_made_t *made, buf_t *out);

// One judged cell of side A or B by its place among all layers', without a label.
void label_result_cell (bool side_a, uint32_t place, const cell_t *cell, buf_t *out);

// Behind the label of an audited pair: the one by exhaustive selection.
void label_result_audit (const label_made_t *made, buf_t *out);

// Behind such a label, where the other one could not be made.
void label_result_unaudited (const char *selected_by, bool swapped, const char *reason, buf_t *out);

// The same for a pair of equal responses, and for one that can't be judged.
void label_result_identical (const char *selected_by, bool swapped, buf_t *out);
typedef struct { const char *reason, *raw; bool too_long; uint32_t adapter; } label_failure_t;      // raw NULL: nothing was answered
void label_result_quarantined (const char *selected_by, bool swapped, const label_failure_t *failure, buf_t *out);

// The rules that a served adapter chose, in a partial result.
void label_result_chosen (const uint32_t *rules, size_t n, buf_t *out);

#endif
