// dataset_folder: a dataset is written aside and takes its place in one step.
//
// PLACE.new is filled and synced, then exchanged with PLACE; what stood there is removed last. A crash leaves either
// the old dataset or the new one whole. Only files that belong to a dataset are ever removed: a folder that holds
// anything else is refused with ERR_USAGE.
#ifndef STORAGE_DATASET_FOLDER_H
#define STORAGE_DATASET_FOLDER_H

#include "base/fault.h"

typedef struct dataset_folder dataset_folder_t;

// Make PLACE.new empty (removing what an interrupted export left there). Missing parents of place are made.
status_t dataset_folder_open (const char *place, dataset_folder_t **out, fault_t *fault) MUST_USE;
int dataset_folder_fd (const dataset_folder_t *folder);            // of PLACE.new
const char *dataset_folder_path (const dataset_folder_t *folder);  // "PLACE.new"

// All files are ended: sync the folder and put it in its place.
status_t dataset_folder_commit (dataset_folder_t *folder, fault_t *fault) MUST_USE;

// Removes PLACE.new where it was not committed.
void dataset_folder_close (dataset_folder_t **folder);

// Make DIR/dataset a relative link to target ("run-0123456789ab/dataset"), by rename.
status_t dataset_folder_link (const char *dir, const char *target, fault_t *fault) MUST_USE;

#endif
