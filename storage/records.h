// records: the typed face of the store: which key and which message stand for what.
//
// Keys are big-endian, so that walks go in corpus order.
//
//   META        "corpus"                              CorpusState
//               "run" + run u32                       RunRecord
//               "runid" + digest (32)                 run u32
//               "lastrun"                             run u32
//               "phase" + run u32 + name              PhaseRecord
//               "counts" + run u32                    RunCounts; run 0: the calls of probes that no run has taken in
//               "probe" + judge identity (32)         ProbeRecord
//               "auto" + run u32                      AutoRecord
//               "limit" + run u32                     LimitRecord
//               "blob" + sha256 (32)                  bytes
//               "scores" + identity (32)              what was imported: storage/scores.c
//               "name" + kind byte + digest (32)      dense number u32 ('J' judge identity, 'R' rule digest)
//               "number" + kind byte + u32            digest (32); and "next" + kind byte: u32
//   TEXTS       'P' + prompt u64                      PromptRecord
//               'R' + response u64                    ResponseRecord
//   PAIRS       pair u64                              PairRecord
//   ROWS        input u32 + row u64                   RowRecord
//   INDEX       type byte + content key (16)          u64 ('P' prompt, 'R' response, 'A' pair)
//               'N' + input u32 + row u64             hash u64 of each name of a row of another part
//   DUPLICATES  pair u64 + input u32 + row u64 + i u32 + j u32   DuplicateRecord
//   REJECTS     input u32 + row u64 + i u32 + j u32   RejectRecord
//   CELLS       'R' + response u64 + judge u32        Cells (rule numbers dense)
//               'A' + pair u64 + judge u32 + side byte (1 A, 2 B as stored)   Cells that hold for this pair alone
//   LABELS      'L' + run u32 + pair u64              Label
//               'X' + run u32 + prompt u64            RejectRecord of an excluded prompt
//               'U' + run u32 + pair u64              Label of an audited pair by exhaustive selection; quarantined: some rule got no answer
//               'F' + run u32 + pair u64              Foreseen, of a pair without a label
//
// Getters return *out == NULL with OK where there is no such record; what they return is freed with
// the message's own __free_unpacked (x, NULL). A record that protobuf can't read is ERR_CORRUPT.
#ifndef STORAGE_RECORDS_H
#define STORAGE_RECORDS_H

#include "base/digest.h"
#include "proto/record.pb-c.h"
#include "storage/store.h"

// A place in the corpus, as a key orders it.
typedef struct { uint32_t input; uint64_t row; uint32_t i, j; } place_t;

// --- corpus ---
status_t record_get_corpus (store_t *store, Rulemill__CorpusState **out, fault_t *fault) MUST_USE;
void record_put_corpus (store_batch_t *batch, const Rulemill__CorpusState *state);
void record_drop_corpus (store_batch_t *batch);     // all of it; for a store without runs alone

status_t record_get_prompt (store_t *store, uint64_t prompt, Rulemill__PromptRecord **out, fault_t *fault) MUST_USE;
status_t record_get_response (store_t *store, uint64_t response, Rulemill__ResponseRecord **out, fault_t *fault) MUST_USE;
status_t record_get_pair (store_t *store, uint64_t pair, Rulemill__PairRecord **out, fault_t *fault) MUST_USE;
status_t record_get_row (store_t *store, uint32_t input, uint64_t row, Rulemill__RowRecord **out, fault_t *fault) MUST_USE;
void record_put_prompt (store_batch_t *batch, uint64_t prompt, const Rulemill__PromptRecord *record);
void record_put_response (store_batch_t *batch, uint64_t response, const Rulemill__ResponseRecord *record);
void record_put_pair (store_batch_t *batch, uint64_t pair, const Rulemill__PairRecord *record);
void record_put_row (store_batch_t *batch, uint32_t input, uint64_t row, const Rulemill__RowRecord *record);
void record_put_duplicate (store_batch_t *batch, uint64_t pair, place_t place, const Rulemill__DuplicateRecord *record);
void record_put_reject (store_batch_t *batch, place_t place, const Rulemill__RejectRecord *record);

// Content keys. type is 'P', 'R' or 'A'.
status_t record_find_key (store_t *store, char type, const content_key_t *key, uint64_t *number, bool *found, fault_t *fault) MUST_USE;
void record_put_key (store_batch_t *batch, char type, const content_key_t *key, uint64_t number);

// Hashes of what a row of another part is called, PASSED_NAMES_MAX at most: its id, or what is made of its place, and its number.
enum { PASSED_NAMES_MAX = 2 };
void record_put_passed (store_batch_t *batch, uint32_t input, uint64_t row, const uint64_t *hashes, size_t n);
void record_delete_passed (store_batch_t *batch, uint32_t input, uint64_t row);

// --- runs ---
status_t record_get_run (store_t *store, uint32_t run, Rulemill__RunRecord **out, fault_t *fault) MUST_USE;
status_t record_find_run (store_t *store, const digest_t *digest, uint32_t *run, bool *found, fault_t *fault) MUST_USE;
status_t record_last_run (store_t *store, uint32_t *run, bool *found, fault_t *fault) MUST_USE;
void record_put_run (store_batch_t *batch, const Rulemill__RunRecord *record);  // under its number and its digest
void record_put_last_run (store_batch_t *batch, uint32_t run);
status_t record_get_phase (store_t *store, uint32_t run, const char *name, Rulemill__PhaseRecord **out, fault_t *fault) MUST_USE;
void record_put_phase (store_batch_t *batch, uint32_t run, const Rulemill__PhaseRecord *record);
status_t record_get_counts (store_t *store, uint32_t run, Rulemill__RunCounts **out, fault_t *fault) MUST_USE; // zeroes where none
void record_put_counts (store_batch_t *batch, uint32_t run, const Rulemill__RunCounts *record);
status_t record_get_probe (store_t *store, const digest_t *judge, Rulemill__ProbeRecord **out, fault_t *fault) MUST_USE;
void record_put_probe (store_batch_t *batch, const digest_t *judge, const Rulemill__ProbeRecord *record);
status_t record_get_auto (store_t *store, uint32_t run, Rulemill__AutoRecord **out, fault_t *fault) MUST_USE;
void record_put_auto (store_batch_t *batch, uint32_t run, const Rulemill__AutoRecord *record);
status_t record_get_limit (store_t *store, uint32_t run, Rulemill__LimitRecord **out, fault_t *fault) MUST_USE;
void record_put_limit (store_batch_t *batch, uint32_t run, const Rulemill__LimitRecord *record);
status_t record_get_label (store_t *store, uint32_t run, uint64_t pair, Rulemill__Label **out, fault_t *fault) MUST_USE;
status_t record_has_label (store_t *store, uint32_t run, uint64_t pair, bool *has, fault_t *fault) MUST_USE;
void record_put_label (store_batch_t *batch, uint32_t run, uint64_t pair, const Rulemill__Label *label);
void record_delete_label (store_batch_t *batch, uint32_t run, uint64_t pair);
status_t record_get_audit (store_t *store, uint32_t run, uint64_t pair, Rulemill__Label **out, fault_t *fault) MUST_USE;
status_t record_has_audit (store_t *store, uint32_t run, uint64_t pair, bool *has, fault_t *fault) MUST_USE;      // every rule was judged
void record_put_audit (store_batch_t *batch, uint32_t run, uint64_t pair, const Rulemill__Label *label);
status_t record_get_foreseen (store_t *store, uint32_t run, uint64_t pair, Rulemill__Foreseen **out, fault_t *fault) MUST_USE;
void record_put_foreseen (store_batch_t *batch, uint32_t run, uint64_t pair, const Rulemill__Foreseen *foreseen);
void record_delete_foreseen (store_batch_t *batch, uint32_t run, uint64_t pair);
status_t record_is_excluded (store_t *store, uint32_t run, uint64_t prompt, bool *excluded, fault_t *fault) MUST_USE;
void record_put_excluded (store_batch_t *batch, uint32_t run, uint64_t prompt, const Rulemill__RejectRecord *why);

// --- cells ---
status_t record_get_cells (store_t *store, uint64_t response, uint32_t judge, Rulemill__Cells **out, fault_t *fault) MUST_USE;
status_t record_get_pair_cells (store_t *store, uint64_t pair, uint32_t judge, int side, Rulemill__Cells **out, fault_t *fault) MUST_USE;
void record_put_cells (store_batch_t *batch, uint64_t response, uint32_t judge, const Rulemill__Cells *cells);
void record_put_pair_cells (store_batch_t *batch, uint64_t pair, uint32_t judge, int side, const Rulemill__Cells *cells);

// --- blobs and dense numbers ---
status_t record_get_blob (store_t *store, const digest_t *digest, buf_t *out, bool *found, fault_t *fault) MUST_USE;
void record_put_blob (store_batch_t *batch, const digest_t *digest, const void *bytes, size_t len);

// What storage/scores.c remembers of an import.
status_t record_get_scores (store_t *store, const digest_t *identity, buf_t *out, bool *found, fault_t *fault) MUST_USE;
void record_put_scores (store_batch_t *batch, const digest_t *identity, const void *bytes, size_t len);

// The dense number of a digest (kind 'J' or 'R'); a new one is written at once (store_write) where there is none.
status_t record_number_of (store_t *store, char kind, const digest_t *digest, uint32_t *number, fault_t *fault) MUST_USE;
// The same for a number that was given; nothing is written.
status_t record_find_number (store_t *store, char kind, const digest_t *digest, uint32_t *number, bool *found, fault_t *fault) MUST_USE;
// The reverse; *found false where the number was never given.
status_t record_digest_of (store_t *store, char kind, uint32_t number, digest_t *digest, bool *found, fault_t *fault) MUST_USE;

// --- walks: key parts of what a store_iter_t stands at ---
store_iter_t *record_walk_rows (store_t *store, uint32_t from_input, uint64_t from_row);
store_iter_t *record_walk_pairs (store_t *store, uint64_t from);
store_iter_t *record_walk_labels (store_t *store, uint32_t run, uint64_t from);
store_iter_t *record_walk_audits (store_t *store, uint32_t run, uint64_t from);     // labels too
store_iter_t *record_walk_duplicates (store_t *store, uint64_t from_pair);
store_iter_t *record_walk_rejects (store_t *store);
store_iter_t *record_walk_passed (store_t *store);
store_iter_t *record_walk_excluded (store_t *store, uint32_t run);
store_iter_t *record_walk_runs (store_t *store);
store_iter_t *record_walk_phases (store_t *store, uint32_t run);
place_t record_row_at (const store_iter_t *iter);                           // rows; i = j = 0
uint64_t record_pair_at (const store_iter_t *iter);                         // pairs and labels
uint64_t record_duplicate_at (const store_iter_t *iter, place_t *place);    // returns the pair
place_t record_place_at (const store_iter_t *iter);                         // rejects
place_t record_passed_at (const store_iter_t *iter);                        // i = j = 0
uint64_t record_excluded_at (const store_iter_t *iter);                     // the prompt
Rulemill__RowRecord *record_read_row (const store_iter_t *iter, fault_t *fault);        // NULL: corrupt
Rulemill__PairRecord *record_read_pair (const store_iter_t *iter, fault_t *fault);
Rulemill__Label *record_read_label (const store_iter_t *iter, fault_t *fault);
Rulemill__DuplicateRecord *record_read_duplicate (const store_iter_t *iter, fault_t *fault);
Rulemill__RejectRecord *record_read_reject (const store_iter_t *iter, fault_t *fault);  // rejects and excluded
size_t record_read_passed (const store_iter_t *iter, uint64_t hashes [PASSED_NAMES_MAX]);       // how many; 0: corrupt
Rulemill__RunRecord *record_read_run (const store_iter_t *iter, fault_t *fault);
Rulemill__PhaseRecord *record_read_phase (const store_iter_t *iter, fault_t *fault);

#endif
