// dataset: a run's labels as the files that trainers load.
//
// Written to DIR/RUN/dataset.new, synced, renamed to DIR/RUN/dataset; then DIR/dataset is made a link to it
// by rename, where asked. Ordered by the pair's place in the corpus; nothing in it depends on time, on workers or
// on the order of arrival.
#ifndef STORAGE_DATASET_H
#define STORAGE_DATASET_H

#include <stdatomic.h>

#include "storage/dataset_walk.h"

typedef enum { FORMAT_EXPLICIT, FORMAT_IMPLICIT, FORMAT_TEXT, FORMAT_REWARDBENCH } dataset_format_t;

// What the exporter needs to know of a rule of the run's pool.
typedef struct { const char *id, *text, *category; int polarity; } dataset_rule_t;

typedef struct {
    const char *dir;                // DIR
    const char *out;                // a folder of the user's instead of DIR/RUN/dataset, NULL: that one, and the link
    dataset_format_t format;
    bool zstd;                      // .jsonl.zst
    double validation_share;        // of groups, by hash of (seed, group_key)
    int64_t min_margin;             // 1e-6; smaller margins are left out
    uint64_t max_per_prompt;        // 0: all; the largest margins stay
    const char *const *where;       // "key=value" over columns and top-level meta fields; all must hold
    size_t n_where;
    bool responses;                 // also responses.jsonl: each response with its scores
    bool cells;                     // also cells.jsonl and pair_cells.jsonl: stored cells, as storage/scores.h reads them
    bool all_labelled;              // refuse where a pair has no label yet
    const char *sign_key;           // PEM file of an Ed25519 private key, NULL: unsigned
    const dataset_rule_t *rules;    // the run's pool, in order
    const digest_t *rule_digests;
    size_t n_rules;
    // The cells of a response that the run's labels are made of; NULL: those stored under the run's judge.
    status_t (*cells_of) (store_t *store, const Rulemill__RunRecord *run, uint64_t response, Rulemill__Cells **out, fault_t *fault);
    const char *judge_note;         // a sentence about the judge for the card ("a baseline ...")
} dataset_options_t;

typedef struct { _Atomic uint64_t pairs_done, pairs_total; _Atomic bool stop; } dataset_progress_t;

typedef struct {
    uint64_t train, validation, ties, duplicates, filtered;
    uint64_t quarantined, excluded;         // rows and pairs set aside; pairs of excluded prompts
    uint64_t longer, shorter;               // which response won, of the labelled
    uint64_t votes_agree, votes_disagree, votes_split, votes_tied;   // majority of given preferences against the label; ties of the label among those with one
    uint64_t given_longer, given_shorter;   // the given preference against length, for the baseline
    uint64_t agree_worth, longer_worth;     // how many independent pairs those of votes_ and given_ are worth (base/prompt_share.h)
    uint64_t tie_identical, tie_no_rule, tie_margin;
    uint64_t by_adapter;                    // labelled pairs whose rules an adapter foresaw
    uint64_t cells_all, cells_selected;     // distinct cells of the labelled pairs: under all rules, under those that decided or were judged with these
    char path [4096];                       // where it stands
} dataset_report_t;

// Export a run. ERR_STOPPED on progress->stop, with nothing changed.
status_t dataset_export (store_t *store, const Rulemill__RunRecord *run, const dataset_options_t *options,
                         dataset_progress_t *progress, dataset_report_t *report, fault_t *fault) MUST_USE;

// Export the parts of a corpus, which dataset_join_check has found to be all and has put in order, as the dataset that one job on the whole corpus
// has: its rows are the same, byte for byte. options->out is needed.
status_t dataset_join (const dataset_source_t *parts, size_t n, const dataset_options_t *options, dataset_progress_t *progress,
                       dataset_report_t *report, fault_t *fault) MUST_USE;

// Check a dataset's folder: manifest readable, each file there with its SHA-256 and row count, none besides, signature
// (against public_key, a PEM file; NULL: the signature's presence is reported, not judged). One problem a line into problems;
// OK as long as it could look, so the dataset is good where problems stays empty. ERR_NOT_FOUND: no such folder.
status_t dataset_verify (const char *folder, const char *public_key, buf_t *problems, buf_t *summary, fault_t *fault) MUST_USE;

#endif
