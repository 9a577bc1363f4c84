// dataset_export: what the parts of one export share while it runs.
//
// dataset.c drives: one walk over the pairs (dataset_merge), with cells and responses as they come (dataset_cells), then the card and the
// manifest. Each part appends rows to `files`; nothing is visible before the folder is committed.
#ifndef STORAGE_DATASET_EXPORT_H
#define STORAGE_DATASET_EXPORT_H

#include "base/prompt_share.h"
#include "storage/dataset_file.h"
#include "storage/dataset_folder.h"
#include "storage/dataset_keep.h"
#include "storage/dataset_merge.h"
#include "storage/dataset_row.h"
#include "storage/dataset_schema.h"
#include "storage/dataset_sign.h"
#include "storage/dataset_tally.h"
#include "storage/dataset_where.h"

// Counts that the report does not have.
typedef struct {
    uint64_t rows_read, pairs, unlabelled, rejected_rows, rejected_responses, quarantined_pairs, excluded_prompts;
    uint64_t by_where, by_margin, by_format, by_prompt;     // of the labelled pairs that were left out, the reasons
} dataset_counts_t;

typedef struct {
    // given
    const dataset_source_t *sources;    // a job's store, or those of a corpus's parts, in their order
    size_t n_sources;
    const Rulemill__RunRecord *run;     // of the first; the others' is the same but for its number
    const dataset_options_t *options;
    dataset_progress_t *progress;       // may be NULL
    dataset_report_t *report;

    // made at the start
    Rulemill__CorpusState *corpus;      // of the first: the inputs are the same in all
    uint64_t corpus_pairs;
    Rulemill__AutoRecord *automatic;    // NULL: the policy is another than auto
    dataset_style_t style;
    dataset_where_t *where;
    dataset_keep_t *keep;               // NULL: all of a prompt's pairs stay
    sign_key_t *key;                    // NULL: unsigned
    dataset_folder_t *folder;

    // grows
    dataset_file_t *files [PART_COUNT];
    dataset_counts_t counts;
    dataset_tally_t *tally;
    prompt_share_t agreement, longer;   // labels, and preferring the longer response, against the preferences that rows gave
    buf_t line;                         // the row in hand
} dataset_export_t;

// Append e->line to a file and empty it.
status_t dataset_put_line (dataset_export_t *e, dataset_part_t part, fault_t *fault) MUST_USE;

// ERR_STOPPED where somebody asked for it.
status_t dataset_check_stop (const dataset_export_t *e, fault_t *fault) MUST_USE;

// Does a prompt go to validation?
bool dataset_in_validation (uint64_t seed, double share, const ProtobufCBinaryData *group_key);

#endif
