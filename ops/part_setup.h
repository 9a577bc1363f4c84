// part_setup: a job on one part of a corpus (--part i/N, corpus.part). All parts must label as one job would, so nothing that decides a label may
// be found out by each part for itself.
#ifndef OPS_PART_SETUP_H
#define OPS_PART_SETUP_H

#include "ops/config.h"
#include "storage/store.h"

// Where nobody gave a part, it is the one that the store holds.
status_t part_setup_inherit (config_t *config, store_t *store, fault_t *fault) MUST_USE;

// Would a new run of this configuration be the same in all parts? margin_open: its tie margin is to be measured. ERR_USAGE says what to do.
status_t part_setup_check (const config_t *config, bool margin_open, fault_t *fault) MUST_USE;

#endif
