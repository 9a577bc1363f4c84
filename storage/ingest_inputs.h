// ingest_inputs: the list of inputs of a corpus, against the list that is given now.
#ifndef STORAGE_INGEST_INPUTS_H
#define STORAGE_INGEST_INPUTS_H

#include "storage/ingest_writer.h"

// A state without inputs, to be freed with rulemill__corpus_state__free_unpacked.
Rulemill__CorpusState *ingest_inputs_new_state (void);

// Bring the state's list in line with the paths given (opened by these, "-" already replaced): new files are added at
// its end, times of files that have not changed are renewed, and where the last file of the list has changed it is
// opened again, at its end: its earlier bytes are still to be compared. Files are the same by their names, not
// by their folders. known: the paths are the state's own, and files that were read whole may be gone.
// ERR_MISMATCH where a file that was read is another one, is missing, or the order differs.
status_t ingest_inputs_match (Rulemill__CorpusState *state, const char *const *paths, size_t n, bool known,
                              const ingest_options_t *options, store_t *store, fault_t *fault) MUST_USE;

// The refusal of an input whose bytes up to where it was read have changed; says from which row on.
status_t ingest_inputs_changed (store_t *store, const ingest_options_t *options, const Rulemill__InputFile *file,
                                uint32_t number, fault_t *fault) MUST_USE;

#endif
