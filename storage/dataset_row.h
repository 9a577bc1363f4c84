// dataset_row: one line of each file, in the order of dataset_schema's columns.
//
// Every column is in every row, null where it is unknown; a number that is no count has a decimal point.
#ifndef STORAGE_DATASET_ROW_H
#define STORAGE_DATASET_ROW_H

#include "storage/dataset.h"
#include "storage/dataset_view.h"
#include "storage/input_names.h"

// What all rows of an export share.
typedef struct {
    dataset_format_t format;
    const dataset_rule_t *rules;            // every index of a label is below their number: checked by the caller
    char run [20];
    char adapter [DIGEST_HEX + 1];          // that was given to the run; "" where none was
    char (*adapters) [DIGEST_HEX + 1];      // that an `auto` run has trained, n_adapters of them
    size_t n_adapters;
    input_names_t inputs;                   // the names of the corpus's files
} dataset_style_t;

// The digest of the adapter that a label's rules come from; "" for none.
const char *dataset_row_adapter (const dataset_style_t *style, const Rulemill__Label *label);

// Can this format hold the pair? RewardBench rows have responses of one assistant turn.
bool dataset_row_fits (dataset_format_t format, const dataset_view_t *view);

// Append a line's JSON, without newline.
void dataset_write_labelled (const dataset_style_t *style, const dataset_item_t *item, const dataset_view_t *view, buf_t *out);
void dataset_write_tie (const dataset_style_t *style, const dataset_item_t *item, const dataset_view_t *view, buf_t *out);
void dataset_write_duplicate (const dataset_style_t *style, const dataset_item_t *pair, place_t place,
                              const Rulemill__RowRecord *row, const Rulemill__DuplicateRecord *duplicate, buf_t *out);

// Quarantine: a row that ingest set aside, or one response of a row; a pair that was not judged or whose prompt is excluded.
void dataset_write_reject (const dataset_style_t *style, place_t place, bool response, const Rulemill__RejectRecord *reject, buf_t *out);
void dataset_write_set_aside (const dataset_style_t *style, const dataset_item_t *item, buf_t *out);

// A conversation as a list of {role, content}; first and then second (may be NULL).
void dataset_write_messages (const Rulemill__Conversation *first, const Rulemill__Conversation *second, buf_t *out);

// "identical", "no-rule", "margin"; NULL for none.
const char *dataset_tie_reason (const Rulemill__Label *label);

// "a", "b", "tie"; NULL for none.
const char *dataset_side_name (Rulemill__Side side);

#endif
