// dataset_where: the conditions "key=value" that choose rows of train and validation.
//
// A key is a column (id, selected_by, adapter, n_rules, score_chosen, score_rejected, score_margin, chosen_model,
// rejected_model, source, pair_key, run; and rules, which holds where the named rule was selected) or else a field of the
// row's meta. Numbers are compared as numbers, true, false and null by those words, texts as they are; an
// empty value holds where nothing is known. All conditions must hold.
#ifndef STORAGE_DATASET_WHERE_H
#define STORAGE_DATASET_WHERE_H

#include "storage/dataset_row.h"

typedef struct dataset_where dataset_where_t;

// ERR_USAGE for one without "=" or over a column that can't be compared. The texts are borrowed.
status_t dataset_where_new (const char *const *where, size_t n, dataset_where_t **out, fault_t *fault) MUST_USE;

// Do all hold?
bool dataset_where_holds (dataset_where_t *where, const dataset_style_t *style, const dataset_item_t *item,
                          const dataset_view_t *view);

// After the last row: ERR_USAGE where a key was found in no row that was looked at (a misspelt one), with the nearest column.
status_t dataset_where_check (const dataset_where_t *where, fault_t *fault) MUST_USE;
void dataset_where_destroy (dataset_where_t **where);

#endif
