// ingest: from files of rows to numbered, deduplicated pairs in the store.
//
// Inputs are read in the order given. Rows commit together with the position behind
// them, so ingest can be killed anywhere and goes on where it stood, and numbers do not
// depend on interruptions. DESIGN "Data" says what a corpus, a key and a duplicate are.
#ifndef STORAGE_INGEST_H
#define STORAGE_INGEST_H

#include <stdatomic.h>

#include "storage/corpus_part.h"
#include "storage/store.h"

typedef enum { PAIRS_LIMIT, PAIRS_ALL, PAIRS_BEST_VS_REST } pairs_mode_t;

// Names of the columns, where a row's shape is told and not recognised. NULL: recognise.
typedef struct {
    const char *id, *prompt, *responses, *response_a, *response_b, *chosen, *rejected;
    const char *models, *model_a, *model_b, *scores, *preference, *source;
} ingest_mapping_t;

typedef struct {
    const char *const *paths;       // files; globs are expanded by the caller; "-" is standard input
    size_t n_paths;                 // 0: the inputs and options that the store has; of these only dir and bad_share_max count
    const char *dir;                // DIR; standard input is spooled to DIR/input-N.jsonl first
    pairs_mode_t pairs;
    uint32_t pairs_max;             // PAIRS_LIMIT: at most this many of a prompt's pairs, by hash (default 15)
    uint64_t seed;                  // of that choice, and of the parts
    corpus_part_t part;             // which rows are taken; the others are read and passed over. As the store has it where n_paths is 0 and of is
    ingest_mapping_t mapping;
    size_t row_bytes_max;           // 0: LIMIT_ROW_BYTES, the upper bound of both
    size_t text_bytes_max;          // 0: LIMIT_TEXT_BYTES
    double bad_share_max;           // 0..1, of rows that can't be used, whichever part they are of; judged after 10,000 rows and at the end
} ingest_options_t;

// Where it stands; written by ingest, read by whoever shows progress.
typedef struct {
    _Atomic uint64_t rows, rejected, pairs, duplicates, bytes, bytes_total;
    _Atomic uint64_t passed;        // rows of other parts
    _Atomic bool stop;              // set by others: commit and return ERR_STOPPED
} ingest_progress_t;

// Standard input is kept in DIR. Given once more, it may be empty, the same, or the same with more rows behind;
// anything else is ERR_MISMATCH, since another corpus needs another DIR.
//
// Files are the same by name, size and time, or else by their bytes; they may have moved to another folder. Rows that
// are blank are passed over, and not counted. A row that is set aside stands in REJECTS under its place with
// i = j = 0 and has no RowRecord; of a list that has a RowRecord, a single response that can't be used stands
// there under i = j = its place, and is not counted as a row set aside.
//
// Fails at once where an input does not exist, can't be read or is not what its suffix says;
// ERR_MISMATCH, with the difference, where the store holds another corpus or its earlier bytes changed;
// ERR_FORMAT "the wrong file was given" above bad_share_max; ERR_STOPPED on progress->stop.
// OK: all inputs are in the store, synced.
status_t ingest_run (store_t *store, const ingest_options_t *options, ingest_progress_t *progress, fault_t *fault) MUST_USE;

#endif
