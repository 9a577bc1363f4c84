// label_store: the coordinator's half of labelling, against a store built record by record, and results as a worker makes them.
#ifndef TESTS_UNIT_LABEL_STORE_H
#define TESTS_UNIT_LABEL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/kind_label.h"
#include "model/selection.h"
#include "storage/records.h"
#include "tests/unit/folder_fixture.h"

extern const char pool_yaml [];

enum { PROMPTS = 4, RESPONSES = 3, PAIRS = 8, RULES = 3 };      // of each prompt: pairs (0, 1) and (1, 2); pair 7 has equal sides

typedef struct {
    folder_fixture_t folder;
    store_t *store;
    rulepool_t *pool;
    Rulemill__RunSpec spec;
    Rulemill__RunRecord run;
    kind_label_options_t options;
    kind_t *kind;
    store_batch_t *batch;
    phase_t phase;
    fault_t fault;
} fixture_t;

void commit (fixture_t *f);
void open_kind (fixture_t *f);
int label_store_set_up (void **state);
int label_store_tear_down (void **state);
bool next_phase (fixture_t *f);
size_t look (fixture_t *f, due_t due [PAIRS]);

// --- results as a worker makes them ---------------------------------------------

// Cells of a response: rule r has score +-(response + 1) * 1000 * (r + 1).
int32_t score_of (uint64_t response, uint32_t rule);

typedef struct {
    Rulemill__LabelResult result;
    Rulemill__Label label;
    selected_t selected;
    int32_t score_a [LIMIT_RULES], score_b [LIMIT_RULES];
    uint32_t relevance [LIMIT_RULES];
    bool swapped;
    uint64_t response [2];      // as presented
} made_t;

// What model/selection.h says of a pair.
made_t *make (fixture_t *f, uint64_t item);
verdict_t give_full (fixture_t *f, uint64_t item, const Rulemill__LabelResult *result, bool final, buf_t *known);
verdict_t give (fixture_t *f, uint64_t item, const made_t *made);

typedef struct { Rulemill__Cells cells; uint32_t rule [RULES], relevance [RULES], mass [RULES]; int32_t score [RULES]; } judged_t;

void judged (judged_t *out, uint64_t response, uint32_t from);
Rulemill__LabelItem *body_of (fixture_t *f, uint64_t item, bool first);

#define LABEL_TEST(name) cmocka_unit_test_setup_teardown (name, label_store_set_up, label_store_tear_down)

#endif
