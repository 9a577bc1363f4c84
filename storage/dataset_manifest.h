// dataset_manifest: manifest.json, what a dataset is and what each of its files must hash to.
//
// Indented JSON with its keys in a fixed order; nothing in it tells of time, machine, workers or program version.
#ifndef STORAGE_DATASET_MANIFEST_H
#define STORAGE_DATASET_MANIFEST_H

#include "storage/dataset_export.h"

enum { MANIFEST_VERSION = 1, MANIFEST_BYTES_MAX = 64 * 1024 * 1024 };

// Append the manifest. All files of e are ended; card is README.md, ended.
status_t dataset_manifest_write (const dataset_export_t *e, const dataset_file_t *card, buf_t *out, fault_t *fault) MUST_USE;

// "explicit", "implicit", ...
const char *dataset_format_name (dataset_format_t format);

#endif
