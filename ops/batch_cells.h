// batch_cells: cells on their way from answers into a store: the first write wins, and a few commits do for many.
//
// What is not a whole cell yet stands beside the cells in META, under "batch" + judge u32 + response u64 + rule u32 + sample u32
// (big-endian): 's' with score, relevance and mass where a cell needs several samples; 'u' for an answer that could not be
// read and is to be asked for with a constraint; 'U' for one that could not be read at all.
#ifndef OPS_BATCH_CELLS_H
#define OPS_BATCH_CELLS_H

#include "model/selection.h"
#include "ops/batch_id.h"
#include "storage/records.h"

typedef enum { BATCH_NONE = 0, BATCH_SAMPLE = 's', BATCH_TO_CONSTRAIN = 'u', BATCH_HOPELESS = 'U' } batch_mark_t;

// What a store remembers of an answer that is no cell. cell is filled for BATCH_SAMPLE.
status_t batch_mark_get (store_t *store, const batch_id_t *id, batch_mark_t *mark, cell_t *cell, fault_t *fault) MUST_USE;

typedef struct batch_cells batch_cells_t;

// For the cells of the run's judge. counts: the run's, kept up to date and stored with the cells; all outlive this. samples: answers that make a cell.
batch_cells_t *batch_cells_new (store_t *store, const Rulemill__RunRecord *run, unsigned samples, Rulemill__RunCounts *counts);
void batch_cells_destroy (batch_cells_t **cells);       // what was not flushed is forgotten

// What is known of a cell, flushed or not. *known: it is there, or this sample of it is.
status_t batch_cells_look (batch_cells_t *cells, const batch_id_t *id, bool *known, batch_mark_t *mark, fault_t *fault) MUST_USE;

// Add what batch_cells_look did not know: an answer's cell, or that it could not be read.
status_t batch_cells_add (batch_cells_t *cells, const batch_id_t *id, const cell_t *cell, fault_t *fault) MUST_USE;
void batch_cells_unread (batch_cells_t *cells, const batch_id_t *id, batch_mark_t mark);

// Commit all of it with the counts. Nothing where there is nothing.
status_t batch_cells_flush (batch_cells_t *cells, fault_t *fault) MUST_USE;

#endif
