// run: naming a run by everything that decides its labels.
#ifndef STORAGE_RUN_H
#define STORAGE_RUN_H

#include "storage/records.h"

enum { METHOD_VERSION = 1 };    // raised whenever code changes a label

// The specification as "key: value" lines in a fixed order; what its digest is taken of and what people are shown.
void run_describe (const Rulemill__RunSpec *spec, buf_t *out);
digest_t run_digest (const Rulemill__RunSpec *spec);

// One line for each key that differs, with where each value stands: "seed: 1 in the store, 2 asked for".
void run_difference (const Rulemill__RunSpec *one, const char *where, const Rulemill__RunSpec *other, const char *elsewhere, buf_t *out);

// The folder's and the command line's name of a run: "run-" and the first 12 digits of its digest.
void run_name (const digest_t *digest, char out [20]);

// The judge that a run's cells of one member of its panel (0 where it has none) are kept under: for repeat 0 its own identity, for the
// repeats one that is made of it.
digest_t run_judge (const Rulemill__RunSpec *spec, size_t member, unsigned repeat);

// Find a run by name, by a unique prefix of its digest (4 digits or more), or the last one (text NULL).
// *out is freed with rulemill__run_record__free_unpacked. ERR_NOT_FOUND lists those there are.
status_t run_find (store_t *store, const char *text, Rulemill__RunRecord **out, fault_t *fault) MUST_USE;

#endif
