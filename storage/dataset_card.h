// dataset_card: README.md, the dataset card of Hugging Face, which `datasets` reads for configs and types.
//
// YAML front matter: `configs` names the file of each split, `dataset_info.features` the type of each column.
// (huggingface.co/docs/hub/datasets-manual-configuration.) Files without rows are not named.
#ifndef STORAGE_DATASET_CARD_H
#define STORAGE_DATASET_CARD_H

#include "storage/dataset_export.h"

// Append the card; all files of e are ended.
void dataset_card_write (const dataset_export_t *e, buf_t *out);

#endif
