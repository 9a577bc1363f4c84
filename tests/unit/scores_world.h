// scores_world: a small corpus in a store, scores that are imported into it, and what must be there then.
#ifndef TESTS_UNIT_SCORES_WORLD_H
#define TESTS_UNIT_SCORES_WORLD_H

#include "base/cell.h"
#include "storage/ingest.h"
#include "storage/scores.h"

enum { RULES = 3 };
extern const char *const rule_ids [RULES];

typedef struct {
    char dir [64];
    store_t *store;
    digest_t digests [RULES];
    scores_options_t options;
    scores_report_t report;
    fault_t fault;
    char path [96];
} world_t;

int scores_world_set_up (void **state);
int scores_world_tear_down (void **state);
void write_text (const char *path, const char *text);
void corpus (world_t *w, const char *text);
status_t import (world_t *w, const char *lines);
void import_ok (world_t *w, const char *lines);
uint32_t judge (world_t *w);
void expect_response (world_t *w, uint64_t response, const char *want);
void expect_pair (world_t *w, uint64_t pair, int side, const char *want);
uint64_t response_of (world_t *w, uint64_t pair, int side);

extern const char plain_rows [];

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown (f, scores_world_set_up, scores_world_tear_down)

#endif
