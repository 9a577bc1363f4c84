// inspect_find: which pair somebody means.
#ifndef STORAGE_INSPECT_FIND_H
#define STORAGE_INSPECT_FIND_H

#include "storage/records.h"

typedef enum { FOUND_PAIR, FOUND_DUPLICATE, FOUND_REJECT } found_kind_t;

typedef struct {
    found_kind_t kind;
    uint64_t pair;          // FOUND_PAIR; FOUND_DUPLICATE: the pair that it repeats
    place_t place;          // FOUND_DUPLICATE: its own; FOUND_REJECT: of the row or response that was set aside
} found_t;

// what: "#N", a pair key, ROW#i-j, ROW or FILE:LINE. There is no index of row ids: rows are walked through until one fits
// (the first of several with the same id). ERR_NOT_FOUND says what to try, and names the pairs of a row that has several.
status_t inspect_find (store_t *store, const Rulemill__CorpusState *corpus, const char *what, found_t *out, fault_t *fault) MUST_USE;

#endif
