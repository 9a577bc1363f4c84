// ingest_writer: rows become numbered texts, pairs and duplicates in a batch.
#ifndef STORAGE_INGEST_WRITER_H
#define STORAGE_INGEST_WRITER_H

#include "storage/pair_choice.h"
#include "storage/records.h"

typedef struct ingest_writer ingest_writer_t;

// options and state stay the caller's and must outlive it; state's next numbers and counts are kept up.
ingest_writer_t *ingest_writer_new (store_t *store, const ingest_options_t *options, Rulemill__CorpusState *state);
void ingest_writer_destroy (ingest_writer_t **writer);

// Add a row. file: its file's name, for the id of a row that has none. A row that can't be paired is set aside;
// so is any response of a list that can't be used, alone.
status_t ingest_writer_add (ingest_writer_t *writer, uint32_t input, uint64_t number, const char *file,
                            const row_t *row, fault_t *fault) MUST_USE;

// Set a row aside.
void ingest_writer_reject (ingest_writer_t *writer, uint32_t input, uint64_t number, const char *id, const row_problem_t *problem);

// A row of another part.
typedef struct {
    Rulemill__InputFile *file;
    const char *name;           // its file's
    uint32_t input;
    uint64_t row, number;       // in its file, from 1; in the corpus, from 0
    const char *id;             // NULL: none
    const char *why;            // no part can use it; NULL: its part can
} passed_row_t;

// Pass it over: it is counted in its file, and of what it is called a hash is kept, so that scores find out whom a name means.
void ingest_writer_pass (ingest_writer_t *writer, const passed_row_t *row);

// Forget that a row was set aside, or passed over: it is read again.
void ingest_writer_unreject (ingest_writer_t *writer, uint32_t input, uint64_t number);
void ingest_writer_unpass (ingest_writer_t *writer, Rulemill__InputFile *file, uint32_t input, uint64_t number);

// Enough collected for a write.
bool ingest_writer_full (const ingest_writer_t *writer);

// Write what was collected, with the state as it stands (unsynced).
status_t ingest_writer_flush (ingest_writer_t *writer, fault_t *fault) MUST_USE;

#endif
