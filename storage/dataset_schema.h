// dataset_schema: which files a dataset has, and the columns and types of each.
//
// Readers such as Hugging Face `datasets` guess types from the first rows and fail when a later row disagrees, so
// the card states them all. This is the one list of them; storage/dataset_row.h writes rows in the same order.
#ifndef STORAGE_DATASET_SCHEMA_H
#define STORAGE_DATASET_SCHEMA_H

#include <stdbool.h>

#include "storage/dataset.h"

// The files with rows, in the order in which the manifest lists them.
typedef enum {
    PART_TRAIN, PART_VALIDATION, PART_TIES, PART_DUPLICATES, PART_QUARANTINE, PART_RESPONSES, PART_CELLS,
    PART_PAIR_CELLS, PART_COUNT
} dataset_part_t;

const char *dataset_part_file (dataset_part_t part);    // "train.jsonl"
const char *dataset_part_config (dataset_part_t part);  // "default" for train and validation, else the file's stem
const char *dataset_part_split (dataset_part_t part);   // "validation" for that one, else "train"

// Is this the name of a file that a dataset may have?
bool dataset_is_file (const char *name);

// The i-th column of a part; NULL behind the last one. meaning: a sentence for the card.
const char *dataset_column (dataset_part_t part, dataset_format_t format, size_t i, const char **meaning);

// dataset_info.features of a part as YAML lines, each with `indent` spaces before it.
void dataset_write_features (dataset_part_t part, dataset_format_t format, const dataset_rule_t *rules, size_t n_rules,
                             unsigned indent, buf_t *out);

#endif
