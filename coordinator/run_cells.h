// run_cells: what a run's labels are made of: the stored cells of its judge, or those of its panel as one.
#ifndef COORDINATOR_RUN_CELLS_H
#define COORDINATOR_RUN_CELLS_H

#include "storage/records.h"

// A response's cells, with rules as the store numbers them; of a panel those that all members have judged. *out is NULL where
// there are none; the caller frees it.
status_t run_cells_get (store_t *store, const Rulemill__RunRecord *run, uint64_t response, Rulemill__Cells **out, fault_t *fault) MUST_USE;

#endif
