// ingest_drop: taking an input back that gave nothing, as the wrong file does.
#ifndef STORAGE_INGEST_DROP_H
#define STORAGE_INGEST_DROP_H

#include "storage/records.h"

// Drop inputs from the end of the state's list until n are left, as long as no row of theirs could be used; their
// rows that were set aside are forgotten. The state is brought up to date and written with that. An input with a usable row
// stays, and so do those before it.
status_t ingest_drop_barren (store_t *store, Rulemill__CorpusState *state, size_t n, fault_t *fault) MUST_USE;

#endif
